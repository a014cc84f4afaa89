// The main job as an owner lives it: Connect at YClients → QR code, read from the pixels → the phone scans → connected → active.
// Usage: journey.mjs phone|desktop

import {
  DESKTOP, PHONE, fits, isAccessible, isClean, isDone, observe, openAsOwner, readQr, shoot, text, visitor, withBrowser, worksWithoutMouse, tabTo,
} from "./chromium.mjs";
import { acceptedCallbacks, check, fault, phoneExists, phoneOnline, run, salonExists, same, scan, until } from "./stage.mjs";

const KINDS = {
  phone: { look: PHONE, locale: "ru-RU", salon: 710_001, number: "79007100001", language: "ru", other: "en", connected: "WhatsApp подключён" },
  desktop: { look: DESKTOP, locale: "en-GB", salon: 710_002, number: "79007100002", language: "en", other: "ru", connected: "WhatsApp is connected" },
};

/** What the state may say on the way, in this order; steps may be too short to be seen. */
const ORDER = {
  phone: ["Не запущено", "Подключаемся к WhatsApp", "Отсканируйте QR-код", "Телефон подключается", "WhatsApp подключён"],
  desktop: ["Not started", "Connecting to WhatsApp", "Scan the QR code", "The phone is connecting", "WhatsApp is connected"],
};

const kind = process.argv[2];
const { look, locale, salon, number, language, other, connected } = KINDS[kind];
const picture = (step) => `journey-${kind}-${step}`;

/** The seconds on the page are those of the server's `expiresIn`, and they pass. */
async function countsDown(page, { events }) {
  const seen = new Set();
  await until("the count-down passes three seconds", async () => {
    const { name, body, at } = events.findLast((event) => event.name === "qr-update");
    const shown = Number((await text(page, "qr-left")).match(/\d+/)?.[0]);
    const expected = body.expiresIn - (Date.now() - at) / 1000;
    check(Math.abs(shown - expected) <= 1.5, `${name}: ${shown} s on the page, ${expected.toFixed(1)} s at the server`);
    check(seen.size === 0 || shown <= Math.min(...seen), `the count-down went from ${[...seen]} to ${shown}`);
    seen.add(shown);
    return seen.size >= 3;
  });
}

/** The language is announced, can be changed with the keyboard, and stays. */
async function speaksBoth(page) {
  const announced = () => page.evaluate(() => document.documentElement.lang);
  same(await announced(), language, "the language by Accept-Language");
  for (const wanted of [other, language]) {
    await tabTo(page, `[data-language="${wanted}"]`);
    await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
    same(await announced(), wanted, "the language after the switch");
    await page.reload();
    same(await announced(), wanted, "the language after a reload");
    await page.locator("#qr-image").waitFor();
  }
}

async function looksGood(page, step) {
  await shoot(page, picture(step));
  await isAccessible(page, step);
  await fits(page, step);
  await worksWithoutMouse(page, step);
}

/** The page said only what was true, in the order in which it became true. */
async function toldTheTruth(page) {
  const titles = await page.evaluate(() => window.titles);
  const order = ORDER[kind];
  const places = titles.map((title) => order.indexOf(title));
  check(places.every((place, index) => place >= 0 && place >= (places[index - 1] ?? 0)), `the page said ${titles.join(" → ")}`);
}

await run(() => withBrowser(`journey-${kind}`, async (browser) => {
  await salonExists(salon, "Салон красоты «Ромашка»");
  await phoneExists(number);
  const context = await visitor(browser, look, locale);
  const page = await context.newPage();
  const seen = observe(page);

  await page.goto(process.env.FRONTDESK_URL);
  await looksGood(page, "0-landing");
  await openAsOwner(page, salon);
  check((await page.locator(".salon").innerText()).includes("«Ромашка»"), "the salon's name is on the page");
  await readQr(page);
  await speaksBoth(page);
  await readQr(page, picture("1-qr"));
  await countsDown(page, seen);
  await looksGood(page, "1-qr");
  await page.emulateMedia({ colorScheme: "dark" });
  await isAccessible(page, "the QR code in the dark");
  const qr = await readQr(page, picture("1-qr-dark"));
  await page.emulateMedia({ colorScheme: "light" });

  // YClients takes its time, so that "connected, not yet active" can be seen.
  await fault({ service: "yclients", target: String(salon), fault: "delay", ms: 4000, times: 1 });
  await scan(number, qr);
  await until("the page says connected", async () => (await text(page, "state-title")) === connected);
  await page.locator("#activation").waitFor();
  check(await phoneOnline(number), "connected on the page, but not at WhatsApp");
  await looksGood(page, "2-connected");

  await isDone(page);
  same(await text(page, "done-phone"), `+${number}`, "the number on the page");
  check(!(await page.locator("#status").isVisible()), "the state is gone when all is done");
  await looksGood(page, "3-active");
  await toldTheTruth(page);
  same(await acceptedCallbacks(salon), 1, "callbacks");
  await isClean(page, seen);
}));
