// A small Socket.IO client: Engine.IO 4 over WebSocket, one namespace, events, acks, reconnect with backoff.
// Where no WebSocket gets through, `onChange({connected: false})` is all that is heard; the page then asks over HTTP.

const OPEN = "0", CLOSE = "1", PING = "2", PONG = "3", MESSAGE = "4";
const CONNECT = "0", DISCONNECT = "1", EVENT = "2", ACK = "3", CONNECT_ERROR = "4";

/** Refusals that another try doesn't change. */
const FINAL = ["AUTH_REQUIRED", "AUTH_INVALID", "AUTH_EXPIRED", "ORIGIN_REFUSED"];
const CONNECT_WITHIN_MS = 8000;
const ACK_WITHIN_MS = 90000;
const BACKOFF_MIN_MS = 1000;
const BACKOFF_MAX_MS = 30000;
/** The server lets five sockets a minute in: one more every 12 s. */
const BACKOFF_LIMITED_MS = 13000;

/**
 * Keeps a connection to `namespace`. `onEvent(name, payload)` hears events; `onChange({connected, refused})` hears whether the
 * namespace is joined, and the code of a refusal that is final.
 */
export function open({ namespace, auth, onEvent, onChange }) {
  const acks = new Map();
  let socket, watchdog, retry, tries = 0, nextAck = 0, joined = false, over = false, silentMs = 0;

  const send = (type, body = "") => socket.send(MESSAGE + type + namespace + "," + body);

  function dial() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}/socket.io/?EIO=4&transport=websocket`);
    socket = mine;
    watch(CONNECT_WITHIN_MS);
    mine.onmessage = ({ data }) => mine === socket && typeof data === "string" && hear(data);
    mine.onclose = () => mine === socket && lost();
  }

  function hear(packet) {
    const rest = packet.slice(1);
    if (joined) watch(silentMs);
    switch (packet[0]) {
      case OPEN: return welcome(JSON.parse(rest));
      case PING: return socket.send(PONG + rest);
      case CLOSE: return lost();
      case MESSAGE: return message(rest);
    }
  }

  function welcome({ pingInterval }) {
    // The server pings by itself; a connection this long without one is dead, whatever the browser thinks.
    silentMs = pingInterval + 10000;
    send(CONNECT, JSON.stringify(auth));
  }

  function message(packet) {
    const found = packet.slice(1).match(/^(?:([^,[{]*),)?(\d*)(.*)$/s);
    if (!found || found[1] !== namespace) return;
    const id = found[2], body = found[3] ? JSON.parse(found[3]) : undefined;
    switch (packet[0]) {
      case CONNECT: return join();
      case CONNECT_ERROR: return refuse(body?.message);
      case DISCONNECT: return lost();
      case EVENT: return onEvent(body[0], body[1]);
      case ACK: return acks.get(id)?.(body[0]);
    }
  }

  function join() {
    joined = true;
    tries = 0;
    watch(silentMs);
    onChange({ connected: true });
  }

  function refuse(code) {
    over = FINAL.includes(code);
    if (over) onChange({ connected: false, refused: code });
    lost(code === "RATE_LIMITED" ? BACKOFF_LIMITED_MS : 0);
  }

  function lost(atLeastMs = 0) {
    const gone = socket;
    socket = undefined;
    clearTimeout(watchdog);
    gone?.close();
    joined = false;
    for (const settle of acks.values()) settle({ success: false, code: "NO_CONNECTION" });
    if (over) return;
    onChange({ connected: false });
    const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** tries++);
    clearTimeout(retry);
    retry = setTimeout(dial, Math.max(atLeastMs, backoff * (0.5 + Math.random() / 2)));
  }

  function watch(ms) {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, ms);
  }

  // Back from sleep or from a tunnel: no reason to wait for the backoff.
  addEventListener("online", () => {
    if (socket || over) return;
    clearTimeout(retry);
    dial();
  });

  dial();
  return {
    /** Sends an event; resolves with its ack, or with `NO_CONNECTION`. */
    emit(name, payload) {
      if (!joined) return Promise.resolve({ success: false, code: "NO_CONNECTION" });
      const id = String(nextAck++);
      return new Promise((resolve) => {
        const settle = (answer) => {
          acks.delete(id);
          clearTimeout(timer);
          resolve(answer ?? { success: true });
        };
        const timer = setTimeout(() => settle({ success: false, code: "UNAVAILABLE" }), ACK_WITHIN_MS);
        acks.set(id, settle);
        send(EVENT, id + JSON.stringify(payload === undefined ? [name] : [name, payload]));
      });
    },
    /** Ends it for good. */
    close() {
      over = true;
      clearTimeout(retry);
      lost();
    },
  };
}
