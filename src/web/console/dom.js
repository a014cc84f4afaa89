// Making the page. What comes from the server goes in as text, never as HTML.

import ru from "./words_ru.js";
import en from "./words_en.js";

export const language = document.documentElement.lang;
export const words = language === "ru" ? ru : en;

/** `make("button", {class: "button", onclick: f}, "text")`; absent children and attributes are skipped. */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

/** Fills `{name}` in a text. */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

const dates = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" });
export function when(text) {
  if (!text) return undefined;
  return make("time", { datetime: text, title: text }, dates.format(new Date(text)));
}

export const number = (value) => new Intl.NumberFormat(language).format(value);

const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte"];
/** A number of bytes, in the unit that suits it. */
export function bytes(value) {
  const step = Math.min(Math.floor(Math.log10(Math.max(value, 1)) / 3), SIZES.length - 1);
  return new Intl.NumberFormat(language, { style: "unit", unit: SIZES[step], maximumFractionDigits: step ? 1 : 0 }).format(value / 1000 ** step);
}

/** Names and what is known under them. */
export const facts = (rows) => make("dl", { class: "facts" }, rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));

/** A table that scrolls by itself on a narrow screen. */
export function table(caption, heads, rows) {
  const head = make("tr", {}, heads.map((text) => (text instanceof Node ? text : make("th", { scope: "col" }, text))));
  const body = rows.map((cells) => make("tr", {}, cells.map((cell) => make("td", {}, cell ?? ""))));
  const whole = make("table", {}, make("caption", { class: "hidden" }, caption), make("thead", {}, head), make("tbody", {}, body));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, whole);
}

const GOOD = ["Online", "active", "allowed"], BAD = ["Replaced", "LoggedOut", "Banned", "Outdated", "Parked", "Deaf", "activation_failed", "stopped"];
/** A state or status as a coloured word; the word says it too. */
export function badge(name, texts) {
  const mood = GOOD.includes(name) ? "good" : BAD.includes(name) ? "bad" : "calm";
  return make("span", { class: `badge ${mood}` }, texts[name] ?? name);
}

/** Says something to everyone, screen readers too. */
export function tell(text, isError = false) {
  const place = document.getElementById("told");
  place.className = isError ? "told failure" : "told";
  place.textContent = text;
}

/** Asks before something that hurts. Resolves to true or false. */
export function confirmed(text, yes) {
  return new Promise((resolve) => {
    const dialog = make("dialog", { "aria-labelledby": "question", onclose: () => { resolve(dialog.returnValue === "yes"); dialog.remove(); } },
      make("form", { method: "dialog" }, make("p", { id: "question" }, text),
        make("p", { class: "row" }, make("button", { class: "button", value: "no" }, words.company.no), make("button", { class: "button primary", value: "yes" }, yes))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
