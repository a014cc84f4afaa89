// A real Chromium that can reach nothing but this machine, and an observer that notes what a good page never does.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { PATIENCE_MS, SERVER, check, onboard, pressConnect, until } from "./stage.mjs";
import { decode } from "./qr.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SCREENSHOTS = process.env.FRONTDESK_SCREENSHOTS ?? "target/screenshots";

export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
export const DESKTOP = { viewport: { width: 1280, height: 800 } };

const FLAGS = [
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
  "--no-first-run", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: FLAGS, chromiumSandbox: false });
  return browser;
}

/** A fresh profile: `look` is [`PHONE`] or [`DESKTOP`]. */
export async function visitor(browser, look = DESKTOP, locale = "ru-RU") {
  const context = await browser.newContext({ ...look, locale });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(noteInPage);
  return context;
}

/** Runs in the page before anything of ours: violations of the policy, and every title the state had. */
function noteInPage() {
  window.violations = [];
  window.titles = [];
  addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  addEventListener("DOMContentLoaded", () => {
    const title = document.getElementById("state-title");
    if (!title) return;
    const note = () => window.titles.at(-1) !== title.textContent && window.titles.push(title.textContent);
    new MutationObserver(note).observe(title, { childList: true, characterData: true, subtree: true });
    note();
  });
}

/** Listens to a page of `home` from the start. `faults` fills with what should not be; `events` with what the socket said. */
export function observe(page, home = SERVER) {
  const faults = [], events = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`script: ${error}`));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== home) faults.push(`request to ${url.origin}`);
  });
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).host !== new URL(SERVER).host) faults.push(`socket to ${socket.url()}`);
    socket.on("framereceived", ({ payload }) => {
      const found = String(payload).match(/^42\/marketplace,(\[.*)$/s);
      if (!found) return;
      const [name, body] = JSON.parse(found[1]);
      events.push({ name, body, at: Date.now() });
    });
  });
  return { faults, events };
}

/** The page did nothing wrong, but for what `allowed` matches. */
export async function isClean(page, { faults }, allowed = /^$/) {
  const violations = await page.evaluate(() => window.violations ?? []);
  const found = [...faults.filter((fault) => !allowed.test(fault)), ...violations.map((violation) => `policy: ${violation}`)];
  check(found.length === 0, `the page misbehaved:\n  ${found.join("\n  ")}`);
}

/** Opens the page as an owner gets there: *Connect* at YClients, then the signed redirect. Returns its address. */
export async function openAsOwner(page, salon) {
  await page.goto(await pressConnect(salon));
  check(page.url().startsWith(`${SERVER}/marketplace/onboarding?token=`), `landed on ${page.url()}`);
  return page.url();
}

export const addressFor = async (salon) => `${SERVER}/marketplace/onboarding?token=${await onboard(salon)}`;

/** Waits for a QR code and reads it from the pixels of the whole page, as a phone's camera would. Keeps the picture when it has a name. */
export async function readQr(page, file) {
  await page.locator("#qr-image").waitFor();
  if (file) await shoot(page, file);
  const look = () => page.screenshot({ fullPage: true, animations: "disabled", scale: "css" });
  return until("a QR code that can be read from a screenshot", async () => decode(await look()));
}

/** A screenshot of the whole page; kept when it has a name. */
export async function shoot(page, file) {
  const options = { fullPage: true, animations: "disabled" };
  if (file) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    options.path = join(SCREENSHOTS, `${file}.png`);
  }
  return page.screenshot(options);
}

export const text = (page, id) => page.locator(`#${id}`).innerText();

/** The page says that all is done. */
export async function isDone(page) {
  await page.locator("#done").waitFor();
}

/** No serious fault for people with a screen reader, weak eyes or no mouse. */
export async function isAccessible(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ["violations"] }));
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const lines = grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`).join(" | ")}`);
  check(grave.length === 0, `accessibility of ${where}:\n  ${lines.join("\n  ")}`);
}

/** Nothing has to be scrolled sideways. */
export async function fits(page, where) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  check(content <= window, `${where} is ${content} px wide in a window of ${window} px`);
}

/** Words of ours stay whole and inside of their cards. What stands in `code` may be cut anywhere. */
export async function keepsWords(page, where) {
  const broken = await page.evaluate(() => {
    const found = [];
    for (const card of document.querySelectorAll(".card, .figure")) {
      const edge = card.getBoundingClientRect().right, texts = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const node = texts.currentNode, range = document.createRange();
        if (node.parentElement.closest("code, .scroll, .hidden") || !node.parentElement.checkVisibility()) continue;
        for (const { index, 0: word } of node.data.matchAll(/\p{L}+/gu)) {
          range.setStart(node, index);
          range.setEnd(node, index + word.length);
          const parts = [...range.getClientRects()];
          if (new Set(parts.map(({ top }) => Math.round(top))).size > 1 || parts.some(({ right }) => right > edge + 1)) found.push(word);
        }
      }
    }
    return found;
  });
  check(broken.length === 0, `${where}: broken or cut off: ${broken.join(", ")}`);
}

/** Everything that can be pressed is reached by Tab alone, visibly. */
export async function worksWithoutMouse(page, where) {
  const wanted = await page.evaluate(() => {
    const visible = (element) => element.checkVisibility() && element.getClientRects().length > 0;
    const all = [...document.querySelectorAll("a[href], button, summary, input")].filter(visible);
    window.unreached = new Set(all);
    document.activeElement?.blur();
    return all.length;
  });
  for (let step = 0; step < wanted + 3; step++) {
    await page.keyboard.press("Tab");
    const outlined = await page.evaluate(() => {
      const element = document.activeElement;
      window.unreached.delete(element);
      return element === document.body || getComputedStyle(element).outlineStyle !== "none";
    });
    check(outlined, `${where}: the focus can't be seen`);
  }
  const left = await page.evaluate(() => [...window.unreached].map((element) => element.outerHTML.slice(0, 120)));
  check(left.length === 0, `${where}: not reached by Tab: ${left.join(", ")}`);
}

/** Presses Tab until this element has the focus. */
export async function tabTo(page, selector) {
  for (let step = 0; step < 40; step++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${selector} is not reached by Tab`);
}

/** A browser, and a picture of every open page when something fails. */
export async function withBrowser(name, work) {
  const browser = await launch();
  try {
    await work(browser);
  } catch (error) {
    for (const [number, page] of browser.contexts().flatMap((context) => context.pages()).entries()) {
      await shoot(page, `failed-${name}-${number}`).catch(() => {});
    }
    throw error;
  } finally {
    await browser.close();
  }
}
