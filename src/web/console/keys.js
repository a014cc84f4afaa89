// Operators' keys: made, listed, revoked.

import * as api from "./api.js";
import { badge, confirmed, fill, make, table, tell, when, words } from "./dom.js";

export async function show(main) {
  const text = words.keys;
  const name = make("input", { id: "key-name", required: true, maxlength: 100, autocomplete: "off" });
  const role = make("select", { id: "key-role" }, Object.entries(words.roles).map(([value, label]) => make("option", { value }, label)));
  const expires = make("input", { id: "key-expires", type: "datetime-local" });
  const made = make("div", { id: "made", "aria-live": "polite" }), list = make("div", { id: "key-list" });
  const form = make("form", { class: "card filters", onsubmit: create }, make("p", {}, make("label", { for: "key-name" }, text.name), name), make("p", {}, make("label", { for: "key-role" }, text.role), role),
    make("p", {}, make("label", { for: "key-expires" }, text.expires), expires), make("button", { class: "button primary" }, text.create));
  main.append(make("h1", {}, text.title), form, made, list);

  async function load() {
    const { keys } = await api.get("/keys");
    const names = ["name", "hint", "role", "created", "used", "state", "act"];
    list.replaceChildren(table(text.title, names.map((one) => text.columns[one]), keys.toReversed().map(row)));
  }
  function row(key) {
    const state = key.revoked_at ? "revoked" : key.active ? "active" : "expired";
    const revoke = key.active ? make("button", { class: "button small-button danger", type: "button", "data-revoke": key.key_id, onclick: () => drop(key) }, text.revoke) : undefined;
    return [key.name, make("code", {}, `${key.hint}…`), words.roles[key.role], when(key.created_at), when(key.last_used_at) ?? text.never, badge(state, text), revoke];
  }
  async function create(event) {
    event.preventDefault();
    const wish = { name: name.value, role: role.value };
    if (expires.value) wish.expires_at = new Date(expires.value).toISOString();
    try {
      const { api_key } = await api.post("/keys", wish);
      made.replaceChildren(make("p", { class: "line" }, text.made), make("p", {}, make("code", { class: "secret", id: "new-key", tabindex: "0" }, api_key)));
      form.reset();
      await load();
    } catch (error) {
      tell(error.message, true);
    }
  }
  async function drop(key) {
    if (!(await confirmed(fill(text.confirm, { name: key.name }), text.revoke))) return;
    try {
      await api.remove(`/keys/${key.key_id}`);
      await load();
    } catch (error) {
      tell(error.message, true);
    }
  }
  await load();
}
