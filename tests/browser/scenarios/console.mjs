// What operators do in the console.

import { DESKTOP, PHONE, fits, isAccessible, isClean, keepsWords, observe, shoot, tabTo, visitor, worksWithoutMouse } from "../chromium.mjs";
import { ask, check, control, fault, onboard, phoneExists, phoneOnline, salonExists, same, scan, SERVER, status, until } from "../stage.mjs";

const KEY = process.env.ADMIN_KEY;
const SALON = 760_001;
const NUMBER = "79007600001";
const TITLE = `<b>Салон & "Ромашка"</b>`;

/** A salon that is online, without a browser. */
async function online() {
  await salonExists(SALON, TITLE);
  await phoneExists(NUMBER);
  const token = await onboard(SALON);
  const { body } = await until("a QR code", async () => {
    const answer = await ask("/marketplace/api/qr", token, { method: "POST" });
    return answer.status === 200 && answer;
  });
  await scan(NUMBER, body.qr);
  await until("the session is online", async () => (await status(SALON, token)).connected);
}

async function logIn(page, key) {
  await page.goto(`${SERVER}/console/`);
  await page.locator("#key").fill(key);
  await page.keyboard.press("Enter");
}

async function admin(path, options = {}) {
  const answer = await fetch(`${SERVER}/admin/api/v1${path}`, { ...options, headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" } });
  return answer.json();
}

const figure = (page, id) => page.locator(`#${id}`).innerText();

/** On a small laptop and on a phone, by day and by night. Leaves the page as it found it. */
async function looksWell(page, where, file) {
  const before = page.viewportSize();
  for (const width of [1200, 390]) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ["dark", "light"]) {
      await page.emulateMedia({ colorScheme });
      await fits(page, `${where} at ${width} px`);
      await keepsWords(page, `${where} at ${width} px`);
      await isAccessible(page, `${where} at ${width} px, ${colorScheme}`);
      await shoot(page, `${file}-${width}-${colorScheme}`);
    }
  }
  await page.setViewportSize(before);
}

export async function anOperatorSeesTheFleetAndHelpsASalon(browser) {
  await online();
  const page = await (await visitor(browser, DESKTOP, "ru-RU")).newPage();
  const seen = observe(page);
  await logIn(page, "sk_wrong");
  await page.locator("#failure", { hasText: "Ключ не подошёл" }).waitFor();
  await isAccessible(page, "the log-in");
  await logIn(page, KEY);
  await page.locator("#online").waitFor();
  await until("the figures show one salon", async () => (await figure(page, "companies")) === "1" && (await figure(page, "online")) === "1");
  await page.locator("#live.on").waitFor();
  await isAccessible(page, "the overview");
  await worksWithoutMouse(page, "the overview");
  await shoot(page, "console-overview");

  await page.locator("[data-page=companies]").click();
  await page.locator("#search").fill("ромашка");
  await page.locator("#results tbody tr").first().waitFor();
  await shoot(page, "console-companies");
  await isAccessible(page, "the list");
  await page.locator("#search").fill("нет такого салона");
  await until("nothing is found", async () => (await page.locator("#results tbody tr").count()) === 0);
  await page.locator("#search").fill(String(SALON));
  await page.locator("#results a", { hasText: TITLE }).click();
  await page.locator("#state[data-state=Online]").waitFor();
  same(await page.locator("h1").innerText(), TITLE, "a name is text, whatever is in it");
  await page.locator("[data-kind=registration_started]").waitFor();
  await isAccessible(page, "a company's page");
  await shoot(page, "console-company");

  await page.locator("[data-action=stop]").click();
  await page.locator("dialog [value=yes]").click();
  await page.locator("#state[data-state=Idle]").waitFor();
  await until("the phone's device is offline", async () => !(await phoneOnline(NUMBER)));
  await page.locator("[data-action=restart]").click();
  await page.locator("#state[data-state=Online]").waitFor();

  await page.locator("[data-page=audit]").click();
  await page.locator("#audit code", { hasText: "session.restart" }).first().waitFor();
  await isAccessible(page, "the audit log");
  await page.locator("#logout").click();
  await page.locator("#key").waitFor();
  await isClean(page, seen, /status of 401/);
}

export async function whatWhatsappTellsOfASalonIsOnItsPage(browser) {
  await online();
  const page = await (await visitor(browser, DESKTOP, "ru-RU")).newPage();
  const seen = observe(page);
  await logIn(page, KEY);
  await page.locator("#live.on").waitFor();
  await until("the figures show one salon", async () => (await figure(page, "online")) === "1");
  await looksWell(page, "the overview", "console-overview");

  await page.goto(`${SERVER}/console/#/companies/1`);
  await page.locator("#cold-sends[data-cold=allowed]").waitFor();
  check((await page.locator("#timelock, #cap").count()) === 0, "limits that nobody set");
  same(await page.locator("#egress").getAttribute("data-kind"), "direct", "the way out");
  same(await page.locator("#passkey").getAttribute("data-stage"), null, "the passkey step");
  for (const actor of ["session", "company"]) same(await page.locator(`#restarts-${actor}`).getAttribute("data-left"), "5", `restarts of the ${actor}`);
  await page.locator("#ended [data-end=restart_required]").waitFor();
  for (const name of ["dialled", "frames", "bytes"]) check(/[1-9]/.test(await figure(page, name)), `nothing counted: ${name}`);

  await fault({ service: "whatsapp", target: NUMBER, fault: "timelock", seconds: 7200 });
  await page.locator("#cold-sends[data-cold=stopped]").waitFor();
  const left = Date.parse(await page.locator("#timelock time").getAttribute("datetime")) - Date.now();
  check(left > 7_000_000 && left < 7_260_000, `the lock is over in ${left} ms`);
  await fault({ service: "whatsapp", target: NUMBER, fault: "new_chat_cap", total_quota: 10, used_quota: 8 });
  await page.locator("#cap[data-level=second_warning]", { hasText: "8 / 10" }).waitFor();
  await page.locator("#state[data-state=Online]").waitFor();
  await looksWell(page, "a company's page", "console-company");

  await control("DELETE", "/control/faults");
  await page.locator("#cold-sends[data-cold=allowed]").waitFor();
  await isClean(page, seen);
}

export async function newsComeToAnOpenConsoleByThemselves(browser) {
  const page = await (await visitor(browser, DESKTOP, "en-GB")).newPage();
  const seen = observe(page);
  await logIn(page, KEY);
  await page.locator("#live.on").waitFor();
  await until("nobody is online yet", async () => (await figure(page, "online")) === "0");
  await online();
  await until("the open page shows it", async () => (await figure(page, "online")) === "1");
  await isClean(page, seen);
}

export async function aSalonIsHelpedOnThePhoneWithACodeFromTheConsole(browser) {
  await salonExists(SALON, TITLE);
  await phoneExists(NUMBER);
  await onboard(SALON);
  const page = await (await visitor(browser, PHONE, "ru-RU")).newPage();
  const seen = observe(page);
  await logIn(page, KEY);
  await page.locator("#companies").waitFor();
  await page.goto(`${SERVER}/console/#/companies/1`);
  await page.locator("[data-action=qr]").click();
  await page.locator("#qr-image").waitFor();
  await fits(page, "a company's page on a phone");
  await isAccessible(page, "a code on a phone");
  await shoot(page, "console-code-phone");
  const { decode } = await import("../qr.mjs");
  const look = () => page.screenshot({ fullPage: true, animations: "disabled", scale: "css" });
  await scan(NUMBER, await until("a code that can be read", async () => decode(await look())));
  await page.locator("#state[data-state=Online]").waitFor();
  await isClean(page, seen);
}

export async function aViewerSeesNoButtonsAndARevokedKeyIsLoggedOut(browser) {
  await online();
  const { api_key, key } = await admin("/keys", { method: "POST", body: JSON.stringify({ name: "viewer", role: "viewer" }) });
  const context = await visitor(browser, PHONE, "en-GB");
  const page = await context.newPage();
  await page.emulateMedia({ colorScheme: "dark" });
  const seen = observe(page);
  await logIn(page, api_key);
  await page.locator("#companies").waitFor();
  check((await page.locator("[data-page=keys], [data-page=audit]").count()) === 0, "a viewer sees pages of an admin");
  await fits(page, "the overview on a phone");
  await isAccessible(page, "the dark overview on a phone");
  await shoot(page, "console-overview-phone-dark");
  await page.goto(`${SERVER}/console/#/companies/1`);
  await page.locator("#state").waitFor();
  check((await page.locator("[data-action]").count()) === 0, "a viewer sees buttons");
  const [cookie] = await context.cookies();
  check(cookie.httpOnly && cookie.sameSite === "Strict", `the cookie is ${JSON.stringify(cookie)}`);
  await admin(`/keys/${key.key_id}`, { method: "DELETE" });
  await page.goto(`${SERVER}/console/#/companies`);
  await page.locator("#failure", { hasText: "logged out" }).waitFor();
  await isClean(page, seen, /status of 401/);
}

export async function anAdminMakesAKeyByKeyboardAndRevokesIt(browser) {
  const page = await (await visitor(browser, DESKTOP, "en-GB")).newPage();
  const seen = observe(page);
  await logIn(page, KEY);
  await tabTo(page, "[data-page=keys]");
  await page.keyboard.press("Enter");
  await page.locator("#key-name").waitFor();
  await isAccessible(page, "the keys");
  await tabTo(page, "#key-name");
  await page.keyboard.type("night shift");
  await page.keyboard.press("Tab");
  await page.keyboard.press("o");
  await page.keyboard.press("Tab");
  await tabTo(page, "form .button");
  await page.keyboard.press("Enter");
  const key = await page.locator("#new-key").innerText();
  const me = await (await fetch(`${SERVER}/admin/api/v1/me`, { headers: { authorization: `Bearer ${key}` } })).json();
  same([me.name, me.role], ["night shift", "operator"], "the new key");
  await isAccessible(page, "a new key");
  await page.locator("[data-revoke]").first().click();
  await page.locator("dialog [value=yes]").click();
  await until("the key opens nothing", async () => (await fetch(`${SERVER}/admin/api/v1/me`, { headers: { authorization: `Bearer ${key}` } })).status === 401);
  await isClean(page, seen);
}

export async function theDescriptionOfTheApiIsShownWithoutAskingAnybody(browser) {
  const page = await (await visitor(browser, DESKTOP, "en-GB")).newPage();
  const seen = observe(page);
  await page.goto(`${SERVER}/docs/`);
  await page.locator(".route").first().waitFor();
  await page.locator("#find").fill("companies timeline");
  await until("one route is found", async () => (await page.locator(".route:visible").count()) === 1);
  await page.locator(".route:visible summary").click();
  await isAccessible(page, "the description");
  await shoot(page, "docs");
  await isClean(page, seen);
}

/** Every text exists in both languages. */
export async function bothLanguagesHaveTheSameTexts() {
  const names = (value, path) => (typeof value === "object" ? Object.entries(value).flatMap(([name, inner]) => names(inner, `${path}.${name}`)) : [path]);
  const [ru, en] = await Promise.all(["ru", "en"].map(async (language) => (await import(`../../../src/web/console/words_${language}.js`)).default));
  same(names(ru, "").toSorted(), names(en, "").toSorted(), "the names of the texts");
}
