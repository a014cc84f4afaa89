// What a client that isn't ours does with the simulated WhatsApp. `node scenarios.mjs <name>`; started by tests/it/baileys.rs.

import { DisconnectReason } from "@whiskeysockets/baileys";
import { Client, memoryDevice } from "./client.mjs";
import { WHATSAPP, check, enterCode, messagesOf, phoneExists, scan, sendFrom, unlink } from "./control.mjs";

const OWNER = "79031110001";
const CUSTOMER = "79031110002";
const LOOK_EVERY_MS = 40;

const scenarios = {
  async linksByQr() {
    const { client, device } = await linkedByQr();
    check(device.creds.me?.id.startsWith(`${OWNER}:`), `the account is ${device.creds.me?.id}`);
    await exchange(client, "after the scan");
    client.stop();
  },

  async linksByPairingCode() {
    await phonesExist();
    const device = memoryDevice();
    const client = new Client(WHATSAPP, device);
    const code = await client.pairingCode(OWNER);
    check(/^[A-Z0-9]{8}$/.test(code), `the code is ${code}`);
    const open = client.next("open");
    await enterCode(OWNER, code);
    await open;
    await exchange(client, "after the code");
    client.stop();
  },

  async logsInAgain() {
    const { client, device } = await linkedByQr();
    client.stop();
    const again = new Client(WHATSAPP, device);
    await again.next("open");
    await exchange(again, "after the second login");
    again.stop();
  },

  async asksWhoHasAnAccount() {
    const { client } = await linkedByQr();
    const [known, unknown] = await client.socket.onWhatsApp(CUSTOMER, "79039999999");
    check(known?.exists === true, "the customer's number has an account");
    check(!unknown?.exists, "the other number has none");
    client.stop();
  },

  async isRefusedAfterTheOwnerRemovedTheDevice() {
    const { client, device } = await linkedByQr();
    const closed = client.next("closed");
    await unlink(OWNER);
    const reason = await closed;
    check(reason === DisconnectReason.loggedOut, `the live link ends with ${reason}`);
    const refused = await new Client(WHATSAPP, device).next("closed");
    check(refused === DisconnectReason.loggedOut, `the next login ends with ${refused}`);
  },

  async losesItsPlaceToASecondLogin() {
    const { client, device } = await linkedByQr();
    const closed = client.next("closed");
    const second = new Client(WHATSAPP, device);
    await second.next("open");
    const reason = await closed;
    check(reason === DisconnectReason.connectionReplaced, `the first link ends with ${reason}`);
    second.stop();
  },
};

async function phonesExist() {
  await phoneExists(OWNER);
  await phoneExists(CUSTOMER);
}

async function linkedByQr() {
  await phonesExist();
  const device = memoryDevice();
  const client = new Client(WHATSAPP, device);
  const qr = await client.next("qr");
  const open = client.next("open");
  await scan(OWNER, qr);
  await open;
  return { client, device };
}

/** A text in and an answer out, both read at the other end. */
async function exchange(client, when) {
  const text = client.next("text");
  await sendFrom(CUSTOMER, OWNER, `question ${when}`);
  check((await text) === `question ${when}`, `the client read ${await text}`);
  await client.send(CUSTOMER, `answer ${when}`);
  const deadline = Date.now() + 20_000;
  while (!(await messagesOf(CUSTOMER)).some((message) => message.from === OWNER && message.text === `answer ${when}`)) {
    check(Date.now() < deadline, `the customer's phone never shows the answer ${when}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

const [name] = process.argv.slice(2);
try {
  await scenarios[name]();
  process.exit(0);
} catch (error) {
  console.error(error.stack ?? error);
  process.exit(1);
}
