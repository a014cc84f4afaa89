// The admin API, with the session's cookie for a key. A session that ended brings the log-in back.

import { words } from "./dom.js";

const API = "/admin/api/v1";

/** Who is logged in: `{name, role, csrf_token}`; undefined when nobody is. */
export let me;
let onEnd = () => {};

export const may = (role) => ["viewer", "operator", "admin"].indexOf(me?.role) >= ["viewer", "operator", "admin"].indexOf(role);

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error ?? words.errors.network);
    this.status = status;
    this.code = body?.code;
  }
}

async function ask(path, { method = "GET", body, headers = {} } = {}) {
  const options = { method, headers: { accept: "application/json", ...headers }, credentials: "same-origin" };
  if (method !== "GET" && me?.csrf_token) options.headers["x-csrf-token"] = me.csrf_token;
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new ApiError(0);
  }
  const content = await answer.json().catch(() => undefined);
  if (!answer.ok) throw new ApiError(answer.status, content);
  return content;
}

async function call(path, options) {
  try {
    return await ask(API + path, options);
  } catch (error) {
    if (error.status === 401 && me) {
      me = undefined;
      onEnd();
    }
    throw error;
  }
}

export const get = (path) => call(path);
export const post = (path, body) => call(path, { method: "POST", body });
export const remove = (path) => call(path, { method: "DELETE" });

/** Finds out who is logged in; `ended` is called when that is over. */
export async function begin(ended) {
  onEnd = ended;
  me = (await ask("/console/session")).operator ?? undefined;
  return me;
}

export async function login(key) {
  me = (await ask("/console/login", { method: "POST", body: { key } })).operator;
  return me;
}

export async function logout() {
  await ask("/console/logout", { method: "POST" });
  me = undefined;
}
