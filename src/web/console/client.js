// What WhatsApp and its client tell of one salon: limits, the passkey step, the way out, restarts, numbers of the links.

import { badge, bytes, facts, fill, make, number, when, words } from "./dom.js";

export function clientFacts({ session, egress, restarts }) {
  const text = words.client;
  return [make("h2", { id: "client-title" }, text.title),
    facts([...limits(session.limits), passkey(session.passkey), wayOut(egress), left("session", restarts.session), left("company", restarts.company)]),
    make("h3", {}, text.numbers), make("p", { class: "small" }, text.numbersHint), facts(numbers(session.link))];
}

function limits({ known, cold_sends_stopped, timelock, cap }) {
  const text = words.client;
  const cold = cold_sends_stopped ? "stopped" : known ? "allowed" : "unknown";
  const rows = [[text.coldSends, make("span", { id: "cold-sends", "data-cold": cold }, badge(cold, text.cold))]];
  if (timelock) rows.push([text.timelock, make("span", { id: "timelock" }, until(timelock.ends_at))]);
  if (cap) {
    const share = cap.total === null ? undefined : `: ${number(cap.used ?? 0)} / ${number(cap.total)}`;
    rows.push([text.cap, make("span", { id: "cap", "data-level": cap.level }, text.levels[cap.level], share, cap.renews_at && [", ", text.renews, " ", when(cap.renews_at)])]);
  }
  return rows;
}

const until = (moment) => (moment ? [words.client.until, " ", when(moment)] : words.client.untilUnknown);

function passkey(step) {
  const text = words.client;
  return [text.passkey, make("span", { id: "passkey", "data-stage": step?.stage }, step ? [text.stages[step.stage], ", ", until(step.expires_at)] : text.noPasskey)];
}

function wayOut({ kind, proxy }) {
  const text = words.client;
  return [text.egress, make("span", { id: "egress", "data-kind": kind }, text.ways[kind], proxy && [": ", make("code", {}, proxy)])];
}

function left(actor, { parked, left, limit, window_seconds, crashes }) {
  const text = words.client;
  const value = parked ? badge("Parked", words.states) : fill(text.left, { left: number(left), limit: number(limit), seconds: number(window_seconds) });
  const last = crashes.length ? [". ", text.lastCrash, " ", when(crashes.at(-1))] : undefined;
  return [text.restarts[actor], make("span", { id: `restarts-${actor}`, "data-left": left }, value, last)];
}

function numbers(link) {
  const text = words.client;
  const both = (name, show) => [text[name], make("span", { id: name }, fill(text.both, { received: show(link[`${name}_received`]), sent: show(link[`${name}_sent`]) }))];
  const ended = Object.entries(link.ended).map(([end, count]) => make("li", { "data-end": end }, `${text.ends[end] ?? end}: ${number(count)}`));
  return [[text.dialled, make("span", { id: "dialled" }, number(link.dialled))],
    [text.ended, ended.length ? make("ul", { id: "ended", class: "plain" }, ended) : text.none], [text.lastEnd, link.last_end ? text.ends[link.last_end] ?? link.last_end : text.none],
    both("frames", number), both("bytes", bytes), both("messages", number),
    [text.memory, link.memory_bytes ? bytes(link.memory_bytes) : text.none], [text.dropped, number(link.events_dropped)], [text.throttled, number(link.resends_throttled)]];
}
