// Doors that stay closed, and names that want to be more than names.

import { PHONE, addressFor, fits, isAccessible, isClean, isDone, observe, shoot, text, visitor, worksWithoutMouse } from "../chromium.mjs";
import { SERVER, ask, check, mint, onboard, phoneExists, pressConnect, salonExists, same, scan, status, until } from "../stage.mjs";

const SALON = 740_001;
const NUMBER = "79007400001";

/** Long enough for a page to open on a loaded machine. */
const endsSoon = (token) => mint(token, { exp: Math.floor(Date.now() / 1000) + 6 });

/** The code over HTTP; the server waits for it. */
const qrOf = async (token) => (await ask("/marketplace/api/qr", token, { method: "POST" })).body.qr;

/** Words in the reader's language, a way back, no trace of what was refused. */
async function refused(page, name, address, wanted, alphabet) {
  const answer = await page.goto(address);
  same(answer.status(), wanted, `the status of ${name}`);
  const [title, lead] = [await page.locator("h1").innerText(), await page.locator(".lead").innerText()];
  check(alphabet.test(title) && lead.length > 20, `words for ${name}: ${title} ${lead}`);
  const back = page.locator("main a.button");
  check(/^(https:\/\/yclients\.com\/|\/)/.test(await back.getAttribute("href")), `a way back from ${name}`);
  await isAccessible(page, name);
  await fits(page, name);
  await worksWithoutMouse(page, name);
  return title;
}

export async function errorPagesHaveWordsAndAWayBack(browser) {
  await salonExists(SALON);
  const token = await onboard(SALON);
  const link = await pressConnect(SALON);
  const page = `${SERVER}/marketplace/onboarding`;
  const doors = [
    ["no token", page, 400],
    ["an expired token", `${page}?token=${mint(token, { exp: Math.floor(Date.now() / 1000) - 5 })}`, 401],
    ["garbage for a token", `${page}?token=garbage`, 401],
    ["a bad signature", link.replace(/user_data_sign=[^&]+/, `user_data_sign=${"0".repeat(64)}`), 403],
    ["no salon", link.replace(/salon_id=\d+/, "salon_id=x"), 400],
  ];
  for (const [locale, alphabet] of [["ru-RU", /[а-яё]/i], ["en-GB", /^[^а-яё]+$/i]]) {
    const tab = await (await visitor(browser, PHONE, locale)).newPage();
    const seen = observe(tab);
    const titles = new Set();
    for (const [name, address, wanted] of doors) titles.add(await refused(tab, name, address, wanted, alphabet));
    same(titles.size, doors.length, "every refusal has its own words");
    await shoot(tab, `refused-${locale}`);
    await isClean(tab, seen, /Failed to load resource: the server responded with a status of 40/);
  }
}

/** The token's time passes while the page is open: words and a way back, no error in a loop. */
export async function aTokenThatExpiresOnAnOpenPage(browser) {
  await salonExists(SALON);
  const token = await onboard(SALON);
  await qrOf(token);
  const page = await (await visitor(browser)).newPage();
  const seen = observe(page);
  await page.goto(`${SERVER}/marketplace/onboarding?token=${endsSoon(token)}`);
  await page.locator("#qr-image").waitFor();
  await page.locator("#start-over").waitFor();
  check((await page.locator("#state-title").innerText()).includes("вышло"), "the page says that its time is over");
  check(!(await page.locator("#qr").isVisible()), "no code that nobody may use");
  await isAccessible(page, "a page whose time is over");
  await shoot(page, "expired");
  await isClean(page, seen);
}

/** Its time over, a page that is done doesn't send its owner back to the start. */
export async function aDonePageOutlivesItsToken(browser) {
  await salonExists(SALON);
  await phoneExists(NUMBER);
  const token = await onboard(SALON);
  await scan(NUMBER, await qrOf(token));
  await until("the salon is active", async () => (await status(SALON, token)).activation.status === "active");
  const page = await (await visitor(browser)).newPage();
  const seen = observe(page);
  await page.goto(`${SERVER}/marketplace/onboarding?token=${endsSoon(token)}`);
  await isDone(page);
  await until("the page says that it hears no more", async () => (await text(page, "line")).includes("не обновляется"));
  check(await page.locator("#done").isVisible(), "done stays done");
  await isAccessible(page, "a done page whose time is over");
  await shoot(page, "done-expired");
  await isClean(page, seen);
}

export async function hostileNamesAreShownAsText(browser) {
  const names = [
    `<script>alert("x")</script>`,
    `"><img src=x onerror=alert(1)><svg onload=alert(2)>`,
    `{{7*7}} \${7*7} </title><script>alert(3)</script>`,
    "💈✂️👩‍🦰 Салон 🇷🇺",
    "\u202eobrotamrof\u2066 noitceriD",
    "Щ".repeat(5_000) + "w".repeat(5_000),
  ];
  for (const [number, name] of names.entries()) {
    const salon = SALON + 1 + number;
    await salonExists(salon, name);
    const page = await (await visitor(browser, PHONE)).newPage();
    const seen = observe(page);
    await page.goto(await addressFor(salon));
    const shown = await page.locator(".salon bdi").innerText();
    const printable = name.replace(/[\u202a-\u202e\u2066-\u2069]/g, "").replace(/\s+/g, " ");
    const cut = shown.endsWith("…") ? shown.slice(0, -1) : shown;
    check(cut.length > 0 && printable.startsWith(cut), `shown as ${shown}`);
    await page.locator("#qr-image").waitFor();
    await fits(page, name.slice(0, 20));
    if (name.length > 1000) await shoot(page, "long-name");
    await isClean(page, seen);
    await page.context().close();
  }
}

/** Nothing can be linked then; the page says so, and promises nothing by buttons. */
export async function withoutScriptsThePageStillSaysWhatToDo(browser) {
  await salonExists(SALON);
  const context = await browser.newContext({ ...PHONE, locale: "ru-RU", javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(await addressFor(SALON));
  check((await page.locator("#app").innerText()).includes("включите JavaScript"), "the page says what is missing");
  same(await page.locator("#app button:visible, #app summary:visible").count(), 0, "buttons that would do nothing");
  await fits(page, "a page without scripts");
  await shoot(page, "no-script");
}
