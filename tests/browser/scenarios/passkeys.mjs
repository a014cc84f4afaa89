// Accounts that want their owner's passkey, and accounts that WhatsApp limits.

import { PHONE, addressFor, fits, isAccessible, isClean, isDone, observe, readQr, shoot, tabTo, text, visitor, worksWithoutMouse } from "../chromium.mjs";
import { check, control, fault, phoneExists, salonExists, same, scan, until } from "../stage.mjs";

const SALON = 760_001;
const NUMBER = "79007600001";

async function opened(browser, passkey, prepare = () => {}) {
  await salonExists(SALON);
  await phoneExists(NUMBER);
  if (passkey) await control("POST", `/control/phones/${NUMBER}/passkey`, passkey);
  const page = await (await visitor(browser, PHONE)).newPage();
  const seen = observe(page);
  await prepare(page);
  await page.goto(await addressFor(SALON));
  return { page, seen, qr: await readQr(page) };
}

/** The phone waits for the passkey; how that ends is for later. */
const scanning = (qr) => scan(NUMBER, qr).then(() => undefined, (error) => error.message);

const answerOf = async (options) => (await control("POST", `/control/phones/${NUMBER}/passkey/assert`, { options })).assertion;

/** By hand: what the page says, copy the request, paste the answer, compare, confirm. With the keyboard alone. */
export async function aPasskeyIsHandedInByHand(browser) {
  const { page, seen, qr } = await opened(browser, { required: true });
  const outcome = scanning(qr);
  await page.locator("#passkey-ask").waitFor();
  const said = await text(page, "passkey-ask");
  check(said.includes("web.whatsapp.com") && said.includes("поддержку") && said.includes("другой номер"), `the page says ${said}`);
  check(/\d/.test(await text(page, "passkey-left")), "the time is counted down");
  check(!(await page.locator("#qr").isVisible()), "one thing to do at a time");
  await isAccessible(page, "the passkey's request");
  await fits(page, "the passkey's request");
  await worksWithoutMouse(page, "the passkey's request");
  await shoot(page, "passkey-1-request");

  await page.reload();
  await tabTo(page, "#passkey-hand-in > summary");
  await page.keyboard.press("Enter");
  await tabTo(page, "#passkey-answer");
  await page.keyboard.type("nonsense");
  await tabTo(page, "#passkey-submit");
  await page.keyboard.press("Enter");
  check((await until("words for nonsense", () => text(page, "passkey-error"))).includes("JSON"), "words for nonsense");
  await isAccessible(page, "an answer that is none");
  const options = await page.locator("#passkey-options").inputValue();
  await page.locator("#passkey-answer").fill(JSON.stringify(await answerOf(options)));
  await page.keyboard.press("Enter");
  await tabTo(page, "#passkey-submit");
  await page.keyboard.press("Enter");

  await page.locator("#passkey-compare").waitFor();
  same(await text(page, "passkey-code"), (await control("GET", `/control/phones/${NUMBER}/passkey`)).code, "the code on page and phone");
  await isAccessible(page, "the code to compare");
  await shoot(page, "passkey-2-compare");
  await page.reload();
  await page.locator("#passkey-compare").waitFor();
  await tabTo(page, "#passkey-confirm");
  await page.keyboard.press("Enter");
  await isDone(page);
  same(await outcome, undefined, "the scan");
  await isClean(page, seen);
}

/** An extension in the tab hears the request and answers it; the owner only compares the codes. */
export async function anExtensionAnswersThePasskey(browser) {
  const extension = (page) => page.exposeFunction("authenticate", answerOf).then(() => page.addInitScript(() => {
    addEventListener("message", async ({ data }) => {
      if (data?.type !== "frontdesk-passkey-request") return;
      const assertion = await window.authenticate(data.options);
      window.postMessage({ type: "frontdesk-passkey-response", assertion }, location.origin);
    });
  }));
  const { page, seen, qr } = await opened(browser, { required: true }, extension);
  scanning(qr);
  await page.locator("#passkey-confirm").click();
  await isDone(page);
  await isClean(page, seen);
}

export async function aRefusedPasskeyHasWordsAndCancelLeadsBack(browser) {
  const { page, seen, qr } = await opened(browser, { required: true, behaviour: "refuse" });
  scanning(qr);
  await page.locator("#passkey-hand-in > summary").click();
  const options = await page.locator("#passkey-options").inputValue();
  await page.locator("#passkey-answer").fill(JSON.stringify(await answerOf(options)));
  await page.locator("#passkey-submit").click();
  await until("words for the refusal", async () => (await text(page, "state-reason")).includes("не приняли"));
  const next = await readQr(page);
  check(next !== qr, "a new code");
  check((await text(page, "state-reason")).includes("не приняли"), "the words stay beside the new code");
  await isAccessible(page, "a refused passkey");
  await shoot(page, "passkey-3-refused");

  scanning(next);
  await page.locator("#passkey-cancel").click();
  await control("POST", `/control/phones/${NUMBER}/passkey`, { required: false });
  await page.locator("#qr-image").waitFor();
  check(!(await page.locator("#state-reason").isVisible()), "leaving is no failure");
  await until("the code is scanned", async () => (await scanning(await readQr(page))) === undefined);
  await isDone(page);
  await isClean(page, seen);
}

/** Beside *done*: WhatsApp limits the number, until when, and that it is over. */
export async function limitsOfWhatsappAreTold(browser) {
  const { page, seen, qr } = await opened(browser);
  await scan(NUMBER, qr);
  await isDone(page);
  check(!(await page.locator("#limits").isVisible()), "no limits at first");
  await fault({ service: "whatsapp", target: NUMBER, fault: "timelock", seconds: 7200 });
  await page.locator("#limits").waitFor();
  check((await text(page, "limits-text")).includes("первым писать"), "what is limited");
  await until("until when", async () => /\d+ (ч|мин)/.test(await text(page, "limits-timer")));
  check(await page.locator("#done").isVisible(), "the session is online all the same");
  await isAccessible(page, "a limited number");
  await shoot(page, "limits-1-locked");
  await page.reload();
  await page.locator("#limits").waitFor();
  await control("DELETE", "/control/faults");
  await page.locator("#limits").waitFor({ state: "hidden" });
  await fault({ service: "whatsapp", target: NUMBER, fault: "new_chat_cap", total_quota: 10, used_quota: 8 });
  await until("a warning", async () => (await text(page, "limits-text")).includes("8"));
  await isClean(page, seen);
}
