// Tabs that are reloaded, doubled, closed and opened again.

import { addressFor, isClean, isDone, observe, readQr, text, visitor } from "../chromium.mjs";
import { check, onboard, phoneExists, SERVER, salonExists, same, scan, status, until } from "../stage.mjs";

const SALON = 720_001;
const NUMBER = "79007200001";

async function ready() {
  await salonExists(SALON);
  await phoneExists(NUMBER);
}

export async function aReloadKeepsTheState(browser) {
  await ready();
  const context = await visitor(browser);
  const page = await context.newPage();
  const seen = observe(page);
  await page.goto(await addressFor(SALON));
  const qr = await readQr(page);
  await page.reload();
  same(await readQr(page), qr, "the code after a reload");
  await scan(NUMBER, qr);
  await isDone(page);
  await page.reload({ waitUntil: "domcontentloaded" });
  check(await page.locator("#done").isVisible(), "done is shown at first sight after a reload");
  same(await text(page, "done-phone"), `+${NUMBER}`, "the number after a reload");
  await isClean(page, seen);
}

export async function twoTabsSeeTheSameSession(browser) {
  await ready();
  const address = await addressFor(SALON);
  const [first, second] = [await (await visitor(browser)).newPage(), await (await visitor(browser)).newPage()];
  const seen = [observe(first), observe(second)];
  await Promise.all([first.goto(address), second.goto(address)]);
  const qr = await readQr(first);
  same(await readQr(second), qr, "the code in the second tab");
  await scan(NUMBER, qr);
  await Promise.all([isDone(first), isDone(second)]);
  await isClean(first, seen[0]);
  await isClean(second, seen[1]);
}

/** The stage lets an unpaired link live only 1 s without a viewer. */
export async function aClosedTabCanBeOpenedAgain(browser) {
  await ready();
  const token = await onboard(SALON);
  const address = `${SERVER}/marketplace/onboarding?token=${token}`;
  const context = await visitor(browser);
  const page = await context.newPage();
  await page.goto(address);
  await readQr(page);
  await page.close();
  await until("the link without a viewer is stopped", async () => (await status(SALON, token)).state === "Idle");

  const again = await context.newPage();
  const seen = observe(again);
  await again.goto(address);
  await scan(NUMBER, await readQr(again));
  await isDone(again);
  await isClean(again, seen);
}

export async function aPageWithoutASocketGoesOnByAsking(browser) {
  await ready();
  const page = await (await visitor(browser)).newPage();
  const seen = observe(page);
  await page.routeWebSocket(/\/socket\.io\//, (socket) => socket.close());
  await page.goto(await addressFor(SALON));
  await readQr(page);
  await until("the page has nothing to complain about", async () => (await text(page, "line")) === "");
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  check(seen.events.length === 0, "the socket was blocked");
  await isClean(page, seen, /WebSocket connection/);
}
