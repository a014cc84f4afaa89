// One salon: its session, what can be done, what happened.

import * as api from "./api.js";
import { clientFacts } from "./client.js";
import { badge, confirmed, facts, fill, make, tell, when, words } from "./dom.js";
import { follow, isLive, listen } from "./main.js";

const ASK_EVERY_MS = 5_000;
const ACTIONS = ["restart", "stop", "unpark", "logout", "activate", "qr"];
const TIMES = ["whatsapp_connected_at", "connected_at", "registered_at", "created_at", "updated_at"];

export async function show(main, _query, id) {
  const text = words.company;
  const title = make("h1", {}), session = make("section", { class: "card", "aria-labelledby": "session-title" }), client = make("section", { class: "card", id: "client", "aria-labelledby": "client-title" }), details = make("section", { class: "card" }), timeline = make("ol", { class: "timeline", id: "timeline" });
  const buttons = make("p", { class: "row", id: "actions" }, api.may("operator")
    ? ACTIONS.map((action) => make("button", { class: action === "logout" ? "button danger" : "button", type: "button", "data-action": action, onclick: () => act(action) }, text.buttons[action]))
    : text.readOnly);
  const code = make("section", { class: "card", id: "code", hidden: true, "aria-live": "polite" });
  main.append(make("p", {}, make("a", { href: "#/companies" }, text.back)), title, session, buttons, code, client, details,
    make("section", { class: "card" }, make("h2", {}, text.timeline), timeline));

  let ticking, state;
  async function load() {
    const [detail, { events }] = await Promise.all([api.get(`/companies/${id}`), api.get(`/companies/${id}/timeline?limit=100`)]);
    render(detail, events);
  }
  function render(detail, events) {
    const { company } = detail;
    state = detail.session.state;
    title.textContent = company.title ?? words.list.unnamed;
    session.replaceChildren(...sessionFacts(detail));
    client.replaceChildren(...clientFacts(detail));
    const known = Object.entries(text.fields).map(([name, label]) => [label, fact(name, company[name])]).filter(([, value]) => value);
    details.replaceChildren(make("h2", {}, text.details), facts(known));
    timeline.replaceChildren(...(events.length ? events.map(happened) : [make("li", {}, text.nothing)]));
    if (state === "Online" && !code.hidden && ticking) endCode(text.qrScanned);
  }
  async function act(action) {
    if (text.confirm[action] && !(await confirmed(text.confirm[action], text.buttons[action]))) return;
    try {
      const answer = await api.post(`/companies/${id}/${action}`);
      action === "qr" ? showCode(answer) : tell(fill(text.done, { what: text.buttons[action] }));
      await load();
    } catch (error) {
      tell(error.message, true);
    }
  }
  function showCode({ image, expires_in }) {
    clearInterval(ticking);
    let left = expires_in;
    const help = make("p", {}, fill(text.qrHelp, { seconds: left }));
    code.hidden = false;
    code.replaceChildren(make("h2", { tabindex: "-1" }, text.qrTitle), make("div", { class: "frame" }, make("img", { src: image, alt: text.qrTitle, id: "qr-image" })), help);
    code.querySelector("h2").focus();
    ticking = setInterval(() => {
      left -= 1;
      if (left <= 0) return endCode(text.qrOver);
      help.textContent = fill(text.qrHelp, { seconds: left });
    }, 1_000);
  }
  function endCode(message) {
    clearInterval(ticking);
    ticking = undefined;
    code.replaceChildren(make("p", {}, message));
  }
  await load();
  follow(Number(id));
  const again = () => load().catch(() => {});
  const stop = listen((event, payload) => {
    if (event === "joined") follow(Number(id));
    if (event === "company" && payload.company_id === Number(id)) again();
  });
  const timer = setInterval(() => isLive() || again(), ASK_EVERY_MS);
  return () => { stop(); clearInterval(timer); clearInterval(ticking); };
}

function sessionFacts({ session, activation, company }) {
  const text = words.company;
  const rows = [[text.session, make("span", { id: "state", "data-state": session.state }, badge(session.state, words.states), ` ${text.since} `, when(session.since))],
    [text.fields.integration_status, badge(company.integration_status, words.statuses)], [text.activation, activation.status]];
  if (session.reason) rows.push([text.reason, make("span", { id: "reason", "data-reason": session.reason }, words.reasons[session.reason] ?? session.reason)]);
  if (session.retry_at) rows.push([text.retry, when(session.retry_at)]);
  if (session.action) rows.push([text.action, session.action]);
  return [make("h2", { id: "session-title" }, text.session), facts(rows)];
}

function fact(name, value) {
  if (value === null || value === undefined) return undefined;
  if (TIMES.includes(name)) return when(value);
  return name === "integration_status" ? words.statuses[value] ?? value : String(value);
}

function happened({ at, kind, data }) {
  const more = data && Object.keys(data).length ? make("code", { class: "quiet" }, JSON.stringify(data)) : undefined;
  return make("li", { "data-kind": kind }, when(at), make("strong", {}, ` ${words.events[kind] ?? kind} `), more);
}
