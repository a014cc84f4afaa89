mod account;
mod owners;
mod passkey;
mod properties;
mod returns;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::ids::Secret;
use crate::ports::{LinkEnd, LinkFact, LossKind, PasskeyAssertion, PasskeyFailure};
use crate::view::{LinkNumbers, NextStep, Timelock};

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_168_800, 0).unwrap()
}

fn own() -> OwnIdentity {
    OwnIdentity { phone: "+79160000001".parse().unwrap(), lid: None }
}

fn phone() -> Phone {
    "+79160000002".parse().unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn qr(attempt: u32) -> LinkFact {
    LinkFact::Qr { text: Secret::new(format!("qr-{attempt}")), valid_for: seconds(60), attempt }
}

fn code() -> LinkFact {
    LinkFact::PairingCode { code: Secret::new("ABCD-EFGH"), phone: phone(), valid_for: seconds(180) }
}

fn passkey_request(valid_for: u64) -> LinkFact {
    LinkFact::PasskeyRequested { options: Secret::new("{}"), valid_for: seconds(valid_for) }
}

fn assertion() -> PasskeyAssertion {
    PasskeyAssertion { credential_id: vec![1], json: Secret::new("{}") }
}

fn timelock(ends_in: Option<u64>) -> LinkFact {
    LinkFact::Timelock(Some(Timelock { ends_at: ends_in.map(|left| later(start(), seconds(left))) }))
}

fn origin(stored: Option<SessionRecord>) -> Origin {
    Origin {
        company: CompanyId::try_from(1).unwrap(),
        settings: Arc::new(FleetSettings::default()),
        stored,
        credentials: None,
        held: None,
        generation: Generation::default(),
        viewers: false,
        now: start(),
    }
}

fn record(state: SessionState, desired: Desired, linked: bool) -> SessionRecord {
    SessionRecord {
        company_id: CompanyId::try_from(1).unwrap(),
        desired,
        state,
        reason: None,
        since: start(),
        not_before: None,
        own: linked.then(own),
        probed_at: None,
    }
}

/// A machine in the test's hand, with a clock and the effects of the last step.
struct Rig {
    machine: Machine,
    now: DateTime<Utc>,
    dice: f64,
    effects: Vec<Effect>,
}

impl Rig {
    fn of(origin: Origin) -> Self {
        let mut rig = Self { machine: Machine::new(origin), now: start(), dice: 1.0, effects: Vec::new() };
        rig.give(Input::Begin);
        rig
    }

    fn new() -> Self {
        Self::of(origin(None))
    }

    /// A session that is online on its first link.
    fn online() -> Self {
        let mut rig = Self::of(origin(Some(record(SessionState::Online, Desired::Online, true))));
        rig.give(Input::DialGranted);
        rig.say(LinkFact::Online(own()));
        rig
    }

    /// A session that shows its first code to a viewer.
    fn scanning() -> Self {
        let mut rig = Self::new();
        rig.wish(Wish::Viewers(true));
        rig.give(Input::DialGranted);
        rig.say(qr(1));
        rig
    }

    fn give(&mut self, input: Input) -> &mut Self {
        self.effects = self.machine.step(input, Moment { now: self.now, dice: self.dice });
        self
    }

    fn wish(&mut self, wish: Wish) -> &mut Self {
        self.give(Input::Wish(wish))
    }

    fn say(&mut self, fact: LinkFact) -> &mut Self {
        let generation = self.machine.generation;
        self.give(Input::Fact(generation, fact))
    }

    fn end(&mut self, end: LinkEnd) -> &mut Self {
        let generation = self.machine.generation;
        self.give(Input::Ended(generation, end))
    }

    /// Lets an armed timer run out.
    fn due(&mut self, kind: TimerKind) -> &mut Self {
        let number = *self.machine.timers.get(&kind).unwrap_or_else(|| panic!("{kind:?} is not armed"));
        self.give(Input::Due(Timer { kind, number }))
    }

    fn armed(&self, kind: TimerKind) -> bool {
        self.machine.timers.contains_key(&kind)
    }

    fn did(&self, wanted: impl Fn(&Effect) -> bool) -> bool {
        self.effects.iter().any(wanted)
    }

    fn dials(&self) -> bool {
        self.did(|effect| *effect == Effect::RequestDial)
    }

    fn wait(&self, kind: TimerKind) -> Duration {
        let armed = self.effects.iter().find_map(|effect| match effect {
            Effect::SetTimer(timer, after) if timer.kind == kind => Some(*after),
            _ => None,
        });
        armed.unwrap_or_else(|| panic!("{kind:?} was not armed by the last step: {:?}", self.effects))
    }

    fn persisted(&self) -> Option<&SessionRecord> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Persist(record) | Effect::EraseCredentials(Some(record)) => Some(record),
            _ => None,
        })
    }

    #[track_caller]
    fn is(&self, state: SessionState, reason: Option<StateReason>) {
        assert_eq!((self.machine.state, self.machine.reason), (state, reason));
    }
}

#[test]
fn every_end_of_an_online_link_leads_to_its_own_state() {
    use SessionState::{Backoff, Banned, Connecting, LoggedOut, Outdated, Replaced};
    let cases = [
        (LinkEnd::Lost(LossKind::Disconnected), Backoff, Some(StateReason::NetworkLost)),
        (LinkEnd::Lost(LossKind::Dial), Backoff, Some(StateReason::NetworkLost)),
        (LinkEnd::Lost(LossKind::Service), Backoff, Some(StateReason::ServiceUnavailable)),
        (LinkEnd::Lost(LossKind::Silent), Backoff, Some(StateReason::ConnectTimeout)),
        (LinkEnd::Lost(LossKind::Proxy), Backoff, Some(StateReason::ProxyFailed)),
        (LinkEnd::Closed, Backoff, Some(StateReason::NetworkLost)),
        (LinkEnd::Crashed, Backoff, None),
        (LinkEnd::StorageFailed, Backoff, Some(StateReason::StoreFailed)),
        (LinkEnd::RestartRequired, Connecting, Some(StateReason::RestartRequired)),
        (LinkEnd::Replaced, Replaced, Some(StateReason::StreamReplaced)),
        (LinkEnd::LoggedOut, LoggedOut, Some(StateReason::DeviceRemoved)),
        (LinkEnd::Banned { expires_in: Some(seconds(60)) }, Banned, Some(StateReason::TemporaryBan)),
        (LinkEnd::Locked, Banned, Some(StateReason::AccountLocked)),
        (LinkEnd::Outdated, Outdated, Some(StateReason::ClientOutdated)),
        (LinkEnd::QrExhausted, Backoff, Some(StateReason::ServiceUnavailable)),
    ];
    for (end, state, reason) in cases {
        let mut rig = Rig::online();
        rig.end(end);
        rig.is(state, reason);
    }
}

#[test]
fn pairing_is_not_online_and_the_wish_to_be_online_is_stored_before_it_is_shown() {
    let mut rig = Rig::scanning();
    rig.say(LinkFact::Paired(own()));
    rig.is(SessionState::Pairing, None);
    assert!(matches!(&rig.effects[0], Effect::Persist(record) if record.desired == Desired::Online), "{:?}", rig.effects);
    rig.end(LinkEnd::RestartRequired);
    rig.is(SessionState::Pairing, Some(StateReason::RestartRequired));
    assert!(rig.dials());
    rig.give(Input::DialGranted).say(LinkFact::Online(own()));
    rig.is(SessionState::Online, None);
}

#[test]
fn a_code_that_was_on_its_way_when_the_phone_accepted_changes_nothing() {
    let mut rig = Rig::scanning();
    rig.say(LinkFact::Paired(own())).say(qr(2));
    rig.is(SessionState::Pairing, None);
    assert_eq!(rig.machine.desired, Desired::Online);
}

#[test]
fn a_second_515_without_a_login_waits() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::RestartRequired);
    assert!(rig.dials());
    rig.give(Input::DialGranted).end(LinkEnd::RestartRequired);
    rig.is(SessionState::Backoff, Some(StateReason::RestartRequired));
    assert!(!rig.dials());
}

#[test]
fn a_link_that_never_comes_online_is_dropped_and_dialled_again() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::RestartRequired).give(Input::DialGranted).due(TimerKind::Connect);
    rig.is(SessionState::Backoff, Some(StateReason::ConnectTimeout));
    assert!(rig.did(|effect| *effect == Effect::DropLink));
    rig.due(TimerKind::Backoff);
    assert!(rig.dials());
}

#[test]
fn the_backoff_doubles_to_its_limit_and_starts_anew_only_after_a_stable_time() {
    let mut rig = Rig::online();
    let mut waits = Vec::new();
    for _ in 0..11 {
        rig.end(LinkEnd::Lost(LossKind::Disconnected));
        waits.push(rig.wait(TimerKind::Backoff).as_secs());
        rig.due(TimerKind::Backoff).give(Input::DialGranted).say(LinkFact::Online(own()));
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    rig.due(TimerKind::Stable).end(LinkEnd::Lost(LossKind::Disconnected));
    assert_eq!(rig.wait(TimerKind::Backoff), seconds(1));
}

#[test]
fn two_unanswered_probes_make_a_session_deaf_and_it_reconnects() {
    let mut rig = Rig::online();
    rig.due(TimerKind::Probe);
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::Probe)));
    rig.say(LinkFact::ProbeUnanswered);
    rig.is(SessionState::Online, None);
    rig.due(TimerKind::Answer);
    rig.is(SessionState::Deaf, Some(StateReason::NotAnswering));
    assert!(rig.did(|effect| *effect == Effect::DropLink));
    rig.due(TimerKind::Backoff);
    rig.is(SessionState::Connecting, None);
    assert!(rig.dials());
}

#[test]
fn an_answered_probe_forgives_the_unanswered_one() {
    let mut rig = Rig::online();
    rig.due(TimerKind::Probe).say(LinkFact::ProbeUnanswered).say(LinkFact::ProbeAnswered);
    rig.due(TimerKind::Probe).say(LinkFact::ProbeUnanswered);
    rig.is(SessionState::Online, None);
}

#[test]
fn a_replaced_session_probes_once_and_then_leaves_it_to_people() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::Replaced);
    assert_eq!(rig.wait(TimerKind::ReplacedProbe), seconds(600));
    assert!(!rig.dials());
    rig.due(TimerKind::ReplacedProbe);
    assert!(rig.dials());
    rig.give(Input::DialGranted).say(LinkFact::Online(own())).end(LinkEnd::Replaced);
    assert!(!rig.armed(TimerKind::ReplacedProbe));
    assert_eq!(rig.machine.snapshot().view.action, Some(NextStep::Reconnect));
    rig.wish(Wish::Reconnect);
    assert!(rig.dials());
    rig.give(Input::DialGranted).say(LinkFact::Online(own())).end(LinkEnd::Replaced);
    assert!(rig.armed(TimerKind::ReplacedProbe), "taken back by a person: one probe again");
}

#[test]
fn a_logged_out_session_erases_its_credentials_and_offers_a_code() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::LoggedOut);
    assert!(matches!(&rig.effects[0], Effect::EraseCredentials(Some(record)) if record.own.is_none()));
    assert_eq!(rig.persisted().unwrap().desired, Desired::Stopped);
    assert!(!rig.dials());
    assert_eq!(rig.machine.snapshot().view.action, Some(NextStep::RequestQr));
    rig.wish(Wish::ShowQr);
    assert!(rig.dials());
}

#[test]
fn nobody_dials_before_a_ban_is_over() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::Banned { expires_in: Some(seconds(3600)) });
    assert!(rig.machine.retry_at.is_some_and(|at| at >= start() + TimeDelta::hours(1)));
    rig.wish(Wish::Reconnect).wish(Wish::ShowQr).wish(Wish::Renew);
    rig.is(SessionState::Banned, Some(StateReason::TemporaryBan));
    rig.now += TimeDelta::hours(1);
    rig.due(TimerKind::BanOver);
    assert!(rig.dials());
}

#[test]
fn a_ban_without_an_end_waits_for_a_person() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::Locked);
    assert_eq!(rig.machine.snapshot().view.action, Some(NextStep::ContactSupport));
    rig.wish(Wish::Reconnect);
    assert!(rig.dials());
}

#[test]
fn words_of_an_older_link_are_dropped() {
    let mut rig = Rig::online();
    let old = rig.machine.generation;
    rig.end(LinkEnd::Lost(LossKind::Disconnected)).due(TimerKind::Backoff).give(Input::DialGranted);
    rig.give(Input::Fact(old, LinkFact::Online(own())));
    rig.is(SessionState::Connecting, None);
    rig.give(Input::Ended(old, LinkEnd::LoggedOut));
    rig.is(SessionState::Connecting, None);
    assert_eq!(rig.effects, []);
}

#[test]
fn a_restart_shows_final_states_again_and_dials_what_should_be_online() {
    let cases = [
        (SessionState::Online, Desired::Online, true, SessionState::Connecting, true),
        (SessionState::Connecting, Desired::Online, true, SessionState::Connecting, true),
        (SessionState::Idle, Desired::Stopped, true, SessionState::Idle, false),
        (SessionState::Replaced, Desired::Online, true, SessionState::Replaced, false),
        (SessionState::LoggedOut, Desired::Stopped, false, SessionState::LoggedOut, false),
        (SessionState::Outdated, Desired::Online, true, SessionState::Outdated, false),
        (SessionState::Banned, Desired::Online, true, SessionState::Banned, false),
    ];
    for (state, desired, linked, shown, dials) in cases {
        let rig = Rig::of(origin(Some(record(state, desired, linked))));
        assert_eq!((rig.machine.state, rig.dials()), (shown, dials), "{state:?}");
    }
}

#[test]
fn credentials_without_a_record_of_them_are_used() {
    let rig = Rig::of(Origin { credentials: Some(own()), ..origin(None) });
    assert!(rig.dials());
    assert_eq!(rig.persisted().unwrap().desired, Desired::Online);
}

#[test]
fn a_held_session_does_not_dial_whatever_its_record_says() {
    let held = Some(StateReason::Frozen);
    let stored = Some(record(SessionState::Online, Desired::Online, true));
    let rig = Rig::of(Origin { held, ..origin(stored) });
    rig.is(SessionState::Idle, held);
    assert!(!rig.dials());
}

#[test]
fn a_drain_closes_the_link_and_stores_nothing() {
    let mut rig = Rig::online();
    rig.wish(Wish::Drain);
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::Close)));
    assert_eq!(rig.persisted(), None);
    rig.wish(Wish::ShowQr).wish(Wish::Reconnect);
    assert!(!rig.dials());
    rig.end(LinkEnd::Closed);
    assert!(rig.machine.drained());
}
