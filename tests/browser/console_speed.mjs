// Measures the console in Chromium for the benchmark: `node console_speed.mjs <runs> <companies>`. Prints one JSON line with milliseconds of each run.

import { DESKTOP, launch, visitor } from "./chromium.mjs";
import { SERVER, check } from "./stage.mjs";

const [runs, companies] = process.argv.slice(2).map(Number);
const KEY = process.env.ADMIN_KEY;

/** Runs in the page before anything of ours: notes when a place of the page first has what it waits for. */
function noteTimes() {
  window.drawn = {};
  const places = { overview: "#companies", list: "#results tbody tr" };
  const look = () => {
    for (const [name, selector] of Object.entries(places)) {
      if (!(name in window.drawn) && document.querySelector(selector)?.textContent) window.drawn[name] = performance.now();
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
}

const painted = async (page) => (await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime)).jsonValue();
const drawn = async (page, name) => (await page.waitForFunction((wanted) => window.drawn[wanted], name)).jsonValue();

/** From the last letter to the painted result. */
function search(page, words) {
  return page.evaluate((wanted) => new Promise((resolve) => {
    const [input, found] = ["search", "found"].map((id) => document.getElementById(id));
    const began = performance.now();
    new MutationObserver((_, observer) => {
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
    }).observe(found, { childList: true, characterData: true, subtree: true });
    input.value = wanted;
    input.dispatchEvent(new Event("input"));
  }), words);
}

async function open(context, path) {
  const page = await context.newPage();
  await page.goto(`${SERVER}/console/${path}`, { waitUntil: "commit" });
  return page;
}

const browser = await launch();
const context = await visitor(browser, DESKTOP, "ru-RU");
await context.addInitScript(noteTimes);
const entrance = await open(context, "");
await entrance.locator("#key").fill(KEY);
await entrance.keyboard.press("Enter");
await entrance.locator("#companies").waitFor();
await entrance.close();

const times = { overview_paint: [], overview: [], list_paint: [], list: [], search: [] };
for (let run = 0; run < runs; run++) {
  const overview = await open(context, "");
  times.overview.push(await drawn(overview, "overview"));
  times.overview_paint.push(await painted(overview));
  await overview.close();
  const list = await open(context, "#/companies");
  times.list.push(await drawn(list, "list"));
  times.list_paint.push(await painted(list));
  // One salon among all, then all that have a word.
  times.search.push(await search(list, `красоты ${companies - 1 - run}`), await search(list, "салон красоты"));
  check((await list.locator("#results tbody tr").count()) === 50, "the first page of all that were found");
  await list.close();
}
await browser.close();
console.log(JSON.stringify(times));
