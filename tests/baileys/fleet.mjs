// The yardstick of the benchmarks: many Baileys clients in one Node process. Started by tests/load/baileys.rs.
//
//   node fleet.mjs link <folder> <count>                               links devices and leaves their keys in the folder
//   node --expose-gc fleet.mjs hold <folder> <few> <many> <still ms> <idle ms>   logs them in, and prints what that takes as JSON

import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BufferJSON, proto } from "@whiskeysockets/baileys";
import { Client, memoryDevice } from "./client.mjs";
import { WHATSAPP, phoneExists, scan } from "./control.mjs";

/** Clients that are linked or logged in at the same time, as with the server. */
const AT_ONCE = 8;

/** Other numbers than the server's phones have. */
const PHONES_FROM = 79_800_000_000;

/** The one-time keys are most of what a device has, and are asked for only when somebody writes for the first time. */
const ONE_TIME_KEYS = "pre-key-";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function link(folder, count) {
  await each(range(0, count), async (index) => {
    const number = String(PHONES_FROM + index);
    await phoneExists(number);
    const device = memoryDevice();
    const client = new Client(WHATSAPP, device);
    const qr = await client.next("qr");
    const open = client.next("open");
    await scan(number, qr);
    await open;
    client.stop();
    await keep(folder, index, device);
  });
}

async function hold(folder, few, many, stillMs, idleMs) {
  const clients = [];
  const logIn = (index) => openAgain(folder, index).then((client) => clients.push(client));
  await each(range(0, few), logIn);
  const atFew = await settledMemory(stillMs);
  const began = performance.now();
  await each(range(few, many), logIn);
  const loginMs = performance.now() - began;
  const atMany = await settledMemory(stillMs);
  const descriptors = (await readdir("/proc/self/fd")).length;
  const [before, since] = [process.cpuUsage(), performance.now()];
  await pause(idleMs);
  const used = process.cpuUsage(before);
  const cores = (used.user + used.system) / 1000 / (performance.now() - since);
  const lost = clients.filter((client) => client.lost).length;
  console.log(JSON.stringify({ few_kib: atFew, many_kib: atMany, login_ms: loginMs, descriptors, idle_cores: cores, lost }));
}

async function openAgain(folder, index) {
  const client = new Client(WHATSAPP, await kept(folder, index));
  await client.next("open");
  client.on("closed", () => (client.lost = true));
  return client;
}

const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index);

async function each(indices, work) {
  const waiting = indices.values();
  const worker = async () => {
    for (const index of waiting) await work(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Resident KiB after a collection, once it has not moved by a megabyte for a while, or after four times that while. */
async function settledMemory(stillMs) {
  const deadline = performance.now() + 4 * stillMs;
  for (let last = Infinity; ; ) {
    globalThis.gc();
    const now = process.memoryUsage.rss() / 1024;
    if (Math.abs(now - last) < 1024 || performance.now() > deadline) return now;
    last = now;
    await pause(stillMs);
  }
}

/* ---- devices on disk: read when asked for, so that they take no memory ------------------------------------------------ */

const fileOf = (folder, index, part) => join(folder, `${index}.${part}.json`);

async function keep(folder, index, { creds, kept }) {
  const parts = { creds, once: {}, keys: {} };
  for (const [name, value] of kept) parts[name.startsWith(ONE_TIME_KEYS) ? "once" : "keys"][name] = value;
  for (const [part, value] of Object.entries(parts)) {
    await writeFile(fileOf(folder, index, part), JSON.stringify(value, BufferJSON.replacer));
  }
}

async function kept(folder, index) {
  const read = async (part) => JSON.parse(await readFile(fileOf(folder, index, part), "utf8"), BufferJSON.reviver);
  const fresh = memoryDevice();
  const get = async (type, ids) => {
    const found = await fresh.keys.get(type, ids);
    const missing = ids.filter((id) => !found[id]);
    if (missing.length === 0) return found;
    const stored = await read(`${type}-` === ONE_TIME_KEYS ? "once" : "keys");
    for (const id of missing) {
      const value = stored[`${type}-${id}`];
      if (value) found[id] = type === "app-state-sync-key" ? proto.Message.AppStateSyncKeyData.fromObject(value) : value;
    }
    return found;
  };
  return { creds: await read("creds"), keys: { get, set: fresh.keys.set } };
}

const [task, folder, ...numbers] = process.argv.slice(2);
try {
  await { link, hold }[task](folder, ...numbers.map(Number));
  process.exit(0);
} catch (error) {
  console.error(error.stack ?? error);
  process.exit(1);
}
