// The pairing code instead of the QR code, and phones that leave.

import { addressFor, isAccessible, isClean, isDone, observe, readQr, shoot, tabTo, text, visitor, worksWithoutMouse, PHONE } from "../chromium.mjs";
import { check, control, enterCode, phoneExists, salonExists, same, scan, until } from "../stage.mjs";

const SALON = 730_001;
const NUMBER = "79007300001";

async function opened(browser) {
  await salonExists(SALON);
  await phoneExists(NUMBER);
  const page = await (await visitor(browser, PHONE)).newPage();
  const seen = observe(page);
  await page.goto(await addressFor(SALON));
  await readQr(page);
  return { page, seen };
}

/** With the keyboard alone, the number as Russians write it. */
export async function aPairingCodeLinksThePhone(browser) {
  const { page, seen } = await opened(browser);
  await tabTo(page, "#pair > summary");
  await page.keyboard.press("Enter");
  await page.locator("#phone").waitFor();
  await worksWithoutMouse(page, "the form for the number");
  await isAccessible(page, "the form for the number");
  await shoot(page, "code-1-form");
  await tabTo(page, "#phone");
  await page.keyboard.type("8 (900) 730-00-01");
  await page.keyboard.press("Enter");
  await page.locator("#code-text").waitFor();
  const code = await text(page, "code-text");
  check(/^[1-9A-Z]{4}-[1-9A-Z]{4}$/.test(code), `the code reads ${code}`);
  same(await text(page, "code-phone"), `+${NUMBER}`, "the number the code is for");
  check(/\d/.test(await text(page, "code-left")), "the code's time is counted down");
  check(!(await page.locator("#qr").isVisible()), "there is one code to use, not two");
  await isAccessible(page, "the pairing code");
  await shoot(page, "code-2-code");
  await enterCode(NUMBER, code);
  await isDone(page);
  await isClean(page, seen);
}

export async function fromThePairingCodeBackToTheQr(browser) {
  const { page, seen } = await opened(browser);
  await page.locator("#pair > summary").click();
  await page.locator("#phone").fill(`+${NUMBER}`);
  await page.locator("#phone-submit").click();
  await page.locator("#code-text").waitFor();
  await tabTo(page, "#cancel-code");
  await page.keyboard.press("Enter");
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  await isClean(page, seen);
}

export async function aWrongNumberGetsWords(browser) {
  const { page, seen } = await opened(browser);
  await page.locator("#pair > summary").click();
  const words = new Set();
  for (const wrong of ["", "abc", "12345", "<b>+7</b>"]) {
    await page.locator("#phone").fill(wrong);
    await page.locator("#phone-submit").click();
    const said = await until(`words for ${wrong}`, async () => text(page, "phone-error"));
    check(/[а-я]/.test(said) && !/[A-Z]_[A-Z]/.test(said), `words for people, not ${said}`);
    same(await page.locator("#phone").getAttribute("aria-invalid"), "true", "the field is marked");
    same(await page.locator("#phone").evaluate((field) => field === document.activeElement), true, "the field has the focus");
    words.add(said);
  }
  same(words.size, 2, "an empty number and a wrong one have their own words");
  await isAccessible(page, "a wrong number");
  await shoot(page, "code-3-wrong");
  check(await page.locator("#qr-image").isVisible(), "the QR code stays");
  await isClean(page, seen);
}

export async function anUnlinkedPhoneIsOfferedANewCode(browser) {
  const { page, seen } = await opened(browser);
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  await control("POST", `/control/phones/${NUMBER}/unlink`);
  await page.locator("#request-qr").waitFor();
  check(!(await page.locator("#done").isVisible()), "done no more");
  check((await text(page, "state-title")).includes("отвязан"), `the page says ${await text(page, "state-title")}`);
  await isAccessible(page, "an unlinked phone");
  await shoot(page, "unlinked");
  await tabTo(page, "#request-qr");
  await page.keyboard.press("Enter");
  await scan(NUMBER, await readQr(page));
  await isDone(page);
  await isClean(page, seen);
}
