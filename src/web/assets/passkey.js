// The passkey step. WhatsApp's passkeys work on its own site only, so this page passes the request on: to an extension in this tab, by
// `postMessage` (docs/api.md), or to a person, by copy and paste. What comes back goes to the server.

const $ = (id) => document.getElementById(id);

const REQUEST = "frontdesk-passkey-request", RESPONSE = "frontdesk-passkey-response", HELLO = "frontdesk-passkey-hello";

/** `emit` sends to the server, `act` runs one thing at a time per button and shows its failure. Returns what shows the step. */
export function passkeyStep({ emit, act, words }) {
  let told = "", shown;
  const error = $("passkey-error");

  const handIn = (assertion) => act($("passkey-submit"), error, () => emit("passkey-response", { assertion }));
  $("passkey-form").onsubmit = (event) => {
    event.preventDefault();
    handIn($("passkey-answer").value);
  };
  $("passkey-confirm").onclick = (event) => act(event.currentTarget, error, () => emit("passkey-confirm"));
  $("passkey-cancel").onclick = (event) => act(event.currentTarget, error, () => emit("cancel-pairing"));
  if (navigator.clipboard) {
    $("passkey-copy").hidden = false;
    $("passkey-copy").onclick = () => navigator.clipboard.writeText($("passkey-options").value).catch(() => {});
  }

  addEventListener("message", ({ source, origin, data }) => {
    if (source !== window || origin !== location.origin) return;
    if (data?.type === HELLO) tell(shown, true);
    if (data?.type === RESPONSE && shown?.stage === "requested") handIn(data.assertion);
  });

  /** Says the request to an extension, once. */
  function tell(passkey, again = false) {
    if (passkey?.stage !== "requested" || !passkey.options) return;
    const text = JSON.stringify(passkey.options, null, 1);
    if (text === told && !again) return;
    told = text;
    $("passkey-options").value = text;
    $("passkey-answer").value = "";
    window.postMessage({ type: REQUEST, options: passkey.options, origin: passkey.origin }, location.origin);
  }

  return function render(passkey) {
    const stage = passkey?.stage;
    if (stage !== shown?.stage) error.textContent = "";
    shown = passkey;
    $("passkey").hidden = !passkey;
    $("passkey-ask").hidden = stage !== "requested";
    $("passkey-compare").hidden = stage !== "comparing";
    $("passkey-confirm").hidden = false;
    $("passkey-cancel").hidden = false;
    $("passkey-code").textContent = passkey?.code ?? "";
    const wait = { checking: words.checking, confirming: words.confirming }[stage] ?? "";
    $("passkey-wait-text").textContent = wait;
    $("passkey-wait").hidden = !wait;
    tell(passkey);
  };
}
