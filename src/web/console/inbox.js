// Webhooks: what waits, what could not be handled, and again.

import * as api from "./api.js";
import { fill, make, table, tell, when, words } from "./dom.js";

export async function show(main, query) {
  const text = words.inbox;
  const shelf = make("select", { id: "shelf" }, Object.entries(text.shelves).map(([value, name]) => make("option", { value, selected: value === (query.get("shelf") ?? "dead") }, name)));
  const list = make("div", { id: "entries" });
  main.append(make("h1", {}, text.title), make("form", { class: "filters" }, make("p", {}, make("label", { for: "shelf" }, text.shelf), shelf)), list);

  async function load() {
    history.replaceState(null, "", `#/inbox?shelf=${shelf.value}`);
    list.replaceChildren();
    await more();
  }
  async function more(after) {
    const page = await api.get(`/inbox?shelf=${shelf.value}${after ? `&after=${after}` : ""}`);
    document.getElementById("more")?.remove();
    if (!page.entries.length && !after) return list.append(make("p", {}, text.empty));
    const names = ["id", "salon", "event", "received", "attempts", "why", "act"];
    list.append(table(text.title, names.map((name) => text.columns[name]), page.entries.map(row)));
    if (page.next) list.append(make("button", { class: "button", type: "button", id: "more", onclick: () => more(page.next).catch(failed) }, text.more));
  }
  function row(entry) {
    const salon = entry.company_id ? make("a", { href: `#/companies/${entry.company_id}` }, String(entry.salon_id)) : String(entry.salon_id);
    const replay = shelf.value === "dead" && api.may("operator") && entry.company_id
      ? make("button", { class: "button small-button", type: "button", "data-replay": entry.inbox_id, onclick: () => again(entry) }, text.replay) : undefined;
    const event = entry.body ? make("details", {}, make("summary", {}, entry.event), make("pre", { tabindex: "0" }, JSON.stringify(entry.body, null, 1))) : entry.event;
    return [String(entry.inbox_id), salon, event, when(entry.received_at), String(entry.attempts), text.reasons[entry.reason] ?? entry.reason, replay];
  }
  async function again({ company_id, inbox_id }) {
    try {
      await api.post(`/inbox/${company_id}/${inbox_id}/replay`);
      tell(fill(text.replayed, { id: inbox_id }));
      await load();
    } catch (error) {
      failed(error);
    }
  }
  const failed = (error) => tell(error.message, true);
  shelf.addEventListener("change", () => load().catch(failed));
  await load();
}
