// Clients that send too much, read nothing, or stay long enough to see a code change.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";

import { SERVER, check, onboard, salonExists, same, until } from "../stage.mjs";
import { TRANSPORTS, tab } from "./client.mjs";

const SALON = 780_001;
const OTHER = 780_002;

export async function aMessageThatIsTooLargeClosesItsSocket() {
  await salonExists(SALON);
  const token = await onboard(SALON);
  for (const transport of TRANSPORTS) {
    const [loud, neighbour] = [await tab(token, transport), await tab(token, transport)];
    same((await loud.ask("request-pairing-code", { phoneNumber: "x".repeat(90_000) })).code, "INVALID_PHONE_FORMAT", "90 kB may pass");
    loud.socket.emit("request-pairing-code", { phoneNumber: "x".repeat(120_000) });
    await loud.ends();
    same((await neighbour.ask("request-qr")).success, true, `the neighbour over ${transport}`);
    neighbour.close();
  }
}

/** The first code lives 60 s, the next ones 20 s; each is told with its own time and number. */
export async function aCodeIsFollowedByTheNext() {
  await salonExists(SALON);
  const client = await tab(await onboard(SALON));
  await client.hears("qr-update", (body) => body.attempt === 2, 75_000);
  const [first, second] = client.heard.filter(({ name }) => name === "qr-update");
  check(first.body.qr !== second.body.qr && first.body.image !== second.body.image, "a new code and a new picture");
  check(first.body.expiresIn >= 55 && second.body.expiresIn >= 15 && second.body.expiresIn <= 20, `${first.body.expiresIn} s, then ${second.body.expiresIn} s`);
  const lived = (second.at - first.at) / 1000;
  check(Math.abs(lived - first.body.expiresIn) <= 2, `the first code was said to live ${first.body.expiresIn} s and lived ${lived} s`);
  client.close();
}

/** A client's frame of text; clients must mask theirs. */
function frame(text) {
  const payload = Buffer.from(text), mask = randomBytes(4);
  const length = payload.length < 126 ? Buffer.from([0x80 | payload.length]) : Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([Buffer.from([0x81]), length, mask, payload.map((byte, index) => byte ^ mask[index % 4])]);
}

/** Joins the namespace over a bare TCP socket and then reads no more. */
async function deafClient(token) {
  const { hostname, port, host } = new URL(SERVER);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  let heard = "";
  socket.on("data", (data) => (heard += data.toString("latin1")));
  const head = ["GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", `Host: ${host}`, "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await until("the engine's welcome", () => heard.includes("pingInterval"));
  socket.write(frame(`40/marketplace,${JSON.stringify({ token })}`));
  await until("the namespace's welcome", () => heard.includes("session-state"));
  socket.pause();
  return socket;
}

async function openSockets() {
  const metrics = await (await fetch(`${process.env.FRONTDESK_OPS_URL}/metrics`)).text();
  return Number(metrics.match(/^frontdesk_sockets_open(?:{.*})? (\d+)/m)?.[1]);
}

/** Asks and asks, reads no answer: it is dropped, and nobody else notices. */
export async function aClientThatStopsReadingIsDropped() {
  await salonExists(SALON);
  await salonExists(OTHER);
  const token = await onboard(SALON);
  const reader = await tab(token), other = await tab(await onboard(OTHER));
  const deaf = await deafClient(token);
  deaf.on("error", () => {});
  same(await openSockets(), 3, "open sockets at first");
  // Some MB of answers fill the buffers of both kernels.
  const question = frame(`42/marketplace,1${JSON.stringify(["request-pairing-code", { phoneNumber: "x" }])}`);
  const many = Buffer.concat(Array(500).fill(question));
  for (let round = 0; round < 80; round++) if (!deaf.write(many)) await once(deaf, "drain");
  const began = Date.now();
  await until("the deaf client is dropped", async () => {
    for (const client of [reader, other]) same(await client.ask("request-qr"), { success: true }, "a client that reads");
    return (await openSockets()) === 2;
  }, 45_000);
  const seconds = (Date.now() - began) / 1000;
  check(seconds <= 30, `dropped only after ${seconds} s`);
  deaf.destroy();
  [reader, other].forEach((client) => client.close());
}
