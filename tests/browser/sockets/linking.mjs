// Ways to link, and what WhatsApp tells of an account: passkeys, pairing codes, limits, numbers.

import { CONTROL, ask, check, control, enterCode, fault, onboard, phoneExists, salonExists, same, scan, status, until } from "../stage.mjs";
import { tab } from "./client.mjs";

const SALON = 780_001;
const NUMBER = "79007800001";
const OTHER = "79007800002";
/** What a limit may take from WhatsApp's word to ours. */
const TIMELY_MS = 1000;

async function opened(passkey) {
  await salonExists(SALON);
  await phoneExists(NUMBER);
  if (passkey) await control("POST", `/control/phones/${NUMBER}/passkey`, passkey);
  const token = await onboard(SALON);
  return { token, client: await tab(token) };
}

async function linked() {
  const { token, client } = await opened();
  await scan(NUMBER, (await client.hears("qr-update")).qr);
  await client.hears("activation", (body) => body.status === "active");
  return { token, client };
}

/** A metric's value, `undefined` while it has none. */
async function metric(line) {
  const text = await (await fetch(`${process.env.FRONTDESK_OPS_URL}/metrics`)).text();
  const found = text.split("\n").find((candidate) => candidate.startsWith(`${line} `));
  return found && Number(found.slice(line.length));
}

/** A control call that must be refused; its words. */
async function refusedControl(path, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(CONTROL + path, { method: "POST", headers, body: JSON.stringify(body) });
  check(answer.status >= 400 && answer.status < 500, `${path} answered ${answer.status}`);
  return (await answer.json()).error;
}

/** Scans; the phone waits for the passkey meanwhile. The outcome is for later. */
function scanning(qr) {
  return scan(NUMBER, qr).then(() => undefined, (error) => error.message);
}

const answerOf = (options) => control("POST", `/control/phones/${NUMBER}/passkey/assert`, { options });

/** From the scan to the code that phone and page show. */
export async function aPasskeyIsCarriedThrough() {
  const { token, client } = await opened({ required: true });
  const outcome = scanning((await client.hears("qr-update")).qr);
  const asked = await client.hears("passkey-request");
  same([asked.stage, asked.origin, asked.options.rpId], ["requested", "https://web.whatsapp.com", "web.whatsapp.com"], "passkey-request");
  check(asked.expiresIn > 90 && asked.expiresIn <= 160, `expiresIn ${asked.expiresIn}`);
  same(client.last("session-state").body.action, "use_passkey", "the next step");
  const late = await tab(token, "polling");
  same((await late.hears("passkey-request")).options, asked.options, "what a late joiner is asked");
  const told = (await status(SALON, token)).passkey;
  same([told.stage, told.options], ["requested", asked.options], "the status");

  same((await client.ask("passkey-confirm")).code, "PASSKEY_NOT_EXPECTED", "a confirmation before there is a code");
  const { assertion } = await answerOf(asked.options);
  const forged = (said) => {
    const clientData = { ...JSON.parse(Buffer.from(assertion.response.clientDataJSON, "base64url")), ...said };
    const clientDataJSON = Buffer.from(JSON.stringify(clientData)).toString("base64url");
    return { assertion: { ...assertion, response: { ...assertion.response, clientDataJSON } } };
  };
  for (const [payload, code] of [
    [{}, "PASSKEY_INVALID"], [{ assertion: "nonsense" }, "PASSKEY_INVALID"],
    [forged({ origin: "https://frontdesk.example" }), "PASSKEY_WRONG_SITE"], [forged({ challenge: "AAAA" }), "PASSKEY_OUTDATED"],
  ]) {
    const ack = await client.ask("passkey-response", payload);
    same([ack.success, ack.code], [false, code], "an answer that WhatsApp would refuse for certain");
    await client.hears("passkey-error", (body) => body.code === code);
  }

  same(await client.ask("passkey-response", { assertion }), { success: true }, "the passkey's answer");
  const shown = await client.hears("passkey-confirmation", (body) => body.stage === "comparing");
  same(shown.code, (await control("GET", `/control/phones/${NUMBER}/passkey`)).code, "the code on page and phone");
  same((await late.hears("passkey-confirmation")).code, shown.code, "the code in the other tab");
  same((await client.ask("passkey-response", { assertion })).code, "PASSKEY_NOT_EXPECTED", "a second answer");
  same(await late.ask("passkey-confirm"), { success: true }, "the confirmation, from the other tab");
  same(await outcome, undefined, "the scan");
  await client.hears("activation", (body) => body.status === "active");
  for (const step of ["requested", "answered", "confirmed"]) {
    same(await metric(`frontdesk_onboarding_passkey_steps_total{step="${step}"}`), 1, `the metric of ${step}`);
  }
  [client, late].forEach((each) => each.close());
}

/** Each way it goes wrong has its code; a new code leads on. */
export async function aPasskeyThatFailsIsToldAndANewCodeLeadsOn(behaviour, code, reason) {
  const { client } = await opened({ required: true, behaviour });
  const { qr } = await client.hears("qr-update");
  const outcome = scanning(qr);
  if (behaviour !== "bad_options") {
    const { options } = await client.hears("passkey-request");
    same(await client.ask("passkey-response", await answerOf(options)), { success: true }, "the passkey's answer");
  }
  if (behaviour === "decline") {
    await client.hears("passkey-confirmation", (body) => body.stage === "comparing");
    same(await client.ask("passkey-confirm"), { success: true }, "the confirmation");
  }
  const failure = await client.hears("passkey-error");
  same(failure.code, code, "passkey-error");
  const fresh = await client.hears("qr-update", (body) => body.qr !== qr);
  same(client.last("session-state").body.reason, reason, "why there is a new code");
  if (!behaviour.startsWith("bad_")) check((await outcome) !== undefined, "the phone was told as well");

  await control("POST", `/control/phones/${NUMBER}/passkey`, { required: false });
  await scan(NUMBER, fresh.qr);
  await client.hears("activation", (body) => body.status === "active");
  same(client.last("session-state").body.reason, undefined, "forgotten once it worked");
  client.close();
}

/** Nothing comes after the answer: the page waits, a reload waits on, and the owner can leave. */
export async function aSilentPasskeyStepCanBeLeft() {
  const { token, client } = await opened({ required: true, behaviour: "silent" });
  const { qr } = await client.hears("qr-update");
  scanning(qr);
  const { options } = await client.hears("passkey-request");
  await client.ask("passkey-response", await answerOf(options));
  await client.hears("passkey-request", (body) => body.stage === "checking" && body.options === undefined);
  client.close();
  const again = await tab(token);
  same((await again.hears("passkey-request")).stage, "checking", "what a reload shows");
  same(await again.ask("cancel-pairing"), { success: true }, "cancel");
  const fresh = await again.hears("qr-update", (body) => body.qr !== qr);
  check(!again.last("passkey-error"), "leaving is no failure");
  await control("POST", `/control/phones/${NUMBER}/passkey`, { required: false });
  await scan(NUMBER, fresh.qr);
  await again.hears("activation", (body) => body.status === "active");
  again.close();
}

/** One session, two tabs: the code that was asked for stays until somebody cancels it, and every tab sees the same. */
export async function twoTabsWithDifferentWishesSeeOneTruth() {
  const { token, client: first } = await opened();
  const second = await tab(token);
  await second.hears("qr-update");
  const wishes = [first, second].map((each) => each.ask("request-pairing-code", { phoneNumber: NUMBER }));
  const codes = (await Promise.all(wishes)).map((ack) => ack.code ?? "done").sort();
  same(codes, ["REQUEST_IN_PROGRESS", "done"], "two wishes at once");
  const given = await first.hears("pairing-code");
  same((await second.hears("pairing-code")).code, given.code, "the code in the other tab");
  await phoneExists(OTHER);
  await refusedControl(`/control/phones/${OTHER}/enter-code`, { code: given.code });
  same(await second.ask("request-qr"), { success: true }, "the wish for a QR code meanwhile");
  same((await status(SALON, token)).state, "AwaitingCode", "neither the wrong phone nor that takes the code away");
  same(await second.ask("cancel-pairing"), { success: true }, "cancel");
  await first.hears("session-state", (body) => body.state === "AwaitingScan");
  await scan(NUMBER, first.last("qr-update").body.qr);
  for (const each of [first, second]) await each.hears("activation", (body) => body.status === "active");
  [first, second].forEach((each) => each.close());
}

/** The code is for one phone; for another one the device begins anew, and the old code is worth nothing. */
export async function aCodeForAnotherPhoneBeginsAnew() {
  await phoneExists(OTHER);
  const { token, client } = await opened();
  await client.hears("qr-update");
  await client.ask("request-pairing-code", { phoneNumber: `+${NUMBER}` });
  const old = await client.hears("pairing-code");
  const before = (await status(SALON, token)).link.generation;
  same(await client.ask("request-pairing-code", { phoneNumber: `8${OTHER.slice(1)}` }), { success: true }, "a code for another phone");
  const fresh = await client.hears("pairing-code", (body) => body.phoneNumber === `+${OTHER}`);
  check(fresh.code !== old.code && (await status(SALON, token)).link.generation > before, "a new link");
  await refusedControl(`/control/phones/${NUMBER}/enter-code`, { code: old.code });
  await enterCode(OTHER, fresh.code);
  await client.hears("activation", (body) => body.status === "active");
  same((await status(SALON, token)).phoneNumber, `+${OTHER}`, "the number that is linked");
  client.close();
}

/** WhatsApp's own limit and ours have their cause in the answer. */
export async function codesAskedForTooOftenAreRefusedWithTheCause() {
  const { client } = await opened();
  await client.hears("qr-update");
  await fault({ service: "whatsapp", target: "*", fault: "refuse_code", code: 429 });
  const refused = await client.ask("request-pairing-code", { phoneNumber: NUMBER });
  same([refused.code, refused.reason, refused.retryAfter], ["PAIRING_CODE_FAILED", "TOO_MANY_CODES", undefined], "by WhatsApp");
  check(client.last("pairing-code-error", (body) => body.reason === "TOO_MANY_CODES"), "said as an event too");
  same(client.last("session-state").body.state, "AwaitingScan", "the QR code stays");
  for (const _ of [1, 2]) same(await client.ask("request-pairing-code", { phoneNumber: NUMBER }), { success: true }, "a code");
  const limited = await client.ask("request-pairing-code", { phoneNumber: NUMBER });
  same([limited.code, limited.reason], ["PAIRING_CODE_FAILED", "TOO_MANY_CODES"], "by us");
  check(limited.retryAfter > 200 && limited.retryAfter <= 300, `retryAfter ${limited.retryAfter}`);
  client.close();
}

/** A phone whose four places are taken tells its owner itself; the code on the page stays good. */
export async function aPhoneWithoutAFreePlaceChangesNothing() {
  const { token, client } = await opened();
  const { qr } = await client.hears("qr-update");
  await control("POST", `/control/phones/${NUMBER}/devices`, { count: 4 });
  check((await refusedControl(`/control/phones/${NUMBER}/scan`, { qr })).includes("no free slot"), "the phone says so");
  same((await status(SALON, token)).state, "AwaitingScan", "the page waits on");
  await phoneExists(OTHER);
  await scan(OTHER, qr);
  await client.hears("activation", (body) => body.status === "active");
  client.close();
}

export async function limitsAreToldWithinASecondAndTheirEndToo() {
  const { token, client } = await linked();
  await until("WhatsApp was asked", async () => (await status(SALON, token)).limits.known);
  const limited = () => client.last("session-state").body.limits;
  const gauge = (kind) => metric(`frontdesk_sessions_limited{kind="${kind}"}`);
  const timely = async (what, order, reached) => {
    const begun = Date.now();
    await order();
    await until(what, reached);
    check(Date.now() - begun <= TIMELY_MS, `${what} took ${Date.now() - begun} ms`);
  };
  same([await gauge("timelock"), await gauge("new_chat_cap"), limited()], [0, 0, undefined], "no limits at first");

  const lock = () => fault({ service: "whatsapp", target: NUMBER, fault: "timelock", seconds: 3600 });
  await timely("first messages stop", lock, () => limited()?.cold_sends_stopped);
  const left = (Date.parse(limited().unlock_at) - Date.now()) / 1000;
  check(left > 3500 && left <= 3601, `unlock_at in ${left} s`);
  const seen = await status(SALON, token);
  same([seen.state, seen.connected, seen.limits.cold_sends_stopped], ["Online", true, true], "the session stays online");
  same(await gauge("timelock"), 1, "the gauge");
  const late = await tab(token);
  await late.hears("session-state", (body) => body.limits?.timelock);

  await timely("first messages are possible", () => control("DELETE", "/control/faults"), () => limited() === undefined);
  same([await gauge("timelock"), (await status(SALON, token)).limits.cold_sends_stopped], [0, false], "over");

  const cap = (used) => fault({ service: "whatsapp", target: NUMBER, fault: "new_chat_cap", total_quota: 10, used_quota: used });
  await cap(8);
  await until("a warning", () => limited()?.cap?.level === "second_warning");
  same([limited().cold_sends_stopped, limited().cap.used, limited().cap.total], [false, 8, 10], "a warning stops nothing");
  same([await gauge("new_chat_warning"), await gauge("new_chat_cap")], [1, 0], "the gauges of a warning");
  await timely("first messages stop again", () => cap(10), () => limited()?.cold_sends_stopped);
  same([await gauge("new_chat_warning"), await gauge("new_chat_cap")], [0, 1], "the gauges of a used-up quota");

  await control("POST", `/control/salons/${SALON}/uninstall`);
  await until("a removed salon is limited no more", async () => (await gauge("new_chat_cap")) === 0);
  [client, late].forEach((each) => each.close());
}

/** A lock that ends by itself; and one that began while nobody was connected. */
export async function aLockEndsByItselfAndOneFromMeanwhileIsFound() {
  const { token, client } = await linked();
  await until("WhatsApp was asked", async () => (await status(SALON, token)).limits.known);
  await fault({ service: "whatsapp", target: NUMBER, fault: "timelock", seconds: 2 });
  await client.hears("session-state", (body) => body.limits?.timelock);
  await until("the lock is over", () => client.last("session-state").body.limits === undefined);
  await fault({ service: "whatsapp", target: "*", fault: "refuse_connections" });
  await fault({ service: "whatsapp", target: NUMBER, fault: "drop" });
  await client.hears("session-state", (body) => body.state === "Backoff");
  await fault({ service: "whatsapp", target: NUMBER, fault: "timelock", seconds: 3600 });
  await fault({ service: "whatsapp", target: "*", fault: "refuse_connections", duration_ms: 1 });
  await until("found after the login", () => {
    const { state, limits } = client.last("session-state").body;
    return state === "Online" && limits?.timelock;
  });
  client.close();
}

/** The stage probes every second. */
export async function theClientsNumbersAreInTheStatusAndInTheMetrics() {
  const { token, client } = await linked();
  const link = async () => (await status(SALON, token)).link;
  const first = await until("a first sample", async () => {
    const sample = await link();
    return sample.bytesSent > 0 && sample;
  });
  check(first.dialled >= 2 && first.ended.restart_required >= 1, `links of a pairing: ${JSON.stringify(first)}`);
  await until("a later sample", async () => (await link()).framesReceived > first.framesReceived);
  await fault({ service: "whatsapp", target: NUMBER, fault: "drop" });
  const later = await until("a third link", async () => {
    const sample = await link();
    return sample.dialled > first.dialled && sample;
  });
  same([later.lastEnd, later.ended.disconnected], ["disconnected", 1], "how the last one ended");
  check(later.bytesSent >= first.bytesSent, "numbers of ended links are kept");
  for (const line of ["frontdesk_links_bytes_total{direction=\"sent\"}", "frontdesk_links_frames_total{direction=\"received\"}", "frontdesk_links_memory_bytes_count"]) {
    check((await metric(line)) > 0, `${line} counts`);
  }
  const foreign = await ask(`/marketplace/api/status/company_${SALON + 1}`, token);
  same(foreign.status, 403, "another salon's numbers");
  client.close();
}
