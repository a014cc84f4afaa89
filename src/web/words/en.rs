//! English.

use frontdesk_actors::view::{NextStep, SessionState, StateReason};

use super::{ActivationWords, FailureWords, Frame, Landing, Live, Onboarding, PasskeyWords, Text, Words};
use crate::web::PageError;

pub(super) static WORDS: Words = Words {
    frame: Frame {
        product: "WhatsApp for YClients",
        skip: "Skip to content",
        language_label: "Language",
        footer: "WhatsApp integration for salons on YClients",
        request_id: "Request id for support:",
        to_yclients: "Go to YClients",
        back_to_yclients: "Back to YClients",
        to_start: "To the start page",
    },
    landing: Landing {
        title: "Your salon's WhatsApp, together with YClients",
        lead: "Connect the salon's number once: from then on the connection is kept by itself, around the clock, with no computer left on.",
        does_title: "What the integration does",
        does: [
            Text {
                title: "Keeps the number online",
                text: "It works as a linked device of your WhatsApp. The phone stays with you, the chats stay in your app.",
            },
            Text { title: "Recovers by itself", text: "After network trouble and restarts the connection comes back without you." },
            Text {
                title: "Tells the truth",
                text: "“Connected” means that WhatsApp really answers. When your help is needed, we say which.",
            },
            Text {
                title: "Keeps secrets",
                text: "The keys of the connection are encrypted. You can unlink the device at any time, on the phone or in YClients.",
            },
        ],
        how_title: "How to connect",
        how: [
            Text {
                title: "Press “Connect”",
                text: "Find the integration in the YClients marketplace and press “Connect”. A page with a QR code opens.",
            },
            Text {
                title: "Scan the code",
                text: "On the salon's phone: WhatsApp → Linked devices → Link a device. Or type a code for your number.",
            },
            Text { title: "Done", text: "The integration is switched on in YClients by itself. It usually takes less than a minute." },
        ],
        needs_title: "What you need",
        needs: [
            "Access to YClients with the right to connect integrations",
            "The salon's phone with WhatsApp or WhatsApp Business",
            "An internet connection on that phone",
        ],
        action: "Open YClients",
    },
    onboarding: Onboarding {
        title: "Connect WhatsApp",
        salon: "Salon",
        steps_label: "Steps of the connection",
        steps: ["Code", "Phone connects", "Switch-on in YClients"],
        qr_alt: "QR code that links WhatsApp. If it can't be scanned, get a code for your phone number below.",
        qr_preparing: "Preparing the code…",
        scan_title: "How to scan",
        scan: ["Open WhatsApp on the salon's phone", "Menu or Settings → Linked devices → Link a device", "Point the camera at this code"],
        pair_title: "Connect with the phone number",
        pair_hint: "Handy when this page is open on the same phone, or the camera can't read the code.",
        phone_label: "The salon's WhatsApp number",
        phone_hint: "With the country code, for example +7\u{a0}916\u{a0}123\u{2011}45\u{2011}67",
        phone_submit: "Get a code",
        code_label: "Code for the phone",
        copy: "Copy the code",
        code_title: "Where to type the code",
        code: [
            "Open WhatsApp on the phone with this number",
            "Menu or Settings → Linked devices → Link a device",
            "Tap “Link with phone number instead”",
            "Type the code",
        ],
        cancel_code: "Back to the QR code",
        request_qr: "Show a new QR code",
        reconnect: "Connect here",
        start_over: "Back to YClients",
        activation_title: "Switch-on in YClients",
        activate: "Try now",
        done_title: "Done, WhatsApp is connected",
        done_number: "Number",
        done_next_title: "What happens next",
        done_next: [
            "You can close this page: the connection is kept on the server",
            "Don't remove this device in WhatsApp → Linked devices",
            "The phone must be online at least once in two weeks",
            "You can switch the integration off in YClients at any time",
        ],
        passkey: PasskeyWords {
            why_title: "Why this can't be done with a button here",
            why: "A passkey of WhatsApp works only on WhatsApp's own site, web.whatsapp.com; the browser gives it to no other page, ours included. So somebody has to carry the request there and the answer back.",
            ways: [
                "If your company has installed a browser extension for this, keep this page open: it answers by itself.",
                "Otherwise write to the integration's support: its people take you through this step, or answer it with you.",
                "Or link another number whose account has no passkey: cancel below and scan with that phone, or get a code for its number. A code for the same number asks for the passkey too.",
            ],
            hand_in_title: "For support and extensions",
            hand_in_hint: "On a page of https://web.whatsapp.com call navigator.credentials.get with this request as publicKey, and paste its answer (toJSON) here.",
            options_label: "WhatsApp's request",
            copy_options: "Copy the request",
            answer_label: "The passkey's answer, as JSON",
            submit: "Hand in the answer",
            checking: "WhatsApp and the phone are checking the answer…",
            code_label: "Code to compare",
            compare: "WhatsApp on the phone shows a code. Only if it is exactly this one, press the button, and agree on the phone as well. If it differs, press Cancel: somebody else may be linking.",
            confirm: "The codes are the same",
            confirming: "Waiting for the phone…",
            cancel: "Cancel and show a new QR code",
        },
        limits_title: "WhatsApp limits this number",
        limits_next: "Clients who wrote to you are answered as usual. Don't write to new people from the phone meanwhile: that makes the limit longer.",
        no_script: "Turn JavaScript on to get a code. While it is off, only the state is shown here; the page reloads every 15 seconds.",
        refresh: "Reload the page",
    },
    live: Live {
        code_left: "The code is valid for {time}",
        code_gone: "The code has run out, waiting for the next one…",
        retry_in: "Next try in {time}",
        until: "Not before {time} from now",
        next_attempt: "Next try in {time}",
        passkey_left: "WhatsApp waits for another {time}",
        timelock: "WhatsApp doesn't let this number write first to people who never wrote to it.",
        capped: "The number has written first to as many new people as WhatsApp allows for now ({used} of {total}).",
        cap_warning: "The number has written first to {used} of the {total} new people WhatsApp allows for now.",
        unlock_in: "This ends in {time}",
        days: "{n} d",
        connection_lost: "Connection to this page lost, retrying…",
        connection_back: "Connection is back",
        no_longer_live: "This page is no longer updated: its time is over. The connection goes on.",
        copied: "Copied",
        asking: "Asking…",
        done_page_title: "Done",
        token_over: Text {
            title: "The time of this page is over",
            text: "The link is valid for a limited time. Go back to YClients and press “Connect” again: nothing you began is lost.",
        },
        token_bad: Text { title: "This link doesn't work", text: "Open the page from YClients again with “Connect”." },
        seconds: "{n} s",
        minutes: "{n} min",
        hours: "{n} h",
    },
    activation: ActivationWords {
        waiting: "Begins as soon as WhatsApp is connected.",
        activating: "Telling YClients that everything is ready…",
        retrying: "YClients hasn't accepted yet. We repeat it by ourselves.",
        active: "The integration is switched on in YClients.",
        expired: "More than an hour passed since the start and YClients closed the request. WhatsApp is linked; go back to YClients and press “Connect” again.",
        failed: "YClients refused to switch the integration on. Go back to YClients and press “Connect” again; if that doesn't help, write to support.",
    },
    failures: FailureWords {
        phone_required: "Enter the phone number.",
        invalid_phone_format: "This doesn't look like a number. It needs 10–15 digits with the country code, for example +7\u{a0}916\u{a0}123\u{2011}45\u{2011}67.",
        request_in_progress: "A code is already being requested, wait a few seconds.",
        pairing_code_failed: "WhatsApp gave no code. Check the number and try again in a minute, or scan the QR code.",
        too_many_codes: "WhatsApp gives no code for this number now: codes were asked for too often, or it is no number of WhatsApp. Check it and wait five minutes, or scan the QR code.",
        passkey_not_expected: "WhatsApp waits for no passkey now. Look at the state above and go on from there.",
        passkey_invalid: "This is no answer of a passkey. Copy the whole JSON and paste it again.",
        passkey_wrong_site: "The answer was made on another site. Use the passkey on a page of https://web.whatsapp.com.",
        passkey_outdated: "This answers an older request. Copy the request from this page again and answer that one.",
        already_connected: "WhatsApp is connected already.",
        not_allowed: "The connection can't be started now. Go back to YClients and press “Connect” again.",
        busy: "Too many requests. Wait a few seconds.",
        unavailable: "The service is busy. Try again in a few seconds.",
        no_connection: "No connection to the server. Try again when it is back.",
        registration_expired: "The request has expired. Go back to YClients and press “Connect” again.",
        not_connected: "Connect WhatsApp first.",
    },
    state,
    reason,
    action,
    error,
};

fn state(state: SessionState) -> Text {
    let (title, text) = match state {
        SessionState::Idle => ("Not started", "There is no connection to WhatsApp now."),
        SessionState::Connecting => ("Connecting to WhatsApp", "This usually takes a few seconds."),
        SessionState::AwaitingScan => ("Scan the QR code", "Point the camera at it from WhatsApp on the salon's phone."),
        SessionState::AwaitingCode => ("Type the code on the phone", "WhatsApp on the phone asks for a code of eight characters."),
        SessionState::AwaitingPasskey => {
            ("WhatsApp asks for a passkey", "This account is protected: besides the scan WhatsApp wants its owner's passkey.")
        }
        SessionState::Pairing => {
            ("The phone is connecting", "The code was accepted. Keep WhatsApp open on the phone for a few more seconds.")
        }
        SessionState::Online => ("WhatsApp is connected", "The number is online and WhatsApp answers."),
        SessionState::Backoff => ("Connection to WhatsApp lost", "We restore it by ourselves."),
        SessionState::Deaf => ("WhatsApp doesn't answer", "The connection is there, but WhatsApp is silent. We reconnect by ourselves."),
        SessionState::Replaced => ("The connection is in use elsewhere", "Another program uses this link, so it was stopped here."),
        SessionState::LoggedOut => {
            ("The device was unlinked", "WhatsApp no longer knows this service as your linked device. Link it again.")
        }
        SessionState::Banned => {
            ("WhatsApp restricted the number", "While the restriction lasts we don't connect, so as not to harm the number.")
        }
        SessionState::Outdated => ("The service needs an update", "WhatsApp no longer accepts this version. We know about it already."),
        SessionState::Parked => ("The connection was stopped", "It doesn't start again by itself."),
    };
    Text { title, text }
}

fn reason(reason: StateReason) -> &'static str {
    match reason {
        StateReason::NetworkLost => "Reason: the network between us and WhatsApp was lost.",
        StateReason::ServiceUnavailable => "Reason: WhatsApp is temporarily unavailable.",
        StateReason::RestartRequired => "WhatsApp asked for a fresh connection, as it does right after linking.",
        StateReason::ConnectTimeout => "Reason: WhatsApp didn't answer in time.",
        StateReason::QrExhausted => "The codes ran out: none was scanned in time.",
        StateReason::OwnerLeft => "The page was closed, so we stopped waiting.",
        StateReason::StreamReplaced => "Reason: the same link is open in another program. Close it there, or connect here.",
        StateReason::DeviceRemoved => "Reason: the device was removed in WhatsApp → Linked devices.",
        StateReason::TemporaryBan => "Reason: WhatsApp blocked the number for a while. Open WhatsApp on the phone: it says for how long.",
        StateReason::AccountLocked => "Reason: WhatsApp locked the account. Open WhatsApp on the phone and follow its instructions.",
        StateReason::ClientOutdated => "Reason: there is a new version of WhatsApp's protocol.",
        StateReason::NotAnswering => "Reason: our probes were not answered.",
        StateReason::StoreFailed => "Reason: a storage failure on our side. Nothing that was saved is lost.",
        StateReason::CrashedTooOften => "Reason: a repeated failure on our side. We have been alerted.",
        StateReason::Frozen => "Reason: YClients suspended the integration, usually because of payment. The link is kept.",
        StateReason::Uninstalled => "Reason: the integration was removed in YClients.",
        StateReason::Stopped => "Reason: the connection was stopped by hand.",
        StateReason::PairingRefused => {
            "The phone took the code, but WhatsApp made no link of it. On the phone open Linked devices: if four devices are listed, \
             remove one. Update WhatsApp on the phone, then try the new code."
        }
        StateReason::PasskeyRefused => {
            "WhatsApp or the phone did not accept the passkey. Scan the new code to try once more, and agree on the phone when it asks."
        }
        StateReason::PasskeyBroken => {
            "The passkey step got stuck on WhatsApp's side. Scan the new code to try once more; if it stays so, write to support."
        }
        StateReason::PasskeyTimedOut => "The passkey step took too long. Have everything ready and scan the new code.",
        StateReason::ProxyFailed => {
            "Reason: our way out to WhatsApp (the proxy) does not answer. We keep trying; if it does not pass, write to support: the \
             server's operator has to check the proxy."
        }
    }
}

fn action(action: NextStep) -> &'static str {
    match action {
        NextStep::ScanQr => "The code changes by itself: scan the one on the screen.",
        NextStep::EnterCode => "The hyphen need not be typed.",
        NextStep::RequestQr => "Press “Show a new QR code”.",
        NextStep::UsePairingCode => "If the QR code doesn't work out, connect with the phone number: the form is below.",
        NextStep::UsePasskey => "What you can do is below. Keep WhatsApp open on the phone.",
        NextStep::CompareCodes => "Compare the code below with the one on the phone.",
        NextStep::Wait => "There is nothing to do here.",
        NextStep::Reconnect => "Press “Connect here” to take the connection back.",
        NextStep::StartOver => "Go back to YClients and press “Connect” again.",
        NextStep::ContactSupport => "Write to the integration's support through its page in the YClients marketplace.",
    }
}

fn error(error: PageError) -> Text {
    let (title, text) = match error {
        PageError::NotConfigured => ("The integration is being set up", "The service can't take connections yet. Try again later."),
        PageError::BadSalon => {
            ("Which salon should be connected?", "The link has no salon number. Open the integration in YClients and press “Connect”.")
        }
        PageError::BadSignature => {
            ("The link failed the check", "The signature of YClients doesn't hold. Open the integration in YClients again.")
        }
        PageError::LinkReplayed => (
            "The link belongs to another salon",
            "This link was already used for another salon. Press “Connect” in the right salon's YClients.",
        ),
        PageError::NotInstalled => (
            "The connection wasn't started in YClients",
            "YClients sees no installation in this salon. Press “Connect” on the integration's page.",
        ),
        PageError::OtherOwner => (
            "Another user connected this salon",
            "The page of a connected salon opens only for the user who connected it. Sign in to YClients as that user, or disconnect the integration and connect it anew.",
        ),
        PageError::MarketplaceDown => {
            ("YClients doesn't answer", "We couldn't check the installation. Wait a minute and press “Connect” again.")
        }
        PageError::TokenMissing => ("The link is incomplete", "The connection page is opened from YClients with “Connect”."),
        PageError::TokenInvalid => ("This link doesn't fit", "It is damaged or not ours. Open the integration in YClients again."),
        PageError::TokenExpired => (
            "The link has expired",
            "The link is valid for a limited time. Go back to YClients and press “Connect” again: nothing you began is lost.",
        ),
        PageError::NotFound => ("There is no such page", "Check the address or begin at the start page."),
        PageError::TooMany => ("Too many requests", "Wait a minute and reload the page."),
        PageError::Unavailable => ("The service is temporarily unavailable", "This is on our side. Reload the page in a minute."),
    };
    Text { title, text }
}
