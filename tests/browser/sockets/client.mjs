// The official Socket.IO client, with everything it hears written down from the first moment.

import { io } from "socket.io-client";

import { PATIENCE_MS, SERVER, check, until } from "../stage.mjs";

export const TRANSPORTS = ["websocket", "polling"];

/** What a client does that was told nothing: it begins with polling and upgrades. */
export const UPGRADE = "upgrade";

/** The four places a token may ride in. */
export const PLACES = {
  authorization: (token) => ({ extraHeaders: { authorization: `Bearer ${token}` } }),
  "x-auth-token": (token) => ({ extraHeaders: { "x-auth-token": token } }),
  auth: (token) => ({ auth: { token } }),
  query: (token) => ({ query: { token } }),
};

export class Client {
  /** Everything heard, in order: `{name, body, at}`. */
  heard = [];
  refused = undefined;
  ended = undefined;

  constructor(options, transport = "websocket", namespace = "/marketplace") {
    const transports = transport === UPGRADE ? ["polling", "websocket"] : [transport];
    const always = { transports, reconnection: false, forceNew: true, timeout: PATIENCE_MS };
    this.socket = io(SERVER + namespace, { ...always, ...options });
    this.socket.onAny((name, body) => this.heard.push({ name, body, at: Date.now() }));
    this.socket.on("connect_error", (error) => (this.refused = error.message));
    this.socket.on("disconnect", (reason) => (this.ended = reason));
  }

  async connected() {
    await until("connected or refused", () => this.socket.connected || this.refused);
    check(!this.refused, `refused: ${this.refused}`);
    return this;
  }

  /** The code it is refused with. */
  async refusal() {
    await until("refused", () => this.refused || this.socket.connected);
    const code = this.refused ?? "nothing: it was let in";
    this.close();
    return code;
  }

  /** Waits until the server has closed it. */
  async ends() {
    await until(`the end of the socket; heard: ${this.story()}`, () => this.ended !== undefined);
  }

  /** The newest event of this name that fits. */
  last(name, fits = () => true) {
    return this.heard.findLast((event) => event.name === name && fits(event.body));
  }

  /** Waits for one, heard already or yet to come. */
  async hears(name, fits, within) {
    const found = await until(`${name}; heard: ${this.story()}`, () => this.last(name, fits), within).catch((error) => {
      throw new Error(`${error.message}; heard at last: ${this.story()}`);
    });
    return found.body;
  }

  async inState(state) {
    return this.hears("session-state", (body) => body.state === state);
  }

  /** Sends a command and returns its ack. */
  ask(name, ...payload) {
    return this.socket.timeout(PATIENCE_MS).emitWithAck(name, ...payload);
  }

  /** What was heard, without secrets. */
  story() {
    const detail = { "session-state": (body) => body.state, activation: (body) => body.status, "qr-update": (body) => body.attempt };
    return this.heard.map(({ name, body }) => `${name}${detail[name] ? `(${detail[name](body)})` : ""}`).join(" ");
  }

  close() {
    this.socket.close();
  }
}

/** A client with its token in the payload, as browsers do it. */
export const tab = (token, transport) => new Client(PLACES.auth(token), transport).connected();
