// One Baileys client, used as its documentation shows: QR or pairing code, a new connection when the service asks for it, texts both ways.

import { EventEmitter, once } from "node:events";
import { DisconnectReason, initAuthCreds, makeCacheableSignalKeyStore, makeWASocket } from "@whiskeysockets/baileys";

/** Longest wait for anything a single client does, on a loaded two-core machine. */
const PATIENCE_MS = 25_000;

/** Given, so that nobody asks for it over HTTP. */
const VERSION = [2, 3000, 1030000000];

const nothing = () => {};
console.info = nothing; // libsignal prints private keys there
const SILENT = { level: "silent", child: () => SILENT, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Keys in memory: what outlives a client. */
export function memoryDevice() {
  const kept = new Map();
  const get = async (type, ids) => Object.fromEntries(ids.map((id) => [id, kept.get(`${type}-${id}`)]));
  const set = async (changes) => {
    for (const [type, values] of Object.entries(changes)) {
      for (const [id, value] of Object.entries(values)) {
        if (value) kept.set(`${type}-${id}`, value);
        else kept.delete(`${type}-${id}`);
      }
    }
  };
  return { creds: initAuthCreds(), keys: { get, set }, kept };
}

/** Emits `qr`, `open`, `closed` (with the reason's number) and `text`. */
export class Client extends EventEmitter {
  constructor(endpoint, device) {
    super();
    this.setMaxListeners(0);
    this.endpoint = endpoint;
    this.device = device;
    this.stopped = false;
    this.connect();
  }

  connect() {
    const { creds, keys } = this.device;
    const auth = { creds, keys: makeCacheableSignalKeyStore(keys, SILENT) };
    const socket = makeWASocket({ waWebSocketUrl: this.endpoint, version: VERSION, logger: SILENT, auth, syncFullHistory: false });
    this.socket = socket;
    socket.ev.on("creds.update", (changes) => Object.assign(creds, changes));
    socket.ev.on("connection.update", (update) => this.moved(update));
    socket.ev.on("messages.upsert", ({ messages }) => {
      for (const message of messages) this.heard(message);
    });
  }

  moved({ connection, qr, lastDisconnect }) {
    if (qr) this.emit("qr", qr);
    if (connection === "open") this.emit("open");
    if (connection !== "close" || this.stopped) return;
    const reason = lastDisconnect?.error?.output?.statusCode;
    if (reason === DisconnectReason.restartRequired) this.connect();
    else this.emit("closed", reason);
  }

  heard({ key, message }) {
    const text = message?.conversation ?? message?.extendedTextMessage?.text;
    if (text && !key.fromMe) this.emit("text", text);
  }

  /** The next event of this name, or an error when its time is over or the service closes the connection instead. */
  async next(name) {
    const over = new AbortController();
    const clock = setTimeout(() => over.abort(new Error(`no ${name} within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    const refused = (reason) => over.abort(new Error(`closed with ${reason} instead of ${name}`));
    if (name !== "closed") this.once("closed", refused);
    try {
      return (await once(this, name, { signal: over.signal }))[0];
    } catch (error) {
      throw over.signal.reason ?? error;
    } finally {
      clearTimeout(clock);
      this.off("closed", refused);
    }
  }

  /** Eight characters for the phone with this number. */
  async pairingCode(number) {
    await this.next("qr"); // only then the socket takes the question
    return this.socket.requestPairingCode(number);
  }

  send(number, text) {
    return this.socket.sendMessage(`${number}@s.whatsapp.net`, { text });
  }

  /** Leaves without logging out. */
  stop() {
    this.stopped = true;
    this.socket.end(undefined);
  }
}
