// Who changed what, newest first.

import * as api from "./api.js";
import { make, table, when, words } from "./dom.js";

export async function show(main) {
  const text = words.audit, list = make("div", { id: "audit" });
  main.append(make("h1", {}, text.title), list);
  const names = ["at", "who", "what", "company", "from", "result", "change"];
  const brief = (value) => (value === null || value === undefined ? "" : JSON.stringify(value));
  function row(entry) {
    const company = entry.company_id ? make("a", { href: `#/companies/${entry.company_id}` }, String(entry.company_id)) : entry.target;
    const result = text.results[entry.result] + (entry.code ? ` (${entry.code})` : "");
    return [when(entry.at), `${entry.name} · ${words.roles[entry.role]}`, make("code", {}, entry.action), company, entry.address, result, make("code", { class: "quiet" }, [brief(entry.before), brief(entry.after)].filter(Boolean).join(" → "))];
  }
  async function more(before) {
    const page = await api.get(`/audit${before ? `?before=${before}` : ""}`);
    document.getElementById("more")?.remove();
    if (!page.entries.length && !before) return list.append(make("p", {}, text.empty));
    list.append(table(text.title, names.map((name) => text.columns[name]), page.entries.map(row)));
    if (page.next_before) list.append(make("button", { class: "button", type: "button", id: "more", onclick: () => more(page.next_before) }, text.more));
  }
  await more();
}
