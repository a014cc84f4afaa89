// The server, WhatsApp and YClients get into trouble while the page is open.

import { addressFor, isAccessible, isClean, isDone, observe, readQr, shoot, tabTo, text, visitor } from "../chromium.mjs";
import { acceptedCallbacks, check, control, fault, phoneExists, phoneOnline, salonExists, same, scan, server, until } from "../stage.mjs";

const SALON = 750_001;
const NUMBER = "79007500001";

/** What Chromium says by itself about a server that is away. */
const AWAY = /WebSocket connection|Failed to load resource|ERR_CONNECTION_REFUSED/;

async function opened(browser) {
  await salonExists(SALON);
  await phoneExists(NUMBER);
  const page = await (await visitor(browser)).newPage();
  const seen = observe(page);
  await page.goto(await addressFor(SALON));
  await readQr(page);
  return { page, seen };
}

async function saysThatTheServerIsAway(page) {
  await until("the page says that it lost the server", async () => (await text(page, "line")).includes("прервалась"));
}

/** The code of the dead server's link is worth nothing: the page must come to a new one by itself. */
export async function aRestartedServerIsFoundAgainWhileWaiting(browser) {
  const { page, seen } = await opened(browser);
  const old = await readQr(page);
  await server("kill");
  await saysThatTheServerIsAway(page);
  await until("no code that nobody would take", async () => !(await page.locator("#qr-image").isVisible()));
  await shoot(page, "server-away");
  await isAccessible(page, "a page without its server");
  await server("start");
  const fresh = await until("a new code", async () => {
    const qr = await readQr(page);
    return qr !== old && qr;
  });
  await scan(NUMBER, fresh);
  await isDone(page);
  await isClean(page, seen, AWAY);
}

export async function aRestartedServerIsFoundAgainWhenConnected(browser) {
  const { page, seen } = await opened(browser);
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  await server("kill");
  await saysThatTheServerIsAway(page);
  await server("start");
  await until("the link is back", () => phoneOnline(NUMBER));
  await until("the page found the server", async () => !(await text(page, "line")).includes("прервалась"));
  await isDone(page);
  same(await acceptedCallbacks(SALON), 1, "callbacks");
  await isClean(page, seen, AWAY);
}

export async function anUninstallOnAnOpenPageHasWords(browser) {
  const { page, seen } = await opened(browser);
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  await control("POST", `/control/salons/${SALON}/uninstall`);
  await page.locator("#start-over").waitFor();
  check(!(await page.locator("#done").isVisible()), "done no more");
  check(!(await page.locator("#qr").isVisible()) && !(await page.locator("#pair").isVisible()), "no code for a removed integration");
  const said = `${await text(page, "state-title")} ${await text(page, "state-reason")}`;
  check(said.includes("YClients"), `the page says ${said}`);
  same(await page.locator("[aria-current=step]").getAttribute("data-step"), "1", "the step of a removed integration");
  await isAccessible(page, "a removed integration");
  await shoot(page, "uninstalled");
  await isClean(page, seen);
}

/** YClients answers 503: the page says that it goes on by itself, and *Try now* tries now. */
export async function aFailedActivationCanBePushed(browser) {
  const { page, seen } = await opened(browser);
  await fault({ service: "yclients", target: String(SALON), fault: "status", code: 503 });
  await scan(NUMBER, await readQr(page));
  await page.locator("#activate").waitFor();
  await isAccessible(page, "an activation that is retried");
  await shoot(page, "activation-retried");
  await control("DELETE", "/control/faults");
  // Pressed within a second of the failure nothing happens; a person presses again.
  await tabTo(page, "#activate");
  await until("the button works", async () => {
    await page.keyboard.press("Enter");
    return page.locator("#done").isVisible();
  }, 20_000);
  same(await acceptedCallbacks(SALON), 1, "callbacks");
  await isClean(page, seen);
}

export async function aRefusedActivationHasWordsAndAWayBack(browser) {
  const { page, seen } = await opened(browser);
  await fault({ service: "yclients", target: String(SALON), fault: "status", code: 422 });
  await scan(NUMBER, await readQr(page));
  await page.locator("#activation-over").waitFor();
  check(!(await page.locator("#done").isVisible()), "not done");
  await isAccessible(page, "a refused activation");
  await shoot(page, "activation-refused");
  await isClean(page, seen);
}

/** Another program took the link: it is not fought for, and the owner can take it back. */
export async function aReplacedLinkCanBeTakenBack(browser) {
  const { page, seen } = await opened(browser);
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  await fault({ service: "whatsapp", target: NUMBER, fault: "replaced" });
  await page.locator("#reconnect").waitFor();
  await isAccessible(page, "a replaced link");
  await shoot(page, "replaced");
  await tabTo(page, "#reconnect");
  await page.keyboard.press("Enter");
  await isDone(page);
  await isClean(page, seen);
}

/** A loss of seconds is no news. While WhatsApp is really away the page is honest, and right again when it is back. */
export async function aLostLinkIsToldAndComesBack(browser) {
  const { page, seen } = await opened(browser);
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  await page.evaluate(() => {
    const title = document.getElementById("state-title");
    globalThis.titles = [];
    new MutationObserver(() => globalThis.titles.push(title.textContent)).observe(title, { childList: true, characterData: true, subtree: true });
  });
  const { logins } = await control("GET", "/control/stats");
  await fault({ service: "whatsapp", target: NUMBER, fault: "drop" });
  await until("the link is back", async () => (await control("GET", "/control/stats")).logins > logins && (await phoneOnline(NUMBER)));
  const titles = await page.evaluate(() => globalThis.titles);
  check(titles.every((title) => title === "WhatsApp подключён"), `headings while the link was away for a moment: ${titles}`);
  check(await page.locator("#done").isVisible(), "still done");
  await fault({ service: "whatsapp", target: "*", fault: "refuse_connections" });
  await fault({ service: "whatsapp", target: NUMBER, fault: "drop" });
  await until("the page says that WhatsApp is lost", async () => (await text(page, "state-title")).includes("прервалась"));
  check(!(await page.locator("#done").isVisible()), "not done while WhatsApp is away");
  await isAccessible(page, "a lost link");
  await shoot(page, "link-lost");
  await control("DELETE", "/control/faults");
  await isDone(page);
  await isClean(page, seen);
}

/** What WhatsApp refuses has its own words, without a button that would make it worse. */
export async function aBannedNumberAndAnOldClientHaveTheirWords(browser) {
  const { page, seen } = await opened(browser);
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  for (const [code, words, picture] of [[402, "ограничил", "banned"], [405, "обновление", "outdated"]]) {
    await fault({ service: "whatsapp", target: NUMBER, fault: "login_failure", code, ...(code === 402 && { expire_s: 2 }) });
    await fault({ service: "whatsapp", target: NUMBER, fault: "drop" });
    await until(`words for ${code}`, async () => (await text(page, "state-title")).includes(words));
    for (const button of ["request-qr", "reconnect", "pair"]) check(!(await page.locator(`#${button}`).isVisible()), `no ${button} at ${code}`);
    await isAccessible(page, picture);
    await shoot(page, picture);
    // The ban ends by itself; an old client doesn't.
    if (code === 402) await isDone(page);
  }
  await isClean(page, seen);
}
