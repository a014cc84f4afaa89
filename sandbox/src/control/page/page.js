// The control page. Everything it shows comes from the control API; texts of others enter as text, never as markup.
"use strict";

// Fields of every fault: name, kind, example. The API checks them; docs/sandbox.md explains them.
const TIMES = ["times", "number", "1"];
const ENDPOINT = ["endpoint", ["callback", "status", "salons", "company", "payment", "other", "any"]];
const PROCESSED = ["processed", ["false", "true"]];
const DURATION = ["duration_ms", "number", ""];
const FAULTS = {
  yclients: {
    status: [["code", "number", "503"], ["retry_after", "number", ""], TIMES, ENDPOINT],
    delay: [["ms", "number", "3000"], TIMES, ENDPOINT],
    silence: [PROCESSED, TIMES, ENDPOINT],
    close: [TIMES, ENDPOINT],
    close_before: [TIMES, ENDPOINT],
    redirect: [TIMES],
    already_installed: [PROCESSED, TIMES],
    html: [["code", "number", ""], TIMES, ENDPOINT],
  },
  whatsapp: {
    drop: [], half_open: [], silence: [DURATION], refuse_connections: [DURATION],
    stream_error: [["code", "number", "503"]], replaced: [], logged_out: [],
    login_failure: [["code", "number", "401"], ["count", "number", "1"], ["expire_s", "number", ""]],
    close_mid_handshake: [["count", "number", "1"]], slow: [["ms", "number", "1000"], DURATION], bad_frame: [],
  },
};

const POLL_MS = 2000;
const SHOWN_CALLS = 60;
const at = (id) => document.getElementById(id);
const known = { salons: [], phones: [], lastCall: 0 };
let language = "en";

// --- small tools -----------------------------------------------------------------------------------------------

const text = (key) => TEXTS[language][key] ?? key;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// An element whose text follows the language.
function say(tag, key, properties = {}) {
  const element = make(tag, { ...properties, textContent: text(key) });
  element.dataset.text = key;
  return element;
}

function field(key, input) {
  return make("label", {}, say("span", key), input);
}

function notice(message, bad = false) {
  const box = at("notice");
  box.hidden = false;
  box.classList.toggle("bad", bad);
  box.textContent = message;
}

async function api(method, path, body) {
  let response;
  try {
    response = await fetch(path, { method, headers: body ? { "content-type": "application/json" } : {}, body: body && JSON.stringify(body) });
  } catch {
    throw new Error(text("gone"));
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(text("error") + inWords(answer.error ?? String(response.status)));
  return answer;
}

function inWords(error) {
  const found = language === "ru" && RUSSIAN_ERRORS.find(([pattern]) => pattern.test(error));
  return found ? found[1] : error;
}

// Runs what a button is for: one at a time, the outcome in words.
async function run(button, work, success = "done") {
  button.disabled = true;
  try {
    const message = await work();
    notice(message ?? text(success));
  } catch (error) {
    notice(error.message, true);
  } finally {
    button.disabled = false;
    refresh();
  }
}

const button = (key, work, success, className = "quiet") => {
  const element = say("button", key, { type: "button", className });
  element.addEventListener("click", () => run(element, work, success));
  return element;
};

function form(element, work, success) {
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    run(element.querySelector("button"), () => work(new FormData(element), element), success);
  });
  return element;
}

// Keeps a list in step with data without touching what somebody may be typing in.
function sync(list, items, key, create, update) {
  const present = new Map([...list.children].map((child) => [child.dataset.key, child]));
  for (const item of items) {
    const id = String(key(item));
    const card = present.get(id) ?? create(item);
    present.delete(id);
    if (card.parentNode !== list) {
      card.dataset.key = id;
      list.append(card);
    }
    update(card, item);
  }
  for (const gone of present.values()) gone.remove();
}

function options(select, entries) {
  const wanted = JSON.stringify(entries);
  if (select.dataset.entries === wanted) return;
  const chosen = select.value;
  select.dataset.entries = wanted;
  select.replaceChildren(...entries.map(([value, label]) => make("option", { value, textContent: label })));
  if (entries.some(([value]) => value === chosen)) select.value = chosen;
}

const pretty = (number) => number.replace(/^7(\d{3})(\d{3})(\d{2})(\d{2})$/, "+7 $1 $2-$3-$4");

// --- salons ----------------------------------------------------------------------------------------------------

function salonCard(salon) {
  const path = `/control/salons/${salon.salon_id}`;
  const connect = make("a", { className: "button", href: `/control-page/salons/${salon.salon_id}/open`, target: "_blank", rel: "noopener" });
  connect.append(say("span", "connect"));
  connect.dataset.title = "connectHint";
  connect.addEventListener("click", () => {
    // The page that opens now is most likely the one to scan.
    for (const select of document.querySelectorAll("select.salon")) select.value = salon.salon_id;
    setTimeout(refresh, 500);
  });
  const lifecycle = (action) => button(action, async () => {
    const { webhook } = await api("POST", `${path}/${action}`, {});
    if (!webhook) return text("done");
    if (!webhook.delivered) throw new Error(text("webhookFailed") + (webhook.error ?? webhook.status));
    return text("webhookSent");
  });
  const record = button("record", async () => {
    const { webhooks } = await api("POST", `${path}/record`, {});
    const failed = webhooks.find((webhook) => !webhook.delivered);
    if (failed) throw new Error(text("webhookFailed") + (failed.error ?? failed.status));
    return text("webhookSent");
  });
  const more = make("div", { className: "row" }, ...["uninstall", "freeze", "unfreeze", "expire"].map(lifecycle), record);
  return make("li", { className: "card" },
    make("h3"), make("p", {}, make("span", { className: "badge" }), " ", make("span", { className: "where" })),
    connect, make("details", {}, say("summary", "more"), more));
}

function updateSalon(card, salon) {
  card.querySelector("h3").textContent = salon.title;
  const badge = card.querySelector(".badge");
  badge.className = `badge ${{ active: "good", freezed: "bad" }[salon.status] ?? ""}`;
  badge.textContent = text(salon.status);
  card.querySelector(".where").textContent = `№ ${salon.salon_id} · ${salon.timezone}`;
  const connect = card.querySelector("a");
  connect.title = text("connectHint");
  connect.setAttribute("aria-label", `${text("connect")}: ${salon.title} (${text("connectHint")})`);
}

// --- phones ----------------------------------------------------------------------------------------------------

function phoneCard(phone) {
  const path = `/control/phones/${phone.number}`;
  const salon = make("select", { className: "salon" });
  const scan = button("scan", async () => {
    if (!salon.value) throw new Error(text("chooseSalon"));
    notice(text("waiting"));
    await api("POST", `${path}/scan-page`, { salon_id: Number(salon.value) });
  }, "linkedNow", "");
  const qr = form(make("form", { className: "row" },
    field("qrText", make("textarea", { name: "qr", required: true, spellcheck: false })), say("button", "scanText", { className: "quiet" })),
    (data, element) => api("POST", `${path}/scan`, { qr: data.get("qr") }).then(() => element.reset()), "linkedNow");
  const code = form(make("form", { className: "row" },
    field("code", make("input", { name: "code", maxLength: 20, required: true, autocomplete: "off" })), say("button", "enter", { className: "quiet" })),
    (data, element) => api("POST", `${path}/enter-code`, { code: data.get("code") }).then(() => element.reset()), "linkedNow");
  const unlink = button("unlink", () => api("POST", `${path}/unlink`, {}).then(() => null));
  return make("li", { className: "card" },
    make("h3", { textContent: pretty(phone.number) }), make("p"),
    make("div", { className: "row" }, field("scanFor", salon), scan),
    make("details", {}, say("summary", "byHand"), qr, code, make("div", { className: "row" }, unlink)), letters(path));
}

function letters(path) {
  const list = make("ul", { className: "lines" });
  const show = async () => {
    const messages = await api("GET", `${path}/messages`);
    const line = (message) => make("li", {}, make("span", { textContent: `${message.direction === "in" ? "←" : "→"} ${pretty(message.direction === "in" ? message.from : message.to)}` }), make("span", { textContent: message.text }));
    list.replaceChildren(...(messages.length ? messages.slice(-10).map(line) : [make("li", { textContent: text("noMessages") })]));
  };
  const send = form(make("form", { className: "row" },
    field("to", make("input", { name: "to", inputMode: "tel", maxLength: 20, required: true })),
    field("text", make("input", { name: "text", maxLength: 1000, required: true })), say("button", "send", { className: "quiet" })),
    async (data, element) => {
      await api("POST", `${path}/send`, { to: data.get("to"), text: data.get("text") });
      element.reset();
      await show();
    });
  const details = make("details", { className: "letters" }, say("summary", "messages"), list, send);
  details.addEventListener("toggle", () => details.open && show().catch((error) => notice(error.message, true)));
  details.refresh = () => details.open && show().catch(() => {});
  return details;
}

function updatePhone(card, phone) {
  const device = ({ device, online }) => `${text("device")} ${device}: ${text(online ? "online" : "offline")}`;
  card.querySelector("p").textContent = phone.linked.length ? phone.linked.map(device).join(", ") : text("notLinked");
  options(card.querySelector("select.salon"), known.salons.map((salon) => [String(salon.salon_id), salon.title]));
  card.querySelector("details.letters").refresh();
}

// --- faults ----------------------------------------------------------------------------------------------------

function faultForm() {
  const { service, target, fault } = at("set-fault").elements;
  const targets = service.value === "yclients"
    ? known.salons.map((salon) => [String(salon.salon_id), salon.title])
    : known.phones.map((phone) => [phone.number, pretty(phone.number)]);
  options(target, [["*", text("everyone")], ...targets]);
  options(fault, Object.keys(FAULTS[service.value]).map((name) => [name, name]));
  const box = at("fault-fields");
  const chosen = `${service.value} ${fault.value}`;
  if (box.dataset.chosen === chosen) return;
  box.dataset.chosen = chosen;
  box.replaceChildren(...FAULTS[service.value][fault.value].map(([name, kind, example]) => {
    const input = Array.isArray(kind)
      ? make("select", { name }, ...kind.map((value) => make("option", { value, textContent: value })))
      : make("input", { name, type: kind, min: "0", value: example });
    return make("label", {}, make("span", { textContent: name }), input);
  }));
}

function setFault(data) {
  const fault = {};
  for (const [name, value] of data) {
    if (value === "") continue;
    if (["service", "target", "fault", "endpoint"].includes(name)) fault[name] = value;
    else fault[name] = name === "processed" ? value === "true" : Number(value);
  }
  return api("POST", "/control/faults", fault).then(() => null);
}

function showFaults(faults) {
  const line = ({ service, target, ...rest }) => {
    const details = Object.entries(rest).filter(([, value]) => value !== null).map(([name, value]) => `${name}=${value}`).join(" ");
    return make("li", { className: "bad-text", textContent: `${service} ${target} ${details}` });
  };
  at("active-faults").replaceChildren(...faults.map(line));
}

// --- calls -----------------------------------------------------------------------------------------------------

function callLine(call) {
  const status = call.status ?? text("noAnswer");
  const fate = call.status && !call.answered ? `${status} (${text("lost")})` : status;
  const good = call.answered && call.status < 400;
  const line = make("li", {},
    make("span", { textContent: new Date(call.at).toLocaleTimeString(language) }),
    make("strong", { textContent: String(fate), className: good ? "" : "bad-text" }),
    make("span", { textContent: `${call.method} ${call.path}` }),
    make("span", { textContent: call.fault ? `⚡ ${call.fault}` : "", className: "bad-text" }));
  line.dataset.settled = String(call.answered);
  line.dataset.id = call.id;
  return line;
}

function showCalls(calls) {
  const list = at("calls");
  for (const call of calls) {
    const before = list.querySelector(`[data-id="${call.id}"]`);
    if (before) before.replaceWith(callLine(call));
    else list.prepend(callLine(call));
  }
  while (list.children.length > SHOWN_CALLS) list.lastChild.remove();
  // Calls in progress are asked for again until they are answered, but not for ever.
  const open = [...list.children].slice(0, 10).filter((line) => line.dataset.settled === "false").map((line) => Number(line.dataset.id));
  const newest = Number(list.firstChild?.dataset.id ?? 0);
  known.lastCall = Math.min(newest, ...open.map((id) => id - 1));
  at("no-calls").hidden = list.children.length > 0;
}

// --- the whole -------------------------------------------------------------------------------------------------

let refreshing = false;

async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    const [salons, phones, faults, calls] = await Promise.all([
      api("GET", "/control/salons"), api("GET", "/control/phones"), api("GET", "/control/faults"),
      api("GET", `/control/yclients/calls?after=${known.lastCall}`),
    ]);
    Object.assign(known, { salons, phones });
    sync(at("salons"), salons, (salon) => salon.salon_id, salonCard, updateSalon);
    sync(at("phones"), phones, (phone) => phone.number, phoneCard, updatePhone);
    showFaults(faults);
    showCalls(calls);
    faultForm();
    if (known.gone) {
      known.gone = false;
      at("notice").hidden = true;
    }
  } catch (error) {
    // A sandbox that was restarted counts its calls anew.
    Object.assign(known, { gone: true, lastCall: 0 });
    notice(error.message, true);
  } finally {
    refreshing = false;
  }
}

function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  at("language").textContent = text("switch");
  try {
    localStorage.setItem("language", chosen);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function start() {
  let kept = null;
  try {
    kept = localStorage.getItem("language");
  } catch {
    // As above.
  }
  speak(kept in TEXTS ? kept : navigator.language.startsWith("ru") ? "ru" : "en");
  at("language").addEventListener("click", () => {
    speak(language === "ru" ? "en" : "ru");
    refresh();
  });
  form(at("add-salon"), (data, element) =>
    api("POST", "/control/salons", { title: data.get("title"), timezone: data.get("timezone") }).then(() => element.reset()));
  form(at("add-phone"), (data, element) =>
    api("POST", "/control/phones", { number: data.get("number") }).then(() => element.reset()));
  form(at("set-fault"), setFault, "faultOn");
  at("set-fault").addEventListener("change", faultForm);
  const clear = at("clear-faults");
  clear.addEventListener("click", () => run(clear, () => api("DELETE", "/control/faults").then(() => null), "faultsOff"));
  setInterval(refresh, POLL_MS);
  refresh();
}

start();
