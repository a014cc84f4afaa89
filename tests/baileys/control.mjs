// The control API of the simulated services, and checks with words.

export const WHATSAPP = needed("WHATSAPP_URL");
const CONTROL = needed("CONTROL_URL");

function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is missing: these scripts are started by the tests and the benchmark`);
  return value.replace(/\/$/, "");
}

export async function control(method, path, body) {
  const options = { method, headers: { "content-type": "application/json" } };
  if (body) options.body = JSON.stringify(body);
  const answer = await fetch(CONTROL + path, options);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`control ${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export const phoneExists = (number) => control("POST", "/control/phones", { number });
export const scan = (number, qr) => control("POST", `/control/phones/${number}/scan`, { qr });
export const enterCode = (number, code) => control("POST", `/control/phones/${number}/enter-code`, { code });
export const unlink = (number) => control("POST", `/control/phones/${number}/unlink`, {});
export const sendFrom = (number, to, text) => control("POST", `/control/phones/${number}/send`, { to, text });
export const messagesOf = (number) => control("GET", `/control/phones/${number}/messages`);

export function check(holds, words) {
  if (!holds) throw new Error(words);
}
