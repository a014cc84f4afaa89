use proptest::prelude::*;

use super::*;

/// What the world may throw at a session; generations and timers are filled in when it is played.
#[derive(Debug, Clone)]
enum Throw {
    Wish(Wish),
    Grant,
    /// A fact of the present link, or of the one before.
    Fact(LinkFact, bool),
    End(LinkEnd, bool),
    /// The n-th armed timer runs out.
    Timer(usize),
    /// A timer that was replaced meanwhile.
    LateTimer(TimerKind),
    Time(i64),
}

fn wishes() -> impl Strategy<Value = Wish> {
    prop_oneof![
        4 => Just(Wish::ShowQr),
        3 => Just(Wish::PairingCode(phone())),
        2 => Just(Wish::CancelPairing),
        1 => Just(Wish::PairingCode(own().phone)),
        2 => Just(Wish::PasskeyResponse(assertion())),
        2 => Just(Wish::PasskeyConfirm),
        3 => any::<bool>().prop_map(Wish::Viewers),
        2 => Just(Wish::Reconnect),
        1 => Just(Wish::Restart),
        1 => Just(Wish::Renew),
        1 => Just(Wish::Stop(StateReason::Frozen)),
        1 => Just(Wish::Stop(StateReason::Uninstalled)),
        1 => Just(Wish::LogOut),
    ]
}

fn facts() -> impl Strategy<Value = LinkFact> {
    prop_oneof![
        (1_u32..7).prop_map(qr),
        Just(code()),
        Just(LinkFact::PairingCodeFailed { throttled: true }),
        (1_u64..300).prop_map(passkey_request),
        Just(LinkFact::PasskeyCode(Secret::new("WXYZ-1234"))),
        Just(LinkFact::PasskeyFailed(PasskeyFailure::Refused)),
        Just(LinkFact::PasskeyFailed(PasskeyFailure::Broken)),
        proptest::option::of(0_u64..1000).prop_map(timelock),
        Just(LinkFact::NewChatCap(None)),
        (0_u64..1000).prop_map(|bytes| LinkFact::Measured(LinkNumbers { bytes_sent: bytes, ..LinkNumbers::default() })),
        Just(LinkFact::Paired(own())),
        Just(LinkFact::PairingRefused),
        Just(LinkFact::Online(own())),
        Just(LinkFact::Doubtful),
        Just(LinkFact::ProbeAnswered),
        Just(LinkFact::ProbeUnanswered),
    ]
}

fn ends() -> impl Strategy<Value = LinkEnd> {
    prop_oneof![
        Just(LinkEnd::Closed),
        Just(LinkEnd::Lost(LossKind::Disconnected)),
        Just(LinkEnd::Lost(LossKind::Service)),
        Just(LinkEnd::RestartRequired),
        Just(LinkEnd::QrExhausted),
        Just(LinkEnd::Replaced),
        Just(LinkEnd::LoggedOut),
        proptest::option::of(1_u64..1000).prop_map(|n| LinkEnd::Banned { expires_in: n.map(seconds) }),
        Just(LinkEnd::Locked),
        Just(LinkEnd::Outdated),
        Just(LinkEnd::StorageFailed),
        Just(LinkEnd::Crashed),
    ]
}

fn kinds() -> impl Strategy<Value = TimerKind> {
    prop_oneof![Just(TimerKind::Connect), Just(TimerKind::Backoff), Just(TimerKind::Linger), Just(TimerKind::Close)]
}

fn throws() -> impl Strategy<Value = Throw> {
    prop_oneof![
        3 => wishes().prop_map(Throw::Wish),
        4 => Just(Throw::Grant),
        6 => (facts(), proptest::bool::weighted(0.9)).prop_map(|(fact, fresh)| Throw::Fact(fact, fresh)),
        3 => (ends(), proptest::bool::weighted(0.9)).prop_map(|(end, fresh)| Throw::End(end, fresh)),
        4 => (0_usize..8).prop_map(Throw::Timer),
        1 => kinds().prop_map(Throw::LateTimer),
        1 => (0_i64..4000).prop_map(Throw::Time),
    ]
}

/// Plays throws and watches what must hold between any two of them.
struct Referee {
    rig: Rig,
    /// Links that were opened and have neither ended nor been dropped.
    links: Vec<Generation>,
    last_opened: Generation,
    stored: Option<SessionRecord>,
}

impl Referee {
    fn new() -> Self {
        let mut referee = Self { rig: Rig::new(), links: Vec::new(), last_opened: Generation::default(), stored: None };
        referee.check_effects();
        referee
    }

    fn play(&mut self, throw: &Throw) {
        let before = self.rig.machine.clone();
        let Some(input) = self.input(throw) else { return };
        if let Input::Ended(generation, _) = &input {
            self.links.retain(|open| open != generation);
        }
        self.rig.give(input.clone());
        self.check_effects();
        self.check_move(&before, &input);
    }

    fn input(&mut self, throw: &Throw) -> Option<Input> {
        let machine = &self.rig.machine;
        let generation = |fresh: bool| if fresh { machine.generation } else { Generation::default() };
        match throw {
            Throw::Wish(wish) => Some(Input::Wish(wish.clone())),
            Throw::Grant => Some(Input::DialGranted),
            Throw::Fact(fact, fresh) => Some(Input::Fact(generation(*fresh), fact.clone())),
            Throw::End(end, fresh) => Some(Input::Ended(generation(*fresh), *end)),
            Throw::Timer(n) => {
                let (kind, number) = machine.timers.iter().nth(*n)?;
                Some(Input::Due(Timer { kind: *kind, number: *number }))
            }
            Throw::LateTimer(kind) => Some(Input::Due(Timer { kind: *kind, number: 0 })),
            Throw::Time(by) => {
                self.rig.now += TimeDelta::seconds(*by);
                None
            }
        }
    }

    fn check_effects(&mut self) {
        let mut published = false;
        for effect in self.rig.effects.clone() {
            match effect {
                Effect::Persist(record) | Effect::EraseCredentials(Some(record)) => {
                    assert!(!published, "persisted after it was shown");
                    self.stored = Some(record);
                }
                Effect::EraseCredentials(None) => assert!(!published, "erased after it was shown"),
                Effect::Publish(snapshot) => {
                    published = true;
                    self.check_durable(&snapshot);
                }
                Effect::OpenLink(generation) => {
                    assert_eq!(self.links, [], "a second link");
                    assert!(generation > self.last_opened, "generations never go back");
                    self.last_opened = generation;
                    self.links.push(generation);
                }
                Effect::DropLink => self.links.clear(),
                Effect::SetTimer(timer, after) if timer.kind == TimerKind::Backoff => {
                    assert!(after <= self.rig.machine.settings.backoff_max);
                }
                Effect::RequestDial | Effect::Command(_) | Effect::SetTimer(_, _) | Effect::ClearTimer(_) | Effect::Note(_) => {}
            }
        }
    }

    /// What is shown of a linked or final session is stored already.
    fn check_durable(&self, shown: &Snapshot) {
        let state = shown.view.state;
        if matches!(state, SessionState::Online | SessionState::Pairing) {
            let stored = self.stored.as_ref().expect("a paired session has a record");
            assert_eq!((stored.desired, &stored.own), (Desired::Online, &shown.view.own));
        }
        if state.is_final() {
            assert_eq!(self.stored.as_ref().map(|stored| stored.state), Some(state));
        }
    }

    fn check_move(&self, before: &Machine, input: &Input) {
        let machine = &self.rig.machine;
        let (from, to) = (before.state, machine.state);
        if to == SessionState::Online && from != SessionState::Online {
            let by_fact = matches!(input, Input::Fact(generation, LinkFact::Online(_)) if *generation == machine.generation);
            assert!(by_fact && before.slot == Slot::Open, "online by {input:?} in {:?}", before.slot);
        }
        if from.is_final() && to != from {
            let allowed = match input {
                Input::Wish(_) => true,
                Input::Due(timer) => matches!(timer.kind, TimerKind::ReplacedProbe | TimerKind::BanOver | TimerKind::RetryOutdated),
                Input::Begin | Input::DialGranted | Input::Fact(_, _) | Input::Ended(_, _) => false,
            };
            assert!(allowed, "{from:?} left for {to:?} by {input:?}");
        }
        if to.is_final() {
            assert!(matches!(machine.slot, Slot::Free | Slot::Closing { .. }), "a final state with a link: {to:?}");
        }
        assert_eq!(machine.passkey.is_some(), to == SessionState::AwaitingPasskey, "the passkey step is a state");
        let unpaired_and_alone = machine.own.is_none() && !machine.viewers && machine.slot == Slot::Open;
        if unpaired_and_alone {
            assert!(machine.timers.contains_key(&TimerKind::Linger), "an unpaired link without viewers stays for ever");
        }
        if machine.slot == Slot::Open && to != SessionState::Online {
            assert!(machine.timers.contains_key(&TimerKind::Connect), "nothing watches the link in {to:?}");
        }
        let proven = matches!(input, Input::Due(timer) if timer.kind == TimerKind::Stable);
        assert!(machine.losses >= before.losses || (proven && from == SessionState::Online), "the backoff began anew by {input:?}");
        self.check_calm(input);
    }

    /// People are kept from the news only while a linked session is on its way back, and only for a while.
    fn check_calm(&self, input: &Input) {
        let machine = &self.rig.machine;
        let armed = machine.timers.contains_key(&TimerKind::Calm);
        assert_eq!(machine.calm.is_some(), armed, "calm without an end after {input:?}");
        if machine.calm.is_some() {
            assert!(matches!(machine.state, SessionState::Connecting | SessionState::Backoff | SessionState::Deaf));
            assert!(machine.own.is_some(), "calm about an unpaired session after {input:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_machine_keeps_its_promises(throws in proptest::collection::vec(throws(), 1..80), dice in 0.0..1.0_f64) {
        let mut referee = Referee::new();
        referee.rig.dice = dice;
        for throw in &throws {
            referee.play(throw);
        }
    }

    #[test]
    fn after_any_history_a_drain_ends_with_no_link(throws in proptest::collection::vec(throws(), 1..60)) {
        let mut referee = Referee::new();
        for throw in &throws {
            referee.play(throw);
        }
        referee.rig.wish(Wish::Drain);
        if referee.rig.armed(TimerKind::Close) {
            referee.rig.due(TimerKind::Close);
        }
        prop_assert!(referee.rig.machine.drained());
    }

    #[test]
    fn a_restart_after_any_history_dials_exactly_what_is_linked_and_wanted(throws in proptest::collection::vec(throws(), 1..60)) {
        let mut referee = Referee::new();
        for throw in &throws {
            referee.play(throw);
        }
        let stored = referee.stored.clone();
        let wanted = stored.as_ref().is_some_and(|record| {
            record.desired == Desired::Online && !record.state.is_final() && record.own.is_some()
        });
        let mut later = origin(stored.clone());
        later.generation = referee.last_opened;
        let rig = Rig::of(later);
        let final_ban = stored.is_some_and(|record| record.state == SessionState::Banned);
        if !final_ban {
            prop_assert_eq!(rig.dials(), wanted);
        }
    }
}
