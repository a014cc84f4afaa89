//! How a session comes back by itself: when, how often, and what people hear of it.

use super::*;

fn lost() -> LinkEnd {
    LinkEnd::Lost(LossKind::Disconnected)
}

fn shown(rig: &Rig) -> SessionState {
    rig.machine.snapshot().view.for_people().state
}

#[test]
fn a_service_that_says_515_after_every_login_is_not_dialled_in_a_loop() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::RestartRequired);
    assert!(rig.dials(), "the first time at once");
    for _ in 0..5 {
        rig.give(Input::DialGranted).say(LinkFact::Online(own())).end(LinkEnd::RestartRequired);
        rig.is(SessionState::Backoff, Some(StateReason::RestartRequired));
        rig.due(TimerKind::Backoff);
    }
    rig.give(Input::DialGranted).say(LinkFact::Online(own())).due(TimerKind::Stable).end(LinkEnd::RestartRequired);
    assert!(rig.dials(), "a link that stood for a while has its one immediate reconnect again");
}

#[test]
fn a_flapping_link_waits_longer_each_time_however_often_it_comes_online() {
    let mut rig = Rig::online();
    let mut longest = Duration::ZERO;
    for _ in 0..40 {
        rig.end(lost());
        longest = rig.wait(TimerKind::Backoff);
        rig.due(TimerKind::Backoff).give(Input::DialGranted).say(LinkFact::Online(own()));
    }
    assert_eq!(longest, rig.machine.settings.backoff_max);
}

#[test]
fn the_wait_is_drawn_from_the_whole_span() {
    for (dice, wait) in [(0.0, 0), (0.5, 16), (0.999_999, 31)] {
        let mut rig = Rig::online();
        rig.machine.losses = 5;
        rig.dice = dice;
        rig.end(lost());
        assert_eq!(rig.wait(TimerKind::Backoff).as_secs(), wait, "dice {dice}");
    }
}

#[test]
fn people_hear_of_a_loss_only_when_it_lasts() {
    let mut rig = Rig::online();
    rig.now += TimeDelta::hours(1);
    rig.end(lost());
    let view = rig.machine.snapshot().view;
    assert_eq!(view.state, SessionState::Backoff, "machines hear it at once");
    let people = view.for_people();
    assert_eq!((people.state, people.reason, people.since), (SessionState::Online, None, start()));
    rig.due(TimerKind::Backoff).give(Input::DialGranted);
    assert_eq!(shown(&rig), SessionState::Online);
    rig.due(TimerKind::Calm);
    assert_eq!(shown(&rig), SessionState::Connecting);
    rig.say(LinkFact::Online(own()));
    rig.end(lost()).due(TimerKind::Backoff).give(Input::DialGranted).say(LinkFact::Online(own()));
    assert!(!rig.armed(TimerKind::Calm), "back in time: nothing is left of it");
    assert_eq!(rig.machine.snapshot().view.calm, None);
}

#[test]
fn what_does_not_pass_by_itself_is_told_at_once() {
    let ends = [
        (LinkEnd::Replaced, SessionState::Replaced),
        (LinkEnd::LoggedOut, SessionState::LoggedOut),
        (LinkEnd::Locked, SessionState::Banned),
        (LinkEnd::Outdated, SessionState::Outdated),
    ];
    for (end, state) in ends {
        let mut rig = Rig::online();
        rig.end(lost()).due(TimerKind::Backoff).give(Input::DialGranted).end(end);
        assert_eq!(shown(&rig), state);
        assert!(!rig.armed(TimerKind::Calm));
    }
    let mut rig = Rig::online();
    rig.wish(Wish::Stop(StateReason::Stopped));
    assert_eq!(shown(&rig), SessionState::Idle);
}

#[test]
fn a_session_that_was_not_online_has_nothing_to_keep_quiet_about() {
    let mut rig = Rig::scanning();
    rig.end(lost());
    assert_eq!(shown(&rig), SessionState::Backoff);
    let mut rig = Rig::of(origin(Some(record(SessionState::Online, Desired::Online, true))));
    rig.give(Input::DialGranted).end(lost());
    assert_eq!(shown(&rig), SessionState::Backoff);
}

#[test]
fn a_doubt_probes_at_once_and_once() {
    let mut rig = Rig::online();
    rig.say(LinkFact::Doubtful);
    let probes = |effect: &Effect| *effect == Effect::Command(LinkCommand::Probe);
    assert!(rig.did(probes));
    rig.say(LinkFact::Doubtful);
    assert!(!rig.did(probes), "one is under way");
    rig.say(LinkFact::ProbeUnanswered).say(LinkFact::ProbeUnanswered);
    rig.is(SessionState::Deaf, Some(StateReason::NotAnswering));
    let mut rig = Rig::scanning();
    rig.say(LinkFact::Doubtful);
    assert!(!rig.did(probes), "only an online session claims to hear");
}

#[test]
fn an_outdated_client_tries_again_after_its_time_with_the_version_of_that_day() {
    let mut rig = Rig::online();
    rig.dice = 0.0;
    rig.end(LinkEnd::Outdated);
    assert!(!rig.dials());
    assert_eq!(rig.wait(TimerKind::RetryOutdated), seconds(3600));
    assert_eq!(rig.machine.retry_at, Some(start() + TimeDelta::hours(1)));
    rig.due(TimerKind::RetryOutdated);
    assert!(rig.dials());
    rig.is(SessionState::Connecting, Some(StateReason::ClientOutdated));
    rig.give(Input::DialGranted).end(LinkEnd::Outdated);
    assert!(rig.armed(TimerKind::RetryOutdated), "and again");
    rig.wish(Wish::Reconnect);
    assert!(rig.dials(), "a person need not wait");
    assert!(!rig.armed(TimerKind::RetryOutdated));
}

#[test]
fn a_restart_long_after_the_refusal_tries_the_new_version_at_once() {
    let stored = Some(record(SessionState::Outdated, Desired::Online, true));
    let mut late = Rig { machine: Machine::new(origin(stored)), now: start() + TimeDelta::hours(5), dice: 0.0, effects: Vec::new() };
    late.give(Input::Begin);
    assert_eq!(late.wait(TimerKind::RetryOutdated), Duration::ZERO);
}

#[test]
fn who_was_banned_together_comes_back_spread_out_and_not_before_the_end() {
    let waits = [0.0, 0.5, 1.0].map(|dice| {
        let mut rig = Rig::online();
        rig.dice = dice;
        rig.end(LinkEnd::Banned { expires_in: Some(seconds(3600)) });
        rig.wait(TimerKind::BanOver).as_secs()
    });
    assert_eq!(waits, [3600, 3630, 3660]);
}

#[test]
fn two_programs_that_take_turns_do_not_go_on_for_ever() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::Replaced).due(TimerKind::ReplacedProbe).give(Input::DialGranted).say(LinkFact::Online(own()));
    rig.now += TimeDelta::hours(3);
    rig.due(TimerKind::Stable).end(LinkEnd::Replaced);
    assert!(!rig.armed(TimerKind::ReplacedProbe), "taken over again on the same day");
    rig.wish(Wish::Reconnect).give(Input::DialGranted).say(LinkFact::Online(own()));
    rig.end(LinkEnd::Replaced).due(TimerKind::ReplacedProbe).give(Input::DialGranted).say(LinkFact::Online(own()));
    rig.now += TimeDelta::hours(25);
    rig.end(LinkEnd::Replaced);
    assert!(rig.armed(TimerKind::ReplacedProbe), "another day, another story");
}

#[test]
fn an_operators_restart_closes_the_link_in_good_order_and_opens_another() {
    let mut rig = Rig::online();
    rig.wish(Wish::Restart);
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::Close)));
    assert!(!rig.dials(), "not before the old link is gone");
    assert_eq!(shown(&rig), SessionState::Online, "no alarm for the owner");
    rig.end(LinkEnd::Closed);
    assert!(rig.dials());
    rig.give(Input::DialGranted).say(LinkFact::Online(own())).end(LinkEnd::Replaced).wish(Wish::Restart);
    assert!(rig.dials(), "what was taken over is taken back");
    let mut rig = Rig::scanning();
    rig.wish(Wish::Restart).end(LinkEnd::Closed);
    assert!(rig.dials(), "fresh codes");
}

#[test]
fn a_restart_does_not_forget_that_the_one_probe_was_made() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::Replaced).due(TimerKind::ReplacedProbe);
    assert_eq!(rig.persisted().expect("the probe is stored before it is made").probed_at, Some(start()));
    rig.give(Input::DialGranted).say(LinkFact::Online(own())).end(LinkEnd::Replaced);
    let stored = rig.persisted().cloned();
    let again = |hours: i64| {
        let now = start() + TimeDelta::hours(hours);
        let stored = stored.clone().map(|record| SessionRecord { since: now, ..record });
        let origin = Origin { now, ..origin(stored) };
        let mut rig = Rig { machine: Machine::new(origin), now, dice: 1.0, effects: Vec::new() };
        rig.give(Input::Begin);
        rig.is(SessionState::Replaced, Some(StateReason::StreamReplaced));
        rig
    };
    let mut lately = again(23);
    assert!(!lately.armed(TimerKind::ReplacedProbe));
    assert_eq!(lately.machine.retry_at, None);
    assert!(again(24).armed(TimerKind::ReplacedProbe), "another day, another story");
    lately.wish(Wish::Reconnect);
    assert!(lately.dials());
    assert_eq!(lately.persisted().unwrap().probed_at, None, "taken back by a person: one probe again");
}
