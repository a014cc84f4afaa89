// What a socket hears from the first code to the active integration.

import { check, enterCode, onboard, phoneExists, salonExists, same, scan, server, status, until } from "../stage.mjs";
import { Client, PLACES, TRANSPORTS, UPGRADE, tab } from "./client.mjs";

const SALON = 770_001;
const OTHER = 770_002;
const NUMBER = "79007700001";
const OTHER_NUMBER = "79007700002";

const keys = (body) => Object.keys(body).sort().join();
const isMoment = (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) && Math.abs(Date.parse(text) - Date.now()) < 3_600_000;

function isQrUpdate(body) {
  same(keys(body), "attempt,expiresIn,image,qr", "fields of qr-update");
  check(body.qr.split(",").length >= 4 && body.qr.length > 100, "the text of a linking code");
  check(/^data:image\/svg\+xml[;,]/.test(body.image), "a picture as data");
  check(Number.isInteger(body.expiresIn) && body.expiresIn >= 1 && body.expiresIn <= 60, `expiresIn ${body.expiresIn}`);
  same(body.attempt, 1, "attempt");
}

function isSessionState(body) {
  const extra = Object.keys(body).filter((key) => !["state", "since", "reason", "retryAt", "action"].includes(key));
  check(extra.length === 0 && isMoment(body.since), `session-state ${JSON.stringify(body)}`);
}

function isConnected(body) {
  const { companyId, message, ...rest } = body;
  same(rest, { success: true, phone: `+${NUMBER}`, sessionId: `company_${SALON}` }, "whatsapp-connected");
  check(companyId > 0 && message.length > 3, "whatsapp-connected has a company and words");
}

/** Each thing is told after what makes it possible, and only then. */
function isInOrder(client) {
  const place = (name, fits = () => true) => client.heard.findIndex((event) => event.name === name && fits(event.body));
  const steps = {
    "the first state": place("session-state"),
    "waits for the scan": place("session-state", (body) => body.state === "AwaitingScan"),
    "the code": place("qr-update"),
    online: place("session-state", (body) => body.state === "Online"),
    connected: place("whatsapp-connected"),
    active: place("activation", (body) => body.status === "active"),
  };
  const places = Object.values(steps);
  same(places[0], 0, "the state is told first");
  check(places.every((found, step) => found >= 0 && found >= (places[step - 1] ?? 0)), `order ${JSON.stringify(steps)} of ${client.story()}`);
  same(client.heard.filter((event) => event.name === "whatsapp-connected").length, 1, "times connected was said");
  const last = client.heard.filter((event) => event.name === "activation").map((event) => event.body.status);
  same([last[0], last.at(-1)], ["waiting", "active"], "the activation's first and last word");
  client.heard.filter((event) => event.name === "session-state").forEach((event) => isSessionState(event.body));
}

/** Over one transport; a second tab, and one that comes late. */
export async function theJourneyIsToldInOrder(transport) {
  check([...TRANSPORTS, UPGRADE].includes(transport), `no transport ${transport}`);
  await salonExists(SALON);
  await phoneExists(NUMBER);
  const token = await onboard(SALON);
  const first = await tab(token, transport);
  const { qr } = await first.hears("qr-update");
  isQrUpdate(first.last("qr-update").body);

  const second = await tab(token, transport);
  const used = () => first.socket.io.engine.transport.name;
  await until("the upgrade", () => used() === (transport === UPGRADE ? "websocket" : transport));
  const late = await second.hears("qr-update");
  same(late.qr, qr, "the code a late joiner sees");
  check(late.expiresIn <= first.last("qr-update").body.expiresIn, "the code doesn't get younger");
  same(second.heard[0].name === "session-state" && second.heard[0].body.state, "AwaitingScan", "what a late joiner hears first");

  await scan(NUMBER, qr);
  for (const client of [first, second]) {
    await client.hears("activation", (body) => body.status === "active");
    isConnected(client.last("whatsapp-connected").body);
    isInOrder(client);
  }
  const asked = await status(SALON, token);
  same([asked.connected, asked.state, asked.phoneNumber], [true, "Online", `+${NUMBER}`], "what the status says");

  const third = await tab(token, transport);
  await third.hears("activation");
  isConnected(third.last("whatsapp-connected").body);
  same(third.story(), "session-state(Online) whatsapp-connected activation(active)", "what comes to one who joins at the end");
  [first, second, third].forEach((client) => client.close());
}

export async function commandsAreAcked() {
  await salonExists(SALON);
  await phoneExists(NUMBER);
  const client = await tab(await onboard(SALON));
  await client.inState("AwaitingScan");
  for (const name of ["request-qr", "getQR"]) same(await client.ask(name), { success: true }, name);
  for (const [payload, code] of [[[], "PHONE_REQUIRED"], [[{}], "PHONE_REQUIRED"], [[{ phoneNumber: "abc" }], "INVALID_PHONE_FORMAT"], [["text"], "PHONE_REQUIRED"]]) {
    const ack = await client.ask("request-pairing-code", ...payload);
    same([ack.success, ack.code], [false, code], `request-pairing-code ${JSON.stringify(payload)}`);
    const event = await client.hears("pairing-code-error", (body) => body.code === code);
    same(event.message, ack.message, "the event's words");
  }
  for (const name of ["passkey-response", "passkey-confirm"]) same((await client.ask(name, {})).success, false, name);

  same(await client.ask("request-pairing-code", { phoneNumber: "8 (900) 770-00-01" }), { success: true }, "request-pairing-code");
  const given = await client.hears("pairing-code");
  same(keys(given), "code,expiresIn,phoneNumber", "fields of pairing-code");
  check(/^[1-9A-Z]{4}-[1-9A-Z]{4}$/.test(given.code) && given.expiresIn > 0, "a code to type");
  same(given.phoneNumber, `+${NUMBER}`, "for which phone");

  const before = client.heard.length;
  same(await client.ask("cancel-pairing"), { success: true }, "cancel-pairing");
  await until("a QR code again", () => client.heard.slice(before).some((event) => event.name === "qr-update"));

  same(await client.ask("request-pairing-code", { phoneNumber: NUMBER }), { success: true }, "a second pairing code");
  const { code } = await until("a second code", () => {
    const found = client.last("pairing-code").body;
    return found !== given && found;
  });
  await enterCode(NUMBER, code);
  await client.hears("activation", (body) => body.status === "active");
  const refused = await client.ask("request-qr");
  same([refused.success, refused.code], [false, "ALREADY_CONNECTED"], "request-qr when connected");
  client.close();
}

/** The stage lets an unpaired link live only 1 s without a viewer. */
export async function aClosedTabStopsTheLinkAndComingBackResumes() {
  await salonExists(SALON);
  await phoneExists(NUMBER);
  const token = await onboard(SALON);
  const [first, second] = [await tab(token), await tab(token, "polling")];
  const old = await first.hears("qr-update");
  await second.hears("qr-update");
  first.close();
  // One viewer is left: nothing may end, however often we look within the linger.
  const enough = Date.now() + 2_000;
  await until("two seconds with one tab", async () => {
    same((await status(SALON, token)).state, "AwaitingScan", "the state with one tab left");
    return Date.now() > enough;
  });
  second.close();
  await until("the link without a viewer is stopped", async () => (await status(SALON, token)).state === "Idle");
  const left = await status(SALON, token);
  same([left.connected, left.hasQR], [false, false], "what the status says then");

  const again = await tab(token);
  const { qr } = await again.hears("qr-update");
  check(qr !== old.qr, "a new link has a new code");
  await scan(NUMBER, qr);
  await again.hears("activation", (body) => body.status === "active");
  again.close();
}

/** Two journeys at once; everything both salons hear, on both transports. */
export async function twoSalonsNeverHearOfEachOther() {
  const sides = [
    { salon: SALON, number: NUMBER, title: "Первый салон" },
    { salon: OTHER, number: OTHER_NUMBER, title: "Второй салон" },
  ];
  await Promise.all(sides.map(async (side) => {
    await salonExists(side.salon, side.title);
    await phoneExists(side.number);
    side.token = await onboard(side.salon);
    side.tabs = await Promise.all(TRANSPORTS.map((transport) => tab(side.token, transport)));
    await side.tabs[0].hears("qr-update");
  }));
  const [one, two] = sides;
  same(await one.tabs[0].ask("request-pairing-code", { phoneNumber: one.number }), { success: true }, "a pairing code for one");
  one.code = (await one.tabs[0].hears("pairing-code")).code;
  await scan(two.number, two.tabs[0].last("qr-update").body.qr);
  await enterCode(one.number, one.code);
  for (const { tabs } of sides) for (const client of tabs) await client.hears("activation", (body) => body.status === "active");

  for (const [mine, foreign] of [[one, two], [two, one]]) {
    const secrets = [String(foreign.salon), foreign.number, foreign.title, foreign.code];
    for (const client of foreign.tabs) secrets.push(...client.heard.filter(({ name }) => name === "qr-update").map(({ body }) => body.qr));
    for (const client of mine.tabs) {
      const heard = JSON.stringify(client.heard);
      const leak = secrets.filter(Boolean).findIndex((secret) => heard.includes(secret));
      check(leak < 0, `salon ${mine.salon} heard secret ${leak} of ${foreign.salon}`);
      check(heard.includes(mine.number), "it heard its own number");
      client.close();
    }
  }
}

/** The client's own reconnection, as it comes out of the box. */
export async function aRestartedServerIsFoundAgain() {
  await salonExists(SALON);
  await phoneExists(NUMBER);
  const token = await onboard(SALON);
  const quick = { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500 };
  const client = await new Client({ ...PLACES.auth(token), ...quick }, UPGRADE).connected();
  await scan(NUMBER, (await client.hears("qr-update")).qr);
  await client.hears("activation", (body) => body.status === "active");
  await server("kill");
  await client.ends();
  const before = client.heard.length;
  await server("start");
  await until("online again", () => client.heard.slice(before).some((event) => event.name === "whatsapp-connected"));
  const again = client.heard.slice(before);
  same(again.filter((event) => event.name === "activation").map((event) => event.body.status), ["active"], "the activation after the restart");
  same((await status(SALON, token)).connected, true, "what the status says");
  client.close();
}
