// Salons: search, filters, order, pages. What is asked stands in the address, so that it can be sent to a colleague.

import * as api from "./api.js";
import { badge, fill, make, number, table, when, words } from "./dom.js";

const COLUMNS = ["company_id", "title", "salon_id", "status", "state", "whatsapp_phone", "updated_at"];
const SORTABLE = ["company_id", "title", "salon_id", "status", "state", "updated_at"];
const TYPING_MS = 80;

export async function show(main, query) {
  const text = words.list;
  const search = make("input", { id: "search", type: "search", value: query.get("search") ?? "", maxlength: 200, autocomplete: "off", spellcheck: "false" });
  const status = choice("status", text.status, words.statuses, query.get("status")), state = choice("state", text.state, words.states, query.get("state"));
  const found = make("p", { role: "status", id: "found", class: "quiet" }), results = make("div", { id: "results" });
  main.append(make("h1", {}, text.title), make("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    make("p", {}, make("label", { for: "search" }, text.search), search), status.whole, state.whole), found, results);

  let asked = 0, typing;
  async function load() {
    const mine = ++asked;
    const page = await api.get(`/companies?${parameters()}`);
    if (mine === asked) render(page);
  }
  function parameters() {
    const wanted = new URLSearchParams();
    for (const name of ["search", "status", "state", "sort", "order", "page"]) if (query.get(name)) wanted.set(name, query.get(name));
    return wanted;
  }
  /** Changes what is asked, and the address with it. */
  function change(values) {
    for (const [name, value] of Object.entries({ page: "", ...values })) value ? query.set(name, value) : query.delete(name);
    history.replaceState(null, "", `#/companies?${parameters()}`);
    return load().catch((error) => results.replaceChildren(make("p", { class: "failure" }, error.message)));
  }
  function render(page) {
    found.textContent = `${fill(text.found, { n: number(page.total) })}. ${fill(text.page, { page: page.page, pages: Math.max(page.pages, 1) })}`;
    if (!page.companies.length) return results.replaceChildren(make("p", {}, text.empty));
    const heads = COLUMNS.map((name) => (SORTABLE.includes(name) ? sorter(name) : make("th", { scope: "col" }, text.columns[name])));
    const rows = page.companies.map((one) => [String(one.company_id), make("a", { href: `#/companies/${one.company_id}` }, one.title ?? text.unnamed), String(one.salon_id),
      badge(one.integration_status, words.statuses), badge(one.state, words.states), one.whatsapp_phone, when(one.updated_at)]);
    const turn = (to, name, id) => make("button", { class: "button", type: "button", id, disabled: to < 1 || to > page.pages, onclick: () => change({ page: String(to) }) }, name);
    results.replaceChildren(table(text.title, heads, rows), make("p", { class: "row" }, turn(page.page - 1, text.previous, "previous"), turn(page.page + 1, text.next, "next")));
  }
  function sorter(name) {
    const active = (query.get("sort") || "company_id") === name, down = query.get("order") === "desc";
    const order = active && !down ? "desc" : "asc";
    const label = fill(text.sortBy, { name: text.columns[name] }) + (active ? `, ${down ? text.descending : text.ascending}` : "");
    return make("th", { scope: "col", "aria-sort": active ? (down ? "descending" : "ascending") : undefined },
      make("button", { class: "sorter", type: "button", title: label, "data-sort": name, onclick: async () => { await change({ sort: name, order }); document.querySelector(`[data-sort=${name}]`)?.focus(); } },
        text.columns[name], active ? (down ? " ↓" : " ↑") : ""));
  }
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => change({ search: search.value.trim() }), TYPING_MS);
  });
  status.select.addEventListener("change", () => change({ status: status.select.value }));
  state.select.addEventListener("change", () => change({ state: state.select.value }));
  await load();
  return () => clearTimeout(typing);
}

function choice(id, name, options, chosen) {
  const select = make("select", { id }, make("option", { value: "" }, words.list.any), Object.entries(options).map(([value, label]) => make("option", { value, selected: value === chosen }, label)));
  return { select, whole: make("p", {}, make("label", { for: id }, name), select) };
}
