// The namespace as the official client sees it. Usage: sockets.mjs <name>…; the names are the exports of sockets/*.mjs.

import { check, run } from "./stage.mjs";
import * as bounds from "./sockets/bounds.mjs";
import * as doors from "./sockets/doors.mjs";
import * as linking from "./sockets/linking.mjs";
import * as story from "./sockets/story.mjs";

const parts = { ...doors, ...story, ...bounds, ...linking };

await run(async () => {
  const [name, ...parameters] = process.argv.slice(2);
  check(Object.hasOwn(parts, name), `no part ${name}; there are ${Object.keys(parts).join(", ")}`);
  await parts[name](...parameters);
});
