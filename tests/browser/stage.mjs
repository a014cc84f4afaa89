// The way to what is under test: the server, and the control API of the simulated services. The Rust side (tests/it/support/node.rs)
// starts both and passes their addresses; it also kills and restarts the server when a script asks.

import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";

/** Longest wait for any state on a loaded two-core machine. */
export const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 40;

export const SERVER = needed("FRONTDESK_URL");
export const CONTROL = needed("CONTROL_URL");

function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is missing: these scripts are started by the tests in tests/it`);
  return value.replace(/\/$/, "");
}

export function check(holds, words) {
  if (!holds) throw new Error(typeof words === "function" ? words() : words);
}

export function same(found, wanted, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  check(left === right, `${what}: ${left} instead of ${right}`);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks until `look` returns something truthy, and returns that. The last thing seen is in the error. */
export async function until(what, look, within = PATIENCE_MS) {
  const deadline = Date.now() + within;
  for (;;) {
    const found = await look();
    if (found) return found;
    check(Date.now() < deadline, `still not after ${within} ms: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}

/* ---- the simulated services ------------------------------------------------------------------------------------------ */

export async function control(method, path, body = {}) {
  const options = { method, headers: { "content-type": "application/json" } };
  if (method !== "GET") options.body = JSON.stringify(body);
  const answer = await fetch(CONTROL + path, options);
  const text = await answer.text();
  check(answer.ok, `control ${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export const salonExists = (salon, title = `Салон ${salon}`) => control("POST", "/control/salons", { salon_id: salon, title });
export const phoneExists = (number) => control("POST", "/control/phones", { number });
export const scan = (number, qr) => control("POST", `/control/phones/${number}/scan`, { qr });
export const enterCode = (number, code) => control("POST", `/control/phones/${number}/enter-code`, { code });
export const fault = (fields) => control("POST", "/control/faults", fields);

/** The owner pressed *Connect*: the signed address the browser is sent to. */
export async function pressConnect(salon) {
  return (await control("POST", `/control/salons/${salon}/connect`)).redirect_url;
}

export async function phoneOnline(number) {
  const phones = await control("GET", "/control/phones");
  return phones.some((phone) => phone.number === number && phone.linked.some((device) => device.online));
}

/** How many callbacks of our server YClients accepted. */
export async function acceptedCallbacks(salon) {
  const calls = await control("GET", `/control/yclients/calls?salon_id=${salon}`);
  return calls.filter((call) => call.path.includes("partner/callback") && call.status !== null && call.status < 400).length;
}

/* ---- the server as an API client sees it ----------------------------------------------------------------------------- */

/** *Connect* and the redirect through the server: the onboarding token. */
export async function onboard(salon) {
  const answer = await fetch(await pressConnect(salon), { redirect: "manual" });
  if (answer.status !== 302) throw new Error(`the redirect answered ${answer.status}: ${(await answer.text()).match(/<h1>(.*)<\/h1>/)?.[1]}`);
  return new URL(answer.headers.get("location"), SERVER).searchParams.get("token");
}

export async function ask(path, token, options = {}) {
  const headers = { authorization: `Bearer ${token}`, ...options.headers };
  const answer = await fetch(SERVER + path, { ...options, headers });
  return { status: answer.status, body: await answer.json() };
}

export async function status(salon, token) {
  return (await ask(`/marketplace/api/status/company_${salon}`, token)).body;
}

/** A token of our own making; the test set the server's secret. `claims` are laid over those of `model`, a token of the server. */
export function mint(model, claims = {}, header = { alg: "HS256", typ: "JWT" }) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const known = JSON.parse(Buffer.from(model.split(".")[1], "base64url"));
  const body = `${encode(header)}.${encode({ ...known, ...claims })}`;
  return `${body}.${createHmac("sha256", needed("JWT_SECRET")).update(body).digest("base64url")}`;
}

/* ---- orders to the Rust side ----------------------------------------------------------------------------------------- */

let answers;

/** `kill` (as a crash), `stop` (SIGTERM) or `start`; returns when it is done. */
export async function server(order) {
  answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  process.stdout.write(`@stage ${order}\n`);
  const { value } = await answers.next();
  check(value === "done", `the stage answered ${value} to ${order}`);
}

/** Runs the named parts one after the other; the first that fails ends the process with its words. */
export async function run(work) {
  const started = Date.now();
  try {
    await work();
    console.log(`passed in ${Date.now() - started} ms`);
    process.exit(0);
  } catch (error) {
    console.error(`\nFAILED: ${error.stack ?? error}`);
    process.exit(1);
  }
}
