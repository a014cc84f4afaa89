// The fleet at a glance.

import * as api from "./api.js";
import { area, bars, funnel } from "./charts.js";
import { badge, make, number, words } from "./dom.js";
import { isLive, listen } from "./main.js";

/** Without a live connection the page asks this often. */
const ASK_EVERY_MS = 60_000;
const NEED_A_PERSON = ["Replaced", "LoggedOut", "Banned", "Outdated", "Parked"];
const STEPS = ["redirected", "page_opened", "qr_shown", "paired", "online", "active"];

const figure = (id, name) => make("div", { class: "card figure" }, make("dt", {}, name), make("dd", { id }, "…"));

export async function show(main) {
  const text = words.overview;
  const numbers = make("dl", { class: "figures" }, figure("companies", text.companies), figure("online", text.online), figure("attention", text.attention),
    figure("reconnects", text.reconnects), figure("first-qr", text.firstQr), figure("webhooks", text.webhooks));
  const states = make("ul", { class: "counts", id: "states" }), statuses = make("ul", { class: "counts", id: "statuses" }), steps = make("div", { id: "funnel" });
  const notice = make("p", { class: "line", id: "restoring", hidden: true }, text.restoring), charts = make("div", { class: "charts" });
  main.append(make("h1", {}, text.title), notice, numbers,
    make("div", { class: "pairs-wide" }, make("section", { class: "card" }, make("h2", {}, text.byState), states), make("section", { class: "card" }, make("h2", {}, text.byStatus), statuses),
      make("section", { class: "card" }, make("h2", {}, text.funnel), steps)), charts);

  const set = (id, value) => { const at = document.getElementById(id); if (at && at.textContent !== value) at.textContent = value; };
  function render(now) {
    const { by_state, by_status, last_24h } = now;
    set("companies", number(now.companies));
    set("online", number(by_state.Online ?? 0));
    set("attention", number(NEED_A_PERSON.reduce((sum, state) => sum + (by_state[state] ?? 0), 0)));
    set("reconnects", number(last_24h.links_lost));
    set("first-qr", last_24h.first_qr_ms === null ? text.none : `${number(last_24h.first_qr_ms / 1000)} ${text.seconds}`);
    set("webhooks", number(last_24h.webhooks) + (last_24h.webhooks_failed ? ` (${text.failed}: ${number(last_24h.webhooks_failed)})` : ""));
    notice.hidden = now.restored;
    counts(states, by_state, words.states, "state");
    counts(statuses, by_status, words.statuses, "status");
    steps.replaceChildren(funnel(STEPS.map((step) => [text.steps[step], last_24h[step]])));
  }
  async function chart() {
    const { slots } = await api.get("/day");
    charts.replaceChildren(area(text.onlineChart, slots, (slot) => slot.online_now),
      bars(text.trouble, slots, [[text.lost, (slot) => slot.links_lost], [text.ended, (slot) => slot.sessions_ended]]));
  }
  const [now] = await Promise.all([api.get("/overview"), chart()]);
  render(now);
  const stop = listen((event, payload) => event === "overview" && render(payload));
  const timer = setInterval(() => {
    chart().catch(() => {});
    if (!isLive()) api.get("/overview").then(render, () => {});
  }, ASK_EVERY_MS);
  return () => { stop(); clearInterval(timer); };
}

/** Each count leads to its companies. */
function counts(list, numbers, names, parameter) {
  const items = Object.entries(numbers).filter(([, count]) => count > 0).sort(([, left], [, right]) => right - left)
    .map(([name, count]) => make("li", {}, make("a", { href: `#/companies?${parameter}=${name}` }, badge(name, names), make("strong", {}, number(count)))));
  list.replaceChildren(...(items.length ? items : [make("li", {}, words.overview.none)]));
}
