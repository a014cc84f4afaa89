// Every text of the console, in English. words_ru.js has the same names.

export default {
  product: "Frontdesk console",
  skip: "Skip to the content",
  language: "Language",
  login: {
    title: "Log in to the console", key: "Operator's key", hint: "It begins with sk_. An admin makes a new one on the page “Keys”.",
    button: "Log in", out: "Log out", failed: "This key opens nothing. Check that it is copied whole, or ask an admin for a new one.",
    ended: "You are logged out, or your time is over. Log in again.",
  },
  nav: { overview: "Overview", companies: "Salons", inbox: "Inbox", keys: "Keys", audit: "Audit log" },
  roles: { viewer: "viewer", operator: "operator", admin: "admin" },
  live: { on: "Updates by itself", off: "No live connection: updated once a minute" },
  overview: {
    title: "Overview", companies: "Salons", online: "Online", attention: "Need a person", reconnects: "Reconnects in 24 h",
    firstQr: "Time to first QR code", none: "—", seconds: "s", byState: "Sessions by state", byStatus: "Integrations by status",
    funnel: "Onboarding in 24 h", onlineChart: "Sessions online in 24 h", trouble: "Losses in 24 h",
    lost: "links lost", ended: "sessions ended", webhooks: "Webhooks handled", failed: "failed", restoring: "Sessions are still being restored after the start",
    asTable: "As a table", hour: "Hour",
    steps: { redirected: "came from YClients", page_opened: "opened the page", qr_shown: "saw the code", paired: "scanned", online: "online", active: "connected" },
  },
  list: {
    title: "Salons", search: "Search by name, number, phone", status: "Integration", state: "Session", any: "all", found: "Found: {n}",
    page: "Page {page} of {pages}", next: "Next", previous: "Back", empty: "Nothing found. Take away some words or filters.",
    columns: { company_id: "No.", title: "Salon", salon_id: "YClients", status: "Integration", state: "Session", whatsapp_phone: "WhatsApp", updated_at: "Changed" },
    unnamed: "no name", sortBy: "order by {name}", ascending: "ascending", descending: "descending",
  },
  company: {
    back: "All salons", session: "Session", since: "since", reason: "Reason", retry: "Next attempt", action: "What to do", timeline: "What happened",
    nothing: "Nothing happened yet.", details: "About the salon", activation: "Activation",
    buttons: { restart: "Restart", unpark: "Un-park", stop: "Stop", logout: "Unlink WhatsApp", activate: "Retry activation", qr: "Show QR code" },
    confirm: {
      stop: "Stop the session? The owner's WhatsApp is unattended until you start it again.",
      logout: "Unlink WhatsApp? The owner has to scan a code again.",
    },
    yes: "Yes", no: "No", done: "Done: {what}.", qrTitle: "Code for the owner's phone",
    qrHelp: "Ask the owner to open WhatsApp → Linked devices → Link a device and to scan this code from the screen. {seconds} s left.",
    qrOver: "The code is no longer good. Press “Show QR code” again.", qrScanned: "The phone accepted the code.", readOnly: "Your key only reads: the buttons take an operator's key.",
    fields: {
      company_id: "Our number", salon_id: "Number at YClients", session_id: "Session", title: "Name", phone: "Phone", email: "E-mail", address: "Address", timezone: "Time zone",
      integration_status: "Integration", whatsapp_phone: "WhatsApp", whatsapp_connected_at: "WhatsApp online since", connected_at: "Connected", registered_at: "Latest registration",
      created_at: "First registration", updated_at: "Changed",
    },
  },
  client: {
    title: "WhatsApp and its client", coldSends: "First messages to new people", cold: { allowed: "allowed", stopped: "stopped by WhatsApp", unknown: "not known yet" },
    timelock: "Lock on first messages (463)", until: "until", untilUnknown: "WhatsApp did not say until when", cap: "Quota of new chats", renews: "renewed",
    levels: { none: "far from used up", first_warning: "WhatsApp warned", second_warning: "WhatsApp warned again", capped: "used up" },
    passkey: "Passkey step", noPasskey: "not under way",
    stages: { requested: "WhatsApp wants the owner's passkey", checking: "the answer is checked", comparing: "the owner compares the codes", confirming: "the phone finishes" },
    egress: "Way out", ways: { direct: "directly, without a proxy", default: "the proxy for all", pool: "a proxy of the pool", own: "a proxy of its own" },
    restarts: { session: "Restarts of the session", company: "Restarts of the salon as a whole" }, left: "{left} of {limit} left for {seconds} s", lastCrash: "Last crash",
    numbers: "Links", numbersHint: "Since the session began here, as of the last probe.", dialled: "Begun", ended: "Ended", lastEnd: "The last one ended", none: "none yet",
    frames: "Frames", bytes: "Data", messages: "Messages", both: "{received} received, {sent} sent",
    memory: "Memory of the client", dropped: "Events lost by the client", throttled: "Repeated sends held back",
    ends: {
      closed: "closed by us", dial_failed: "could not connect", disconnected: "connection lost", service_error: "error of WhatsApp", silent: "no sign of life", proxy_failed: "the proxy failed",
      restart_required: "WhatsApp asked for a new one", qr_exhausted: "no QR code was scanned", replaced: "taken by another client", logged_out: "logged out", banned: "banned for a while", locked: "account locked",
      outdated: "client outdated", storage_failed: "our store failed", crashed: "our code crashed",
    },
  },
  inbox: {
    title: "Webhooks in", shelf: "Shelf", shelves: { dead: "Could not be handled", pending: "Waiting", done: "Handled", unverified: "Without a key" },
    empty: "Nothing here.", replay: "Replay", replayed: "Webhook {id} waits to be handled again.", more: "More", body: "Contents",
    columns: { id: "No.", salon: "Salon", event: "Event", received: "Received", attempts: "Tries", why: "Why", act: "Action" },
    reasons: { failed: "failed at every try", crashed: "crashed at every try", unreadable: "can't be read" },
  },
  keys: {
    title: "Keys", create: "Make a key", name: "For whom", role: "May do", expires: "Good until (optional)", made: "The key is ready. Copy it now: it is never shown again.",
    revoke: "Revoke", confirm: "Revoke the key “{name}”? It stops working at once and for good.", revoked: "revoked", expired: "expired", active: "good", never: "not yet",
    columns: { name: "For whom", hint: "Begins", role: "May", created: "Made", used: "Last used", state: "State", act: "Action" },
  },
  audit: {
    title: "Audit log", more: "Earlier", empty: "Nobody changed anything yet.", columns: { at: "When", who: "Who", what: "What", company: "Salon", from: "From", result: "Result", change: "Before → after" },
    results: { pending: "not finished", done: "done", failed: "failed" },
  },
  states: {
    Idle: "not running", Connecting: "connecting", AwaitingScan: "awaits a scan", AwaitingCode: "awaits the code", AwaitingPasskey: "awaits a passkey", Pairing: "linking",
    Online: "online", Backoff: "reconnecting", Deaf: "not answering", Replaced: "taken by another", LoggedOut: "unlinked", Banned: "banned", Outdated: "outdated", Parked: "parked",
  },
  reasons: {
    network_lost: "connection lost", service_unavailable: "error of WhatsApp", restart_required: "WhatsApp asked for a new connection", connect_timeout: "connected, but nothing came of it", qr_exhausted: "no QR code was scanned",
    owner_left: "nobody looks at the page", stream_replaced: "taken by another client", device_removed: "unlinked on the phone", temporary_ban: "banned for a while", account_locked: "account locked",
    client_outdated: "WhatsApp refuses this version", not_answering: "WhatsApp does not answer", store_failed: "our store failed", crashed_too_often: "crashed too often", frozen: "frozen at YClients",
    uninstalled: "removed at YClients", stopped: "stopped by a person", proxy_failed: "the proxy failed", pairing_refused: "the phone scanned, WhatsApp refused", passkey_refused: "the passkey was refused",
    passkey_broken: "the passkey step broke", passkey_timed_out: "the passkey step took too long",
  },
  statuses: {
    pending: "begun", pending_whatsapp: "awaits WhatsApp", activating: "activating", active: "active", activation_failed: "not activated", frozen: "frozen", uninstalled: "removed",
  },
  events: {
    registration_started: "came from YClients", page_opened: "opened the page", qr_shown: "QR code shown", pairing_code_shown: "pairing code shown", whatsapp_paired: "the phone accepted",
    whatsapp_connected: "WhatsApp online", integration_activated: "integration active", activation_failed: "activation failed", session_ended: "session ended", frozen: "frozen at YClients",
    uninstalled: "removed at YClients", unknown_webhook: "unknown webhook",
  },
  errors: { network: "The server does not answer. Check your connection and try again.", forbidden: "This key may not do that.", retry: "Try again" },
};
