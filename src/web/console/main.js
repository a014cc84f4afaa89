// The console: log-in, frame, and which page the address names. Each page is a module with `show(place, query, id)` that returns what to call
// when it is left, or nothing.

import { open } from "../live.js";
import * as api from "./api.js";
import { language, make, tell, words } from "./dom.js";
import * as audit from "./audit.js";
import * as companies from "./companies.js";
import * as company from "./company.js";
import * as inbox from "./inbox.js";
import * as keys from "./keys.js";
import * as overview from "./overview.js";

const PAGES = [
  { name: "overview", path: /^\/?$/, link: "#/", page: overview, role: "viewer" },
  { name: "companies", path: /^\/companies$/, link: "#/companies", page: companies, role: "viewer" },
  { name: "companies", path: /^\/companies\/(\d+)$/, page: company, role: "viewer" },
  { name: "inbox", path: /^\/inbox$/, link: "#/inbox", page: inbox, role: "viewer" },
  { name: "keys", path: /^\/keys$/, link: "#/keys", page: keys, role: "admin" },
  { name: "audit", path: /^\/audit$/, link: "#/audit", page: audit, role: "admin" },
];

const app = document.getElementById("app");
let connection, leave, listeners = new Set(), joined = false;

/** Live news: `listener(event, payload)`; returns how to stop. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Asks the server for news of one company, or of none. */
export function follow(companyId) {
  if (joined) connection.emit("follow", { company_id: companyId ?? null });
}

function goLive() {
  connection?.close();
  connection = open({
    namespace: "/admin", auth: {},
    onEvent: (event, payload) => listeners.forEach((listener) => listener(event, payload)),
    onChange: ({ connected }) => {
      joined = connected;
      const sign = document.getElementById("live");
      if (sign) {
        sign.textContent = connected ? words.live.on : words.live.off;
        sign.className = connected ? "live on" : "live";
      }
      if (connected) listeners.forEach((listener) => listener("joined"));
    },
  });
}

export const isLive = () => joined;

function frame() {
  const { name, path } = place();
  const links = PAGES.filter(({ link, role }) => link && api.may(role)).map((page) =>
    make("li", {}, make("a", { href: page.link, "aria-current": page.name === name ? "page" : undefined, "data-page": page.name }, words.nav[page.name])));
  const other = language === "ru" ? ["en", "English", "EN"] : ["ru", "Русский", "RU"];
  return [
    make("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); document.getElementById("main").focus(); } }, words.skip),
    make("header", { class: "top" }, make("a", { class: "brand", href: "#/" }, words.product),
      make("nav", { "aria-label": words.product, class: "pages" }, make("ul", {}, links)),
      make("p", { class: "who" }, make("span", {}, `${api.me.name} · ${words.roles[api.me.role]}`),
        make("a", { href: `?lang=${other[0]}${path === "/" ? "" : `#${location.hash.slice(1)}`}`, lang: other[0], hreflang: other[0], class: "language" }, other[1]),
        make("button", { class: "button small-button", type: "button", onclick: out, id: "logout" }, words.login.out))),
    make("main", { id: "main", tabindex: "-1" }),
    make("footer", { class: "bottom" }, make("p", { id: "live", class: joined ? "live on" : "live" }, joined ? words.live.on : words.live.off), make("p", { id: "told", class: "told", role: "status" })),
  ];
}

function place() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const found = PAGES.map((page) => ({ ...page, match: (path || "/").match(page.path) })).find(({ match }) => match);
  return { ...(found ?? PAGES[0]), path: path || "/", query: new URLSearchParams(query ?? ""), id: found?.match[1] };
}

async function route() {
  leave?.();
  leave = undefined;
  follow();
  if (!api.me) return showLogin();
  const { page, role, query, id } = place();
  app.replaceChildren(...frame());
  const main = document.getElementById("main");
  try {
    leave = await (api.may(role) ? page : overview).show(main, query, id);
  } catch (error) {
    if (error.status === 401) return;
    console.info(error);
    main.append(make("p", { class: "failure" }, error.message), make("button", { class: "button", type: "button", onclick: route }, words.errors.retry));
  }
  const title = main.querySelector("h1")?.textContent;
  document.title = title ? `${title} · Frontdesk` : "Frontdesk";
}

function showLogin(message) {
  connection?.close();
  connection = undefined;
  joined = false;
  document.title = `${words.login.title} · Frontdesk`;
  const key = make("input", { id: "key", type: "password", autocomplete: "current-password", required: true, maxlength: 512, "aria-describedby": "hint failure" });
  const failure = make("p", { id: "failure", class: "failure", role: "alert" }, message);
  const button = make("button", { class: "button primary" }, words.login.button);
  const form = make("form", { class: "card login", onsubmit: submit }, make("h1", {}, words.login.title), make("label", { for: "key" }, words.login.key),
    make("p", { class: "small", id: "hint" }, words.login.hint), key, failure, button);
  async function submit(event) {
    event.preventDefault();
    button.setAttribute("aria-disabled", "true");
    try {
      await api.login(key.value.trim());
      await start();
    } catch (error) {
      failure.textContent = error.status === 401 ? words.login.failed : error.message;
      key.setAttribute("aria-invalid", "true");
      key.focus();
    }
    button.removeAttribute("aria-disabled");
  }
  const other = language === "ru" ? ["en", "English"] : ["ru", "Русский"];
  const top = make("header", { class: "top" }, make("span", { class: "brand" }, words.product), make("a", { href: `?lang=${other[0]}`, lang: other[0], hreflang: other[0] }, other[1]));
  app.replaceChildren(top, make("main", { id: "main" }, form));
  key.focus();
}

async function out() {
  try {
    await api.logout();
  } catch (error) {
    return tell(error.message, true);
  }
  leave?.();
  leave = undefined;
  showLogin();
}

async function start() {
  goLive();
  await route();
}

addEventListener("hashchange", route);
try {
  if (await api.begin(() => { leave?.(); leave = undefined; showLogin(words.login.ended); })) await start();
  else showLogin();
} catch (error) {
  showLogin(error.message);
}
