//! What owners, YClients and operators want of a session.

use super::*;

#[test]
fn codes_run_out_five_times_and_then_the_page_suggests_the_pairing_code() {
    let mut rig = Rig::scanning();
    for round in 1..=5 {
        rig.end(LinkEnd::QrExhausted);
        rig.is(SessionState::Idle, Some(StateReason::QrExhausted));
        let suggested = rig.machine.snapshot().view.action;
        let expected = if round < 5 { NextStep::RequestQr } else { NextStep::UsePairingCode };
        assert_eq!(suggested, Some(expected), "round {round}");
        rig.wish(Wish::Viewers(true));
        assert!(!rig.dials(), "a new tab does not start a new round by itself");
        rig.wish(Wish::ShowQr).give(Input::DialGranted).say(qr(1));
    }
}

#[test]
fn an_unpaired_link_lingers_without_viewers_and_coming_back_resumes_it() {
    let mut rig = Rig::scanning();
    rig.wish(Wish::Viewers(false));
    assert_eq!(rig.wait(TimerKind::Linger), seconds(120));
    rig.wish(Wish::Viewers(true));
    assert!(!rig.armed(TimerKind::Linger));
    rig.wish(Wish::Viewers(false)).due(TimerKind::Linger);
    rig.is(SessionState::Idle, Some(StateReason::OwnerLeft));
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::Close)));
    rig.wish(Wish::Viewers(true));
    rig.is(SessionState::Connecting, None);
    assert!(!rig.dials(), "not before the old link is gone");
    rig.end(LinkEnd::Closed);
    assert!(rig.dials());
}

#[test]
fn a_paired_session_does_not_care_who_looks() {
    let mut rig = Rig::online();
    rig.wish(Wish::Viewers(true)).wish(Wish::Viewers(false));
    assert!(!rig.armed(TimerKind::Linger));
    rig.is(SessionState::Online, None);
}

#[test]
fn a_scan_in_the_moment_the_owner_left_still_counts() {
    let mut rig = Rig::scanning();
    rig.wish(Wish::Viewers(false)).due(TimerKind::Linger).say(LinkFact::Paired(own()));
    assert_eq!(rig.persisted().unwrap().desired, Desired::Online);
    rig.end(LinkEnd::Closed);
    assert!(rig.dials());
}

#[test]
fn a_pairing_code_is_asked_for_once_a_code_is_on_offer_and_no_qr_takes_it_away() {
    let mut rig = Rig::new();
    rig.wish(Wish::PairingCode(phone())).give(Input::DialGranted);
    let asks = |effect: &Effect| *effect == Effect::Command(LinkCommand::RequestPairingCode(phone()));
    assert!(!rig.did(asks));
    rig.say(qr(1));
    assert!(rig.did(asks));
    rig.say(qr(2));
    assert!(!rig.did(asks), "one wish, one request");
    rig.say(code());
    rig.is(SessionState::AwaitingCode, None);
    rig.say(qr(3));
    rig.is(SessionState::AwaitingCode, None);
    rig.wish(Wish::CancelPairing);
    rig.is(SessionState::AwaitingScan, None);
    assert_eq!(rig.machine.snapshot().view.qr.unwrap().attempt, 3);
}

#[test]
fn an_expired_pairing_code_gives_way_to_qr() {
    let mut rig = Rig::scanning();
    rig.wish(Wish::PairingCode(phone())).say(code());
    rig.now += TimeDelta::seconds(180);
    rig.due(TimerKind::CodeOver);
    rig.is(SessionState::Connecting, None);
    rig.say(qr(4));
    rig.is(SessionState::AwaitingScan, None);
}

#[test]
fn a_frozen_session_keeps_its_credentials_and_a_removed_one_logs_out() {
    let mut rig = Rig::online();
    rig.wish(Wish::Stop(StateReason::Frozen));
    let stored = rig.persisted().unwrap();
    assert_eq!((stored.desired, stored.own.clone()), (Desired::Stopped, Some(own())));
    rig.end(LinkEnd::Closed);
    assert!(rig.machine.at_rest() && !rig.dials());
    rig.wish(Wish::Renew);
    assert!(rig.dials(), "unfrozen: restored");

    let mut rig = Rig::online();
    rig.wish(Wish::Stop(StateReason::Uninstalled));
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::LogOut)));
    assert_eq!(rig.persisted(), None, "the company erases everything itself");
}

#[test]
fn a_link_that_does_not_close_is_dropped() {
    let mut rig = Rig::online();
    rig.wish(Wish::Stop(StateReason::Stopped));
    assert!(!rig.machine.at_rest());
    rig.due(TimerKind::Close);
    assert!(rig.did(|effect| *effect == Effect::DropLink) && rig.machine.at_rest());
}

#[test]
fn logging_out_erases_after_the_link_is_gone() {
    let mut rig = Rig::online();
    rig.wish(Wish::LogOut);
    assert!(!rig.did(|effect| matches!(effect, Effect::EraseCredentials(_))));
    rig.end(LinkEnd::LoggedOut);
    assert!(matches!(rig.effects[0], Effect::EraseCredentials(Some(_))));
    rig.is(SessionState::LoggedOut, Some(StateReason::Stopped));
}

#[test]
fn stopping_and_starting_is_no_way_around_a_ban() {
    let mut rig = Rig::online();
    rig.end(LinkEnd::Banned { expires_in: Some(seconds(3600)) });
    rig.wish(Wish::Stop(StateReason::Stopped)).wish(Wish::Reconnect);
    rig.is(SessionState::Banned, Some(StateReason::TemporaryBan));
    assert!(!rig.dials() && rig.armed(TimerKind::BanOver));
}

#[test]
fn credentials_that_turn_void_while_the_link_closes_are_erased_and_not_dialled_with() {
    let mut rig = Rig::scanning();
    rig.wish(Wish::Viewers(false)).due(TimerKind::Linger).say(LinkFact::Paired(own()));
    rig.end(LinkEnd::LoggedOut);
    rig.is(SessionState::LoggedOut, Some(StateReason::DeviceRemoved));
    assert!(!rig.dials() && matches!(rig.effects[0], Effect::EraseCredentials(Some(_))));
}

#[test]
fn a_log_out_that_was_cut_off_is_finished_by_the_next_start() {
    let mut rig = Rig::online();
    rig.wish(Wish::LogOut);
    let linked = rig.persisted().cloned().expect("logged out is stored before the link is gone");
    assert!(linked.own.is_some());
    let unlinked = SessionRecord { own: None, ..linked.clone() };
    for (stored, credentials, erases) in [(linked, None, true), (unlinked.clone(), Some(own()), true), (unlinked, None, false)] {
        for held in [None, Some(StateReason::Frozen)] {
            let rig = Rig::of(Origin { credentials: credentials.clone(), held, ..origin(Some(stored.clone())) });
            assert!(!rig.dials() && !rig.machine.linked());
            assert_eq!(rig.did(|effect| matches!(effect, Effect::EraseCredentials(Some(record)) if record.own.is_none())), erases);
        }
    }
}
