// Keeps the onboarding page true. What is shown follows from `model` by the rules of `onboarding.rs`; `model` changes by events
// of the socket, or by the status API while there is no socket.

import { open } from "./live.js";
import { passkeyStep } from "./passkey.js";

const app = document.getElementById("app");
const { token, session } = app.dataset;
const words = JSON.parse(app.dataset.words);
const initial = JSON.parse(app.dataset.initial);
const $ = (id) => document.getElementById(id);

/** Between two questions to the status API: when looked at, and in a hidden tab. */
const POLL_MS = 2000;
const POLL_HIDDEN_MS = 15000;
/** A session that was at rest has this long to start before the page says so and offers the button. */
const WAKING_MS = 6000;
const LINE_MS = 5000;
/** A socket gets this long before the page asks over HTTP. */
const POLL_AFTER_MS = 3000;

const since = (leftMs) => (leftMs > 0 ? performance.now() + leftMs : 0);
/** The server's clock minus ours: its moments are shown as seconds left, whatever time this device believes it is. */
const drift = Date.parse(initial.now) - Date.now();

const model = {
  ...initial.state, stateAt: performance.now(),
  qr: $("qr-image").getAttribute("src"), qrEnds: since(initial.qrLeftMs),
  code: $("code-text").textContent, codePhone: $("code-phone").textContent, codeEnds: since(initial.codeLeftMs),
  passkey: initial.passkey && { ...initial.passkey, ends: since(initial.passkey.expiresIn * 1000) },
  phone: $("done-phone").textContent, linked: initial.linked,
  activation: initial.activation,
  live: undefined, asked: false, refused: "",
};
let woke = false;

/* ---- what the server says ------------------------------------------------------------------------------------------- */

const events = {
  "session-state"({ state, reason, action, retryAt, limits }) {
    if (state !== model.state) model.stateAt = performance.now();
    Object.assign(model, { state, reason, action, retryAt, limits });
    if (state === "Pairing" || state === "Online") model.linked = true;
    if (["LoggedOut", "AwaitingScan", "AwaitingCode"].includes(state) || reason === "uninstalled") model.linked = false;
    if (state !== "AwaitingScan") Object.assign(model, { qr: "", qrEnds: 0 });
    if (state !== "AwaitingCode") Object.assign(model, { code: "", codeEnds: 0 });
    if (state !== "AwaitingPasskey") model.passkey = null;
  },
  "qr-update"({ image, expiresIn }) {
    Object.assign(model, { qr: image, qrEnds: since(expiresIn * 1000) });
  },
  "pairing-code"({ code, phoneNumber, expiresIn }) {
    Object.assign(model, { code, codePhone: phoneNumber, codeEnds: since(expiresIn * 1000) });
  },
  "passkey-request"(passkey) {
    model.passkey = { ...passkey, ends: since(passkey.expiresIn * 1000) };
  },
  "passkey-confirmation"(passkey) {
    events["passkey-request"](passkey);
  },
  "whatsapp-connected"({ phone }) {
    Object.assign(model, { phone, linked: true });
  },
  activation({ status, nextAttemptAt }) {
    model.activation = { status, nextAttemptAt };
  },
  error({ code }) {
    if (code === "AUTH_EXPIRED") stop(code);
  },
};

function hear(name, payload) {
  if (!Object.hasOwn(events, name)) return;
  events[name](payload ?? {});
  render();
}

function stop(code) {
  model.refused = code;
  clearTimeout(pollTimer);
  live.close();
  render();
}

/* ---- without a socket ------------------------------------------------------------------------------------------------ */

let pollTimer;

function pollSoon(ms) {
  clearTimeout(pollTimer);
  if (!model.live && !model.refused) pollTimer = setTimeout(poll, ms);
}

async function ask(path, options = {}) {
  const headers = { authorization: `Bearer ${token}`, ...options.headers };
  try {
    const answer = await fetch(path, { ...options, headers, cache: "no-store", signal: AbortSignal.timeout?.(20000) });
    return { status: answer.status, body: await answer.json().catch(() => ({})) };
  } catch {
    return { status: 0, body: { code: "NO_CONNECTION" } };
  }
}

async function poll() {
  const { status, body } = await ask(`/marketplace/api/status/${encodeURIComponent(session)}`);
  if (model.live || model.refused) return;
  if (status === 401 || status === 403) return stop(body.code ?? "AUTH_INVALID");
  model.asked = status === 200;
  if (model.asked) {
    line("");
    await learn(body);
  } else if (status === 0) {
    // Whoever scans this now may scan the code of a link that is gone.
    Object.assign(model, { qr: "", qrEnds: 0 });
    line(words.live.connectionLost);
    tick();
  }
  const busy = status === 429 || status === 0 || document.hidden;
  pollSoon(busy ? POLL_HIDDEN_MS : POLL_MS);
}

async function learn(body) {
  // `shown` keeps quiet about a link that is lost for a moment.
  const state = body.shown ?? { ...body, state: body.state ?? body.status };
  if (!words.states[state.state]) return;
  events["session-state"](state);
  model.linked = Boolean(body.phoneNumber) && state.state !== "LoggedOut";
  if (body.passkey) events["passkey-request"](body.passkey);
  if (body.connected) events["whatsapp-connected"]({ phone: body.phoneNumber ?? "" });
  if (body.activation?.status) events.activation(body.activation);
  render();
  // Asking for a code also starts the session, as an open socket would. Codes that ran out are the owner's to ask for again.
  const wanted = model.state === "AwaitingScan" || (!model.linked && model.state === "Connecting") || untouched();
  if (!wanted || model.qrEnds > performance.now()) return;
  const { code } = await fetchQr();
  if (code === "NOT_ALLOWED") failure.textContent = words.failures[code];
}

async function fetchQr() {
  const { status, body } = await ask("/marketplace/api/qr", { method: "POST" });
  if (status === 200 && !model.live) {
    model.state = "AwaitingScan";
    hear("qr-update", { image: body.image, expiresIn: body.expires_in });
  }
  return { success: status === 200, code: body.code };
}

/* ---- what the owner does --------------------------------------------------------------------------------------------- */

const live = open({
  namespace: "/marketplace",
  auth: { token },
  onEvent: hear,
  onChange({ connected, refused }) {
    if (refused) return stop(refused);
    const before = model.live;
    model.live = connected;
    if (connected) clearTimeout(pollTimer);
    else if (before !== false) pollSoon(POLL_AFTER_MS);
    if (connected) model.asked = false;
    // Asking over HTTP does as well: nothing to worry about.
    if (!connected) line(model.asked ? "" : words.live.connectionLost);
    else line(before === false ? words.live.connectionBack : "", LINE_MS);
  },
});

/** One thing at a time per button; the answer's words go to `target`. */
async function act(button, target, work) {
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  target.textContent = "";
  const answer = await work();
  button.removeAttribute("aria-disabled");
  if (answer.success) return;
  target.textContent = words.failures[answer.reason] ?? words.failures[answer.code] ?? words.failures.UNAVAILABLE;
}

const failure = $("failure");
$("request-qr").onclick = (event) =>
  act(event.currentTarget, failure, () => (model.live ? live.emit("request-qr") : fetchQr()));
$("reconnect").onclick = (event) => act(event.currentTarget, failure, () => live.emit("reconnect"));
$("cancel-code").onclick = (event) => act(event.currentTarget, failure, () => live.emit("cancel-pairing"));

const showPasskey = passkeyStep({ emit: live.emit, act, words });

$("pair-form").onsubmit = (event) => {
  event.preventDefault();
  const field = $("phone"), target = $("phone-error"), button = $("phone-submit"), label = button.textContent;
  act(button, target, async () => {
    button.textContent = words.live.asking;
    const answer = await live.emit("request-pairing-code", { phoneNumber: field.value });
    button.textContent = label;
    const mistaken = ["PHONE_REQUIRED", "INVALID_PHONE_FORMAT"].includes(answer.code);
    field.setAttribute("aria-invalid", String(mistaken));
    if (mistaken) field.focus();
    return answer;
  });
};

$("activate").onclick = (event) =>
  act(event.currentTarget, failure, async () => {
    const headers = { "content-type": "application/json" };
    const { status, body } = await ask("/marketplace/activate", { method: "POST", headers, body: JSON.stringify({ token }) });
    // With a socket this answer may come after newer news.
    if (status === 200 && body.activation && !model.live) hear("activation", body.activation);
    return { success: status === 200, code: body.code };
  });

if (navigator.clipboard) {
  $("copy").hidden = false;
  $("copy").onclick = async () => {
    await navigator.clipboard.writeText(model.code).then(() => line(words.live.copied, LINE_MS), () => {});
  };
}

for (const link of document.querySelectorAll("[data-language]")) {
  link.onclick = () => {
    document.cookie = `lang=${link.dataset.language}; path=/; max-age=31536000; samesite=lax`;
  };
}

/* ---- what is shown --------------------------------------------------------------------------------------------------- */

let lineTimer;

/** Good news leave after a while; bad news stay until they are over. */
function line(text, forMs) {
  clearTimeout(lineTimer);
  if (forMs) lineTimer = setTimeout(line, forMs, "");
  $("line").textContent = text;
  $("line").hidden = !text;
}

function put(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

function show(id, visible) {
  $(id).hidden = !visible;
}

/** At rest only because nobody looked: this visit starts it. */
const untouched = () => model.state === "Idle" && !model.linked && (!model.reason || model.reason === "owner_left");
const waking = () => untouched() && performance.now() - model.stateAt < WAKING_MS;

/** The picture to show: while a session wakes up it isn't called stopped. */
function picture() {
  woke = !waking();
  if (woke) return model;
  return { ...model, state: "Connecting", reason: null, action: null };
}

function render() {
  if (model.refused) return renderRefused();
  const { state, reason, action, linked, activation } = picture();
  const done = state === "Online" && activation.status === "active";
  const over = action === "start_over";
  const unlinked = ["Idle", "Connecting", "AwaitingScan", "AwaitingPasskey", "LoggedOut"].includes(state) && !linked && !over;
  renderSteps(state, done, linked);
  show("status", !done);
  put("state-title", words.states[state].title);
  put("state-text", words.states[state].text);
  put("state-reason", words.reasons[reason] ?? "");
  put("state-action", words.actions[action] ?? "");
  show("qr", state === "AwaitingScan" || (state === "Connecting" && !linked));
  show("code", state === "AwaitingCode");
  show("cancel-code", true);
  showPasskey(state === "AwaitingPasskey" ? model.passkey : null);
  show("pair", unlinked);
  if (action === "use_pairing_code" && !$("pair").open) $("pair").open = true;
  show("request-qr", action === "request_qr" || action === "use_pairing_code");
  show("reconnect", action === "reconnect");
  show("start-over", over);
  $("code-text").textContent = model.code;
  $("code-phone").textContent = model.codePhone;
  $("done-phone").textContent = model.phone;
  renderActivation(activation, done);
  renderDone(done);
  renderLimits(state, model.limits ?? {});
  tick();
}

/** How WhatsApp limits the account; while it isn't online other things matter. */
function renderLimits(state, { timelock, cap }) {
  const fill = (text) => text.replace("{used}", cap.used ?? "—").replace("{total}", cap.total ?? "—");
  const texts = timelock ? [words.live.timelock] : [];
  if (cap && cap.level !== "none") texts.push(fill(cap.level === "capped" ? words.live.capped : words.live.capWarning));
  show("limits", state === "Online" && texts.length > 0);
  $("limits-text").textContent = texts.join(" ");
}

function renderSteps(state, done, linked) {
  const far = linked && state !== "LoggedOut";
  const current = done ? 4 : state === "Online" ? 3 : state === "Pairing" || far ? 2 : 1;
  for (const step of document.querySelectorAll("[data-step]")) {
    const number = Number(step.dataset.step);
    step.className = number < current ? "past" : number === current ? "now" : "next";
    if (number === current) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  }
}

function renderActivation({ status }, done) {
  show("activation", !done && ["activating", "retrying", "expired", "failed"].includes(status));
  put("activation-text", words.activation[status] ?? "");
  show("activate", status === "retrying");
  show("activation-over", status === "expired" || status === "failed");
}

function renderDone(done) {
  const news = done && $("done").hidden;
  show("done", done);
  if (!news) return;
  document.title = words.live.donePageTitle;
  $("done-title").focus();
}

function renderRefused() {
  const expired = model.refused.endsWith("EXPIRED");
  // What is done stays done; the page only hears no more of it.
  if (expired && !$("done").hidden) return line(words.live.noLongerLive);
  const { title, text } = expired ? words.live.tokenOver : words.live.tokenBad;
  for (const id of ["qr", "code", "pair", "request-qr", "reconnect", "done", "activation", "passkey", "limits", "state-timer"]) show(id, false);
  line("");
  put("state-title", title);
  put("state-text", text);
  put("state-reason", "");
  put("state-action", "");
  show("status", true);
  show("start-over", true);
}

function span(ms) {
  const seconds = Math.max(1, Math.ceil(ms / 1000)), minutes = Math.round(seconds / 60);
  if (seconds < 100) return words.live.seconds.replace("{n}", seconds);
  if (minutes < 100) return words.live.minutes.replace("{n}", minutes);
  if (minutes < 2880) return words.live.hours.replace("{n}", Math.round(minutes / 60));
  return words.live.days.replace("{n}", Math.round(minutes / 1440));
}

const until = (moment) => (moment ? Date.parse(moment) - drift - Date.now() : 0);
const timed = (text, ms) => (ms > 0 ? text.replace("{time}", span(ms)) : "");
const codeTimer = (ends, left) => (ends ? (left > 0 ? timed(words.live.codeLeft, left) : words.live.codeGone) : "");

/** Everything that changes by the mere passing of time. */
function tick() {
  if (model.refused) return;
  if (!woke && !waking()) return render();
  const qrLeft = model.qrEnds - performance.now();
  const fresh = Boolean(model.qr) && qrLeft > 0;
  if (fresh && $("qr-image").src !== model.qr) $("qr-image").src = model.qr;
  show("qr-image", fresh);
  show("qr-wait", !fresh);
  put("qr-left", fresh ? timed(words.live.codeLeft, qrLeft) : "");
  put("code-left", codeTimer(model.codeEnds, model.codeEnds - performance.now()));
  put("passkey-left", timed(words.live.passkeyLeft, (model.passkey?.ends ?? 0) - performance.now()));
  put("limits-timer", timed(words.live.unlockIn, until(model.limits?.unlock_at)));
  put("state-timer", timed(model.state === "Banned" ? words.live.until : words.live.retryIn, until(model.retryAt)));
  put("activation-timer", timed(words.live.nextAttempt, until(model.activation.nextAttemptAt)));
}

document.addEventListener("visibilitychange", () => document.hidden || pollSoon(0));
setInterval(tick, 500);
render();
