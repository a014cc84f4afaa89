//! Faults the service plays on demand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::lock::Lock;

/// More lasting faults than this at once are a mistake of the caller.
const MAX_LASTING: usize = 1024;
/// A delay or duration beyond this is a mistake of the caller.
const MAX_DURATION_MS: u64 = 3_600_000;

/// Whose links a fault hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultTarget {
    /// Every link, unpaired ones included.
    All,
    /// The linked devices of one number.
    Number(String),
}

/// A fault, as named in the control API.
///
/// | `fault` | fields | what happens | lasts |
/// |---|---|---|---|
/// | `drop` | | the TCP connection ends without a word | once, live links |
/// | `half_open` | | the socket stays open, nothing is read or sent any more | once, live links; they are dropped by clearing the faults |
/// | `silence` | `duration_ms?` | everything is read, nothing is answered or delivered | until cleared or over, new links too |
/// | `refuse_connections` | `duration_ms?` | new connections are closed at once; for a number: as soon as the caller is known | until cleared or over |
/// | `stream_error` | `code` | `<stream:error code>`, then the end of the connection | once, live links |
/// | `replaced` | | conflict `replaced`, as if the device had logged in elsewhere | once, live links |
/// | `logged_out` | | the device is removed from its phone: conflict `device_removed`, later logins are refused with 401 | once, live links |
/// | `login_failure` | `code`, `expire_s?`, `count?` | the next `count` (1) logins get `<failure reason>`; `expire_s` goes with 402 | until used up or cleared |
/// | `close_mid_handshake` | `count?` | the connection ends in the middle of the handshake | until used up or cleared |
/// | `slow` | `ms`, `duration_ms?` | every stanza to the client is held back `ms` | until cleared or over, new links too |
/// | `bad_frame` | | one frame that can't be decrypted | once, live links |
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
    /// Ends live connections with a stream error.
    StreamError {
        /// The `code` attribute, for example 515, 503, 500, 429, 428, 408, 409, 401.
        code: u16,
    },
    /// Tells live links that the device logged in elsewhere.
    Replaced,
    /// Removes the linked devices from their phones.
    LoggedOut,
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
}

/// How a login is refused by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoginRefusal {
    pub(crate) code: u16,
    pub(crate) expire_s: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Silence,
    Refuse,
    Login(LoginRefusal),
    CloseMidHandshake,
    Slow(Duration),
}

struct Lasting {
    target: FaultTarget,
    effect: Effect,
    until: Option<Instant>,
    /// How often it may still take effect; `None` is unlimited.
    left: Option<u32>,
}

/// The lasting faults. Asked on every stanza, so the empty book costs one atomic read.
#[derive(Default)]
pub(crate) struct FaultBook {
    in_use: AtomicBool,
    lasting: Lock<Vec<Lasting>>,
}

impl FaultBook {
    /// Notes a lasting fault; immediate ones aren't for the book.
    pub(crate) fn note(&self, target: FaultTarget, fault: WhatsappFault) -> Result<(), String> {
        let Some((effect, duration_ms, left)) = lasting_effect(fault) else {
            return Ok(());
        };
        let mut book = self.lasting.hold();
        book.retain(|old| old.target != target || !same_kind(old.effect, effect));
        if book.len() >= MAX_LASTING {
            return Err(format!("more than {MAX_LASTING} lasting faults"));
        }
        let until = duration_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        book.push(Lasting { target, effect, until, left });
        self.in_use.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn clear(&self) {
        self.lasting.hold().clear();
        self.in_use.store(false, Ordering::Release);
    }

    pub(crate) fn is_silent(&self, number: Option<&str>) -> bool {
        self.find(number, |effect| matches!(effect, Effect::Silence)).is_some()
    }

    pub(crate) fn refuses(&self, number: Option<&str>) -> bool {
        self.find(number, |effect| matches!(effect, Effect::Refuse)).is_some()
    }

    pub(crate) fn closes_handshake(&self, number: Option<&str>) -> bool {
        self.find(number, |effect| matches!(effect, Effect::CloseMidHandshake)).is_some()
    }

    pub(crate) fn delay(&self, number: Option<&str>) -> Option<Duration> {
        match self.find(number, |effect| matches!(effect, Effect::Slow(_)))? {
            Effect::Slow(delay) => Some(delay),
            Effect::Silence | Effect::Refuse | Effect::Login(_) | Effect::CloseMidHandshake => None,
        }
    }

    pub(crate) fn refuses_login(&self, number: Option<&str>) -> Option<LoginRefusal> {
        match self.find(number, |effect| matches!(effect, Effect::Login(_)))? {
            Effect::Login(refusal) => Some(refusal),
            Effect::Silence | Effect::Refuse | Effect::Slow(_) | Effect::CloseMidHandshake => None,
        }
    }

    /// The first matching effect; uses up one of its counted occasions.
    fn find(&self, number: Option<&str>, wanted: impl Fn(Effect) -> bool) -> Option<Effect> {
        if !self.in_use.load(Ordering::Acquire) {
            return None;
        }
        let now = Instant::now();
        let mut book = self.lasting.hold();
        book.retain(|fault| fault.until.is_none_or(|until| until > now) && fault.left != Some(0));
        let fault = book.iter_mut().find(|fault| {
            wanted(fault.effect)
                && match &fault.target {
                    FaultTarget::All => true,
                    FaultTarget::Number(target) => Some(target.as_str()) == number,
                }
        })?;
        fault.left = fault.left.map(|left| left - 1);
        Some(fault.effect)
    }
}

/// Checks the numbers of a fault.
pub(crate) fn validate(fault: WhatsappFault) -> Result<(), String> {
    let duration_ok = |ms: Option<u64>| ms.is_none_or(|ms| ms <= MAX_DURATION_MS);
    match fault {
        WhatsappFault::StreamError { code } | WhatsappFault::LoginFailure { code, .. } if !(400..600).contains(&code) => {
            Err("code must be 400 to 599".into())
        }
        WhatsappFault::Slow { ms, .. } if ms > MAX_DURATION_MS => Err("ms must be at most 3600000".into()),
        WhatsappFault::Silence { duration_ms }
        | WhatsappFault::RefuseConnections { duration_ms }
        | WhatsappFault::Slow { duration_ms, .. }
            if !duration_ok(duration_ms) =>
        {
            Err("duration_ms must be at most 3600000".into())
        }
        _ => Ok(()),
    }
}

fn lasting_effect(fault: WhatsappFault) -> Option<(Effect, Option<u64>, Option<u32>)> {
    match fault {
        WhatsappFault::Silence { duration_ms } => Some((Effect::Silence, duration_ms, None)),
        WhatsappFault::RefuseConnections { duration_ms } => Some((Effect::Refuse, duration_ms, None)),
        WhatsappFault::Slow { ms, duration_ms } => Some((Effect::Slow(Duration::from_millis(ms)), duration_ms, None)),
        WhatsappFault::LoginFailure { code, expire_s, count } => {
            let refusal = LoginRefusal { code, expire_s };
            Some((Effect::Login(refusal), None, Some(count.unwrap_or(1))))
        }
        WhatsappFault::CloseMidHandshake { count } => Some((Effect::CloseMidHandshake, None, count)),
        WhatsappFault::Drop
        | WhatsappFault::HalfOpen
        | WhatsappFault::StreamError { .. }
        | WhatsappFault::Replaced
        | WhatsappFault::LoggedOut
        | WhatsappFault::BadFrame => None,
    }
}

fn same_kind(left: Effect, right: Effect) -> bool {
    std::mem::discriminant(&left) == std::mem::discriminant(&right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_from_the_control_api() {
        let fault: WhatsappFault =
            serde_json::from_str(r#"{"service":"whatsapp","target":"*","fault":"login_failure","code":402}"#).expect("a known fault");
        assert_eq!(fault, WhatsappFault::LoginFailure { code: 402, expire_s: None, count: None });
    }

    #[test]
    fn a_counted_fault_is_used_up() {
        let book = FaultBook::default();
        let fault = WhatsappFault::LoginFailure { code: 503, expire_s: None, count: Some(2) };
        book.note(FaultTarget::Number("79000000001".into()), fault).expect("room in the book");
        assert_eq!(book.refuses_login(Some("79000000002")), None);
        assert!(book.refuses_login(Some("79000000001")).is_some());
        assert!(book.refuses_login(Some("79000000001")).is_some());
        assert_eq!(book.refuses_login(Some("79000000001")), None);
    }

    #[test]
    fn clearing_ends_a_lasting_fault() {
        let book = FaultBook::default();
        book.note(FaultTarget::All, WhatsappFault::Silence { duration_ms: None }).expect("room in the book");
        assert!(book.is_silent(None));
        book.clear();
        assert!(!book.is_silent(None));
    }

    #[test]
    fn impossible_numbers_are_refused() {
        assert!(validate(WhatsappFault::StreamError { code: 42 }).is_err());
        assert!(validate(WhatsappFault::Slow { ms: 10, duration_ms: Some(u64::MAX) }).is_err());
        assert!(validate(WhatsappFault::Drop).is_ok());
    }
}
