//! The lasting faults, and what they mean for a link at a given moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{FaultTarget, WhatsappFault};
use crate::whatsapp::lock::Lock;

/// More lasting faults than this at once are a mistake of the caller.
const MAX_LASTING: usize = 1024;
/// What the real service says about a temporary ban: too many messages to people who don't know the sender.
const BAN_REASON: u16 = 101;
/// How long a login lasts while another client holds the device, unless told otherwise.
const RIVAL_PAUSE: Duration = Duration::from_secs(1);
/// What a client that asks for too many pairing codes hears.
const TOO_MANY: u16 = 429;

/// How a login is refused by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoginRefusal {
    pub(crate) code: u16,
    pub(crate) expire_s: Option<u64>,
    /// The `code` attribute that goes with a temporary ban.
    pub(crate) ban_reason: u16,
}

impl LoginRefusal {
    pub(crate) const fn new(code: u16, expire_s: Option<u64>) -> Self {
        Self { code, expire_s, ban_reason: BAN_REASON }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Silence,
    Refuse,
    Login(LoginRefusal),
    Ban(u16),
    CloseMidHandshake,
    Slow(Duration),
    Upgrade(u16),
    Certificate,
    Rival(Duration),
    UnlinkWhilePairing,
    Code(u16),
}

#[derive(Clone)]
struct Lasting {
    target: FaultTarget,
    /// As it was wished.
    fault: WhatsappFault,
    effect: Effect,
    until: Option<Instant>,
    /// How often it may still take effect; `None` is unlimited.
    left: Option<u32>,
}

impl Lasting {
    fn is_in_force(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until > now) && self.left != Some(0)
    }
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
        let Some((effect, duration, left)) = lasting_effect(fault) else {
            return Ok(());
        };
        let mut book = self.lasting.hold();
        book.retain(|old| old.target != target || !same_kind(old.effect, effect));
        if book.len() >= MAX_LASTING {
            return Err(format!("more than {MAX_LASTING} lasting faults"));
        }
        let until = duration.map(|duration| Instant::now() + duration);
        book.push(Lasting { target, fault, effect, until, left });
        self.in_use.store(true, Ordering::Release);
        Ok(())
    }

    /// What is in force, in the order it came.
    pub(crate) fn list(&self) -> Vec<(FaultTarget, WhatsappFault)> {
        let now = Instant::now();
        let book = self.lasting.hold();
        let lasting = book.iter().filter(|fault| fault.is_in_force(now));
        lasting.map(|lasting| (lasting.target.clone(), lasting.fault)).collect()
    }

    pub(crate) fn clear(&self) {
        self.lasting.hold().clear();
        self.in_use.store(false, Ordering::Release);
    }

    pub(crate) fn is_silent(&self, number: Option<&str>) -> bool {
        self.find(number, |effect| (effect == Effect::Silence).then_some(())).is_some()
    }

    pub(crate) fn refuses(&self, number: Option<&str>) -> bool {
        self.find(number, |effect| (effect == Effect::Refuse).then_some(())).is_some()
    }

    pub(crate) fn closes_handshake(&self, number: Option<&str>) -> bool {
        self.find(number, |effect| (effect == Effect::CloseMidHandshake).then_some(())).is_some()
    }

    pub(crate) fn spoils_certificate(&self, number: Option<&str>) -> bool {
        self.find(number, |effect| (effect == Effect::Certificate).then_some(())).is_some()
    }

    pub(crate) fn unlinks_while_pairing(&self, number: &str) -> bool {
        self.find(Some(number), |effect| (effect == Effect::UnlinkWhilePairing).then_some(())).is_some()
    }

    /// The HTTP status a WebSocket's opening is refused with.
    pub(crate) fn refuses_upgrade(&self) -> Option<u16> {
        self.find(None, |effect| if let Effect::Upgrade(code) = effect { Some(code) } else { None }).map(|(code, _)| code)
    }

    /// The error code for a request for a pairing code.
    pub(crate) fn refuses_code(&self, number: &str) -> Option<u16> {
        self.find(Some(number), |effect| if let Effect::Code(code) = effect { Some(code) } else { None }).map(|(code, _)| code)
    }

    /// How long a login lasts before another client of the same device takes over.
    pub(crate) fn rival(&self, number: &str) -> Option<Duration> {
        self.find(Some(number), |effect| if let Effect::Rival(pause) = effect { Some(pause) } else { None }).map(|(pause, _)| pause)
    }

    pub(crate) fn delay(&self, number: Option<&str>) -> Option<Duration> {
        self.find(number, |effect| if let Effect::Slow(delay) = effect { Some(delay) } else { None }).map(|(delay, _)| delay)
    }

    pub(crate) fn refuses_login(&self, number: Option<&str>) -> Option<LoginRefusal> {
        let (refusal, until) = self.find(number, |effect| match effect {
            Effect::Login(refusal) => Some(refusal),
            Effect::Ban(reason) => Some(LoginRefusal { code: 402, expire_s: None, ban_reason: reason }),
            _ => None,
        })?;
        // Rounded up: a client that comes back then must not be early.
        let left = until.map(|until| (until - Instant::now()).as_millis().div_ceil(1000));
        Some(LoginRefusal { expire_s: refusal.expire_s.or(left.and_then(|left| u64::try_from(left).ok())), ..refusal })
    }

    /// The first matching effect, with its end; uses up one of its counted occasions.
    fn find<T>(&self, number: Option<&str>, pick: impl Fn(Effect) -> Option<T>) -> Option<(T, Option<Instant>)> {
        if !self.in_use.load(Ordering::Acquire) {
            return None;
        }
        let now = Instant::now();
        let mut book = self.lasting.hold();
        book.retain(|fault| fault.is_in_force(now));
        book.iter_mut().find_map(|fault| {
            let meant = match &fault.target {
                FaultTarget::All => true,
                FaultTarget::Number(target) => Some(target.as_str()) == number,
            };
            let picked = if meant { pick(fault.effect) } else { None }?;
            fault.left = fault.left.map(|left| left - 1);
            Some((picked, fault.until))
        })
    }
}

/// What a fault leaves behind: the effect, how long, how often.
fn lasting_effect(fault: WhatsappFault) -> Option<(Effect, Option<Duration>, Option<u32>)> {
    let for_ms = |ms: Option<u64>| ms.map(Duration::from_millis);
    let once_or = |count: Option<u32>| Some(count.unwrap_or(1));
    match fault {
        WhatsappFault::Silence { duration_ms } => Some((Effect::Silence, for_ms(duration_ms), None)),
        WhatsappFault::RefuseConnections { duration_ms } | WhatsappFault::Outage { duration_ms } => {
            Some((Effect::Refuse, for_ms(duration_ms), None))
        }
        WhatsappFault::Slow { ms, duration_ms } => Some((Effect::Slow(Duration::from_millis(ms)), for_ms(duration_ms), None)),
        WhatsappFault::LoginFailure { code, expire_s, count } => {
            Some((Effect::Login(LoginRefusal::new(code, expire_s)), None, once_or(count)))
        }
        WhatsappFault::Ban { seconds, reason } => {
            Some((Effect::Ban(reason.unwrap_or(BAN_REASON)), Some(Duration::from_secs(seconds)), None))
        }
        WhatsappFault::CloseMidHandshake { count } => Some((Effect::CloseMidHandshake, None, count)),
        WhatsappFault::RefuseUpgrade { code, count } => Some((Effect::Upgrade(code), None, count)),
        WhatsappFault::BadCertificate { count } => Some((Effect::Certificate, None, count)),
        WhatsappFault::SecondClient { after_ms, count } => {
            Some((Effect::Rival(after_ms.map_or(RIVAL_PAUSE, Duration::from_millis)), None, once_or(count)))
        }
        WhatsappFault::UnlinkWhilePairing { count } => Some((Effect::UnlinkWhilePairing, None, once_or(count))),
        WhatsappFault::RefuseCode { code, count } => Some((Effect::Code(code.unwrap_or(TOO_MANY)), None, once_or(count))),
        WhatsappFault::Drop
        | WhatsappFault::HalfOpen
        | WhatsappFault::StreamError { .. }
        | WhatsappFault::Replaced
        | WhatsappFault::LoggedOut
        | WhatsappFault::BadFrame
        | WhatsappFault::HalfFrame { .. }
        | WhatsappFault::BigFrame { .. }
        | WhatsappFault::BadNode
        | WhatsappFault::BadZlib
        | WhatsappFault::Timelock { .. }
        | WhatsappFault::NewChatCap { .. } => None,
    }
}

fn same_kind(left: Effect, right: Effect) -> bool {
    std::mem::discriminant(&left) == std::mem::discriminant(&right)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(book.list(), [(FaultTarget::All, WhatsappFault::Silence { duration_ms: None })]);
        book.clear();
        assert!(!book.is_silent(None));
        assert_eq!(book.list(), []);
    }

    #[test]
    fn a_ban_tells_what_is_left_of_it() {
        let book = FaultBook::default();
        book.note(FaultTarget::All, WhatsappFault::Ban { seconds: 60, reason: Some(104) }).expect("room in the book");
        let refusal = book.refuses_login(Some("79000000001")).expect("banned");
        assert_eq!((refusal.code, refusal.ban_reason), (402, 104));
        assert!(refusal.expire_s.is_some_and(|left| (50..=60).contains(&left)));
    }
}
