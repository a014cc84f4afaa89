// Who gets in and who doesn't.

import { SERVER, check, mint, onboard, salonExists, same, status } from "../stage.mjs";
import { Client, PLACES, TRANSPORTS, tab } from "./client.mjs";

const SALON = 760_001;
const OTHER = 760_002;

const now = () => Math.floor(Date.now() / 1000);

export async function aTokenIsTakenFromAllFourPlaces() {
  await salonExists(SALON);
  const token = await onboard(SALON);
  for (const transport of TRANSPORTS) {
    for (const [place, options] of Object.entries(PLACES)) {
      const client = await new Client(options(token), transport).connected();
      await client.hears("session-state").catch((error) => check(false, `${place} over ${transport}: ${error.message}`));
      client.close();
    }
  }
}

export async function refusalsAreCodes() {
  await salonExists(SALON);
  await salonExists(OTHER);
  const token = await onboard(SALON), other = await onboard(OTHER);
  const companyOf = (text) => JSON.parse(Buffer.from(text.split(".")[1], "base64url")).company_id;
  const [head, body, sign] = token.split(".");
  const invalid = {
    garbage: "garbage",
    "a long text": "x".repeat(5000),
    "a token without its signature": `${head}.${body}.`,
    "another token's body": `${head}.${other.split(".")[1]}.${sign}`,
    "no algorithm": `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${body}.`,
    "another algorithm's name": mint(token, {}, { alg: "HS512", typ: "JWT" }),
    "the other salon in our company": mint(token, { salon_id: OTHER }),
    "our salon in the other company": mint(token, { company_id: companyOf(other) }),
    "a company that doesn't exist": mint(token, { company_id: 999_999 }),
    "another audience": mint(token, { aud: "admin" }),
  };
  for (const transport of TRANSPORTS) {
    const refusal = (options) => new Client(options, transport).refusal();
    same(await refusal({}), "AUTH_REQUIRED", `no token over ${transport}`);
    same(await refusal(PLACES.auth("")), "AUTH_REQUIRED", `an empty token over ${transport}`);
    same(await refusal(PLACES.auth(mint(token, { exp: now() - 1 }))), "AUTH_EXPIRED", `an old token over ${transport}`);
    for (const [what, wrong] of Object.entries(invalid)) same(await refusal(PLACES.auth(wrong)), "AUTH_INVALID", `${what} over ${transport}`);
    same(await refusal(PLACES.authorization(`${token}x`)), "AUTH_INVALID", `a wrong token in a header over ${transport}`);
    same(await new Client(PLACES.auth(token), transport, "/").refusal(), "Invalid namespace", `another namespace over ${transport}`);
  }
  (await tab(token)).close();
}

export async function foreignPagesOpenNoSocket() {
  await salonExists(SALON);
  const token = await onboard(SALON);
  const from = (origin) => ({ ...PLACES.auth(token), extraHeaders: { origin } });
  const foreign = ["https://evil.example", "https://yclients.com.evil.example", "https://n1x.yclients.com", "http://yclients.com", "null"];
  const known = [SERVER, "https://yclients.com", "https://n77.yclients.com"];
  for (const transport of TRANSPORTS) {
    for (const origin of foreign) same(await new Client(from(origin), transport).refusal(), "ORIGIN_REFUSED", `${origin} over ${transport}`);
    for (const origin of known) (await new Client(from(origin), transport).connected()).close();
  }
}

/** The stage has the limits on: five sockets a minute and address. */
export async function tooManySocketsAreRefused() {
  await salonExists(SALON);
  const token = await onboard(SALON);
  for (let socket = 1; socket <= 5; socket++) (await tab(token)).close();
  same(await new Client(PLACES.auth(token)).refusal(), "RATE_LIMITED", "the sixth socket");
  same(await new Client(PLACES.auth(token), "polling").refusal(), "RATE_LIMITED", "the seventh, over polling");
}

/** The token's hour passes while the socket is open. */
export async function aTokenThatExpiresEndsItsSocket() {
  await salonExists(SALON);
  const client = await tab(mint(await onboard(SALON), { exp: now() + 4 }));
  const error = await client.hears("error");
  same(error.code, "AUTH_EXPIRED", "the farewell");
  check(typeof error.message === "string" && error.message.length > 3, "the farewell has words");
  await client.ends();
}

/** What a client sends along changes nothing about whose socket it is. */
export async function aSocketIsItsTokensWhateverItAsks() {
  await salonExists(SALON);
  await salonExists(OTHER);
  const token = await onboard(SALON), other = await onboard(OTHER);
  const wishes = { salon_id: OTHER, salonId: OTHER, company: OTHER, room: `company-${OTHER}`, sessionId: `company_${OTHER}` };
  const client = await new Client({ auth: { token, ...wishes }, query: wishes }).connected();
  await client.inState("AwaitingScan");
  for (const name of ["join", "subscribe", "request-qr", "cancel-pairing"]) client.socket.emit(name, wishes);
  await client.ask("request-qr", wishes);
  same((await status(OTHER, other)).state, "Idle", "the other salon's session");
  client.close();
}
