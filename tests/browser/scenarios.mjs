// What owners do to a page besides the straight way. Usage: scenarios.mjs <name>; the names are the exports of scenarios/*.mjs.

import { withBrowser } from "./chromium.mjs";
import { check, run } from "./stage.mjs";
import * as codes from "./scenarios/codes.mjs";
import * as console_ from "./scenarios/console.mjs";
import * as newcomer from "./scenarios/newcomer.mjs";
import * as passkeys from "./scenarios/passkeys.mjs";
import * as refusals from "./scenarios/refusals.mjs";
import * as tabs from "./scenarios/tabs.mjs";
import * as trouble from "./scenarios/trouble.mjs";

const scenarios = { ...newcomer, ...console_, ...tabs, ...codes, ...passkeys, ...refusals, ...trouble };
const name = process.argv[2];

await run(async () => {
  check(Object.hasOwn(scenarios, name), `no scenario ${name}; there are ${Object.keys(scenarios).join(", ")}`);
  await withBrowser(name, scenarios[name]);
});
