//! Faults the service plays on demand.

mod book;

use serde::{Deserialize, Serialize};

pub(crate) use book::{FaultBook, LoginRefusal};

/// A delay or duration beyond this is a mistake of the caller.
const MAX_DURATION_MS: u64 = 3_600_000;
/// A ban or lock longer than this is a mistake of the caller.
const MAX_SECONDS: u64 = 366 * 86_400;
/// Largest frame a header can announce.
const MAX_FRAME: u32 = (1 << 24) - 1;
/// Largest content of a frame: the stanza around it and the seal take the rest.
pub(crate) const MAX_LOAD: u32 = MAX_FRAME - 256;

/// Whose links a fault hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultTarget {
    /// Every link, unpaired ones included.
    All,
    /// The linked devices of one number.
    Number(String),
}

/// What the real service calls a lock on messages to people who never wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Enforcement {
    /// Every linked device is locked, the phone isn't.
    #[default]
    RestrictAllCompanions,
    /// Only web clients are locked.
    WebCompanionOnly,
    /// Nothing more precise is told.
    Default,
}

/// A fault, as named in the control API.
///
/// | `fault` | fields | what happens | lasts |
/// |---|---|---|---|
/// | `drop` | | the TCP connection ends without a word | once, live links |
/// | `half_open` | | the socket stays open, nothing is read or sent any more | once, live links; they are dropped by clearing the faults |
/// | `silence` | `duration_ms?` | everything is read, nothing is answered or delivered | until cleared or over, new links too |
/// | `refuse_connections` | `duration_ms?` | new connections are closed at once; for a number: as soon as the caller is known | until cleared or over |
/// | `outage` | `duration_ms?` | live links drop and new connections are closed at once; everyone may come back at the same moment | until cleared or over |
/// | `refuse_upgrade` | `code`, `count?` | the WebSocket isn't opened: HTTP answers `code`, such as 429 or 503; only for `*` | until used up or cleared |
/// | `bad_certificate` | `count?` | the handshake presents a certificate for another key; a known device is asked for a full handshake first | until used up or cleared |
/// | `stream_error` | `code`, `keep_open?` | `<stream:error code>`, then the end of the connection; with `keep_open` the socket stays and is served as before | once, live links |
/// | `replaced` | | conflict `replaced`, as if the device had logged in elsewhere | once, live links |
/// | `second_client` | `after_ms?`, `count?` | another client holds the device: live links get conflict `replaced`, and so does each of the next `count` (1) logins after `after_ms` (1000) | until used up or cleared |
/// | `logged_out` | | the device is removed from its phone: conflict `device_removed`, later logins are refused with 401 | once, live links |
/// | `unlink_while_pairing` | `count?` | the next `count` (1) devices are removed from the phone between their pairing and their first login | until used up or cleared |
/// | `login_failure` | `code`, `expire_s?`, `count?` | the next `count` (1) logins get `<failure reason>`; `expire_s` goes with 402 | until used up or cleared |
/// | `ban` | `seconds`, `reason?` | live links drop, every login gets 402 with what is left of `seconds` and the reason (101) | until cleared or over |
/// | `close_mid_handshake` | `count?` | the connection ends in the middle of the handshake | until used up or cleared |
/// | `slow` | `ms`, `duration_ms?` | every stanza to the client is held back `ms` | until cleared or over, new links too |
/// | `bad_frame` | | one frame that can't be decrypted | once, live links |
/// | `half_frame` | `announced_bytes?`, `quiet?` | a frame header announces 16 MiB (or `announced_bytes`) that never come; all that is sent later counts as part of it. With `quiet` nothing is sent or read any more | once, live links |
/// | `big_frame` | `bytes?` | one whole frame of nearly 16 MiB (or `bytes`) with a stanza nobody needs | once, live links |
/// | `bad_node` | | one frame that decrypts to something that is no stanza | once, live links |
/// | `bad_zlib` | | one frame that says it is compressed and isn't | once, live links |
/// | `refuse_code` | `code?`, `count?` | the next `count` (1) requests for a pairing code get an error, 429 unless told otherwise; only for `*` or the number the code is for | until used up or cleared |
/// | `timelock` | `seconds`, `enforcement?` | messages to people who never wrote are refused with 463; a notification and the query tell it, and its end | until cleared or over, phones that exist |
/// | `new_chat_cap` | `total_quota`, `used_quota?` | first messages to new people count against a quota: warned at 50 % and 80 %, refused with 463 when used up; a notification and the query tell it | until cleared, phones that exist |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum WhatsappFault {
    /// Ends live connections without a word.
    Drop,
    /// Freezes live connections: open, but nothing is read or sent.
    HalfOpen,
    /// Stops answering.
    Silence {
        /// How long; until cleared when absent.
        #[serde(default)]
        duration_ms: Option<u64>,
    },
    /// Closes new connections.
    RefuseConnections {
        /// How long; until cleared when absent.
        #[serde(default)]
        duration_ms: Option<u64>,
    },
    /// Ends live connections and closes new ones.
    Outage {
        /// How long; until cleared when absent.
        #[serde(default)]
        duration_ms: Option<u64>,
    },
    /// Answers the WebSocket's opening with an HTTP error.
    RefuseUpgrade {
        /// The HTTP status, 400 to 599.
        code: u16,
        /// How many; all when absent.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Presents a certificate that isn't for the key in use.
    BadCertificate {
        /// How many handshakes; all when absent.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Ends live connections with a stream error.
    StreamError {
        /// The `code` attribute, for example 515, 503, 500, 429, 428, 408, 409, 401.
        code: u16,
        /// The service doesn't close and goes on as if nothing had been said.
        #[serde(default)]
        keep_open: bool,
    },
    /// Tells live links that the device logged in elsewhere.
    Replaced,
    /// Another client holds the device and takes it back.
    SecondClient {
        /// How long a login lasts before the other client takes over; 1000 when absent.
        #[serde(default)]
        after_ms: Option<u64>,
        /// How many logins; 1 when absent.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Removes the linked devices from their phones.
    LoggedOut,
    /// Removes a new device before its first login.
    UnlinkWhilePairing {
        /// How many devices; 1 when absent.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Refuses the next logins.
    LoginFailure {
        /// The `reason` attribute, for example 401, 402, 403, 405, 500, 503.
        code: u16,
        /// Seconds until a temporary ban (402) ends.
        #[serde(default)]
        expire_s: Option<u64>,
        /// How many logins; 1 when absent.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Bans the account for a while.
    Ban {
        /// How long.
        seconds: u64,
        /// Why, as the service numbers it: 101 when absent.
        #[serde(default)]
        reason: Option<u16>,
    },
    /// Closes connections in the middle of the handshake.
    CloseMidHandshake {
        /// How many; all when absent.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Delays every stanza to the client.
    Slow {
        /// The delay.
        ms: u64,
        /// How long; until cleared when absent.
        #[serde(default)]
        duration_ms: Option<u64>,
    },
    /// Sends a frame that can't be decrypted.
    BadFrame,
    /// Announces a frame that never comes.
    HalfFrame {
        /// How long the frame is said to be; 16 MiB when absent.
        #[serde(default)]
        announced_bytes: Option<u32>,
        /// Whether the service falls silent afterwards.
        #[serde(default)]
        quiet: bool,
    },
    /// Sends a stanza nobody needs, as large as a frame can be.
    BigFrame {
        /// How large; nearly 16 MiB when absent.
        #[serde(default)]
        bytes: Option<u32>,
    },
    /// Sends something that decrypts and is no stanza.
    BadNode,
    /// Sends something that calls itself compressed and isn't.
    BadZlib,
    /// Refuses requests for pairing codes.
    RefuseCode {
        /// The error code; 429 when absent.
        #[serde(default)]
        code: Option<u16>,
        /// How many; 1 when absent.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Refuses messages to people who never wrote.
    Timelock {
        /// How long.
        seconds: u64,
        /// What the service calls it.
        #[serde(default)]
        enforcement: Enforcement,
    },
    /// Limits messages to new people.
    NewChatCap {
        /// How many new people may be written to.
        total_quota: u32,
        /// How many have been written to already; 0 when absent.
        #[serde(default)]
        used_quota: Option<u32>,
    },
}

/// Checks the numbers of a fault, and whether it can hit one number alone.
pub(crate) fn validate(target: &FaultTarget, fault: WhatsappFault) -> Result<(), String> {
    let (code, duration_ms, seconds) = numbers_of(fault);
    if code.is_some_and(|code| !(400..600).contains(&code)) {
        return Err("code must be 400 to 599".into());
    }
    if duration_ms.is_some_and(|ms| ms > MAX_DURATION_MS) {
        return Err(format!("ms, after_ms and duration_ms must be at most {MAX_DURATION_MS}"));
    }
    if seconds.is_some_and(|seconds| seconds == 0 || seconds > MAX_SECONDS) {
        return Err(format!("seconds must be 1 to {MAX_SECONDS}"));
    }
    match fault {
        WhatsappFault::Slow { ms, .. } if ms > MAX_DURATION_MS => Err(format!("ms must be at most {MAX_DURATION_MS}")),
        WhatsappFault::HalfFrame { announced_bytes: Some(bytes), .. } if !(1..=MAX_FRAME).contains(&bytes) => {
            Err(format!("announced_bytes must be 1 to {MAX_FRAME}"))
        }
        WhatsappFault::BigFrame { bytes: Some(bytes) } if !(1..=MAX_LOAD).contains(&bytes) => Err(format!("bytes must be 1 to {MAX_LOAD}")),
        WhatsappFault::NewChatCap { total_quota: 0, .. } => Err("total_quota must be at least 1".into()),
        WhatsappFault::RefuseUpgrade { .. } if *target != FaultTarget::All => {
            Err("refuse_upgrade hits everyone: nobody is known before the WebSocket is open".into())
        }
        _ => Ok(()),
    }
}

/// Code, duration in milliseconds and duration in seconds, as far as the fault has them.
fn numbers_of(fault: WhatsappFault) -> (Option<u16>, Option<u64>, Option<u64>) {
    match fault {
        WhatsappFault::StreamError { code, .. } | WhatsappFault::LoginFailure { code, .. } | WhatsappFault::RefuseUpgrade { code, .. } => {
            (Some(code), None, None)
        }
        WhatsappFault::RefuseCode { code, .. } => (code, None, None),
        WhatsappFault::Silence { duration_ms }
        | WhatsappFault::RefuseConnections { duration_ms }
        | WhatsappFault::Outage { duration_ms }
        | WhatsappFault::Slow { duration_ms, .. }
        | WhatsappFault::SecondClient { after_ms: duration_ms, .. } => (None, duration_ms, None),
        WhatsappFault::Ban { seconds, .. } | WhatsappFault::Timelock { seconds, .. } => (None, None, Some(seconds)),
        _ => (None, None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_from_the_control_api() {
        let fault: WhatsappFault =
            serde_json::from_str(r#"{"service":"whatsapp","target":"*","fault":"login_failure","code":402}"#).expect("a known fault");
        assert_eq!(fault, WhatsappFault::LoginFailure { code: 402, expire_s: None, count: None });
        let fault: WhatsappFault = serde_json::from_str(r#"{"fault":"timelock","seconds":60}"#).expect("a known fault");
        assert_eq!(fault, WhatsappFault::Timelock { seconds: 60, enforcement: Enforcement::RestrictAllCompanions });
        let fault: WhatsappFault = serde_json::from_str(r#"{"fault":"stream_error","code":503}"#).expect("a known fault");
        assert_eq!(fault, WhatsappFault::StreamError { code: 503, keep_open: false });
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let one = FaultTarget::Number("79000000001".into());
        for impossible in [
            WhatsappFault::StreamError { code: 42, keep_open: false },
            WhatsappFault::Slow { ms: 10, duration_ms: Some(u64::MAX) },
            WhatsappFault::Slow { ms: u64::MAX, duration_ms: None },
            WhatsappFault::Ban { seconds: 0, reason: None },
            WhatsappFault::HalfFrame { announced_bytes: Some(1 << 24), quiet: false },
            WhatsappFault::BigFrame { bytes: Some(1 << 24) },
            WhatsappFault::NewChatCap { total_quota: 0, used_quota: None },
            WhatsappFault::RefuseUpgrade { code: 429, count: None },
        ] {
            assert!(validate(&one, impossible).is_err(), "{impossible:?}");
        }
        assert!(validate(&one, WhatsappFault::Drop).is_ok());
        assert!(validate(&FaultTarget::All, WhatsappFault::RefuseUpgrade { code: 429, count: None }).is_ok());
    }
}
