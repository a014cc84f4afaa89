// What a phone's camera does: finds a QR code in the pixels of a screenshot.

import jsQR from "jsqr";
import { PNG } from "pngjs";

/** The text of the QR code in a PNG, or `undefined`. */
export function decode(png) {
  const { data, width, height } = PNG.sync.read(png);
  const found = jsQR(new Uint8ClampedArray(data), width, height, { inversionAttempts: "dontInvert" });
  return found?.data;
}
