//! Limits of the account and numbers of its links.

use super::*;
use crate::view::{CapLevel, Limits, NewChatCap};

fn limits(rig: &Rig) -> Limits {
    rig.machine.snapshot().view.limits
}

fn capped() -> LinkFact {
    LinkFact::NewChatCap(Some(NewChatCap { level: CapLevel::Capped, used: Some(5), total: Some(5), renews_at: None }))
}

#[test]
fn a_lock_on_first_messages_stops_them_at_once_and_leaves_the_session_online() {
    let mut rig = Rig::online();
    assert!(!limits(&rig).cold_sends_allowed(), "nobody has asked WhatsApp yet");
    rig.say(LinkFact::Timelock(None)).say(LinkFact::NewChatCap(None));
    assert!(limits(&rig).cold_sends_allowed());
    rig.say(timelock(Some(3600)));
    rig.is(SessionState::Online, None);
    assert!(limits(&rig).cold_sends_stopped() && rig.did(|effect| matches!(effect, Effect::Publish(_))), "in the same step");
    assert_eq!(limits(&rig).unlock_at(), Some(start() + TimeDelta::hours(1)));
    assert_eq!(rig.persisted(), None, "it is WhatsApp's to remember");
    rig.say(LinkFact::Timelock(None));
    assert!(limits(&rig).cold_sends_allowed());
}

#[test]
fn whatsapp_is_asked_when_a_lock_should_be_over_and_it_alone_ends_it() {
    let mut rig = Rig::online();
    rig.say(timelock(Some(3600)));
    assert_eq!(rig.wait(TimerKind::Unlock), seconds(3600));
    rig.now += TimeDelta::hours(1);
    rig.due(TimerKind::Unlock);
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::Probe)));
    assert!(limits(&rig).cold_sends_stopped());
    rig.say(LinkFact::ProbeAnswered).say(timelock(Some(3600)));
    assert!(!rig.armed(TimerKind::Unlock), "a moment that has passed is not waited for");
    rig.say(LinkFact::Timelock(None));
    assert!(!limits(&rig).cold_sends_stopped());
}

#[test]
fn limits_outlive_a_lost_link_but_must_be_asked_for_again() {
    let mut rig = Rig::online();
    rig.say(timelock(None)).say(capped()).end(LinkEnd::Lost(LossKind::Disconnected));
    assert!(limits(&rig).cold_sends_stopped());
    rig.due(TimerKind::Backoff).give(Input::DialGranted).say(LinkFact::Online(own()));
    assert!(limits(&rig).cold_sends_stopped() && !limits(&rig).known);
    rig.say(LinkFact::Timelock(None)).say(LinkFact::NewChatCap(None));
    assert!(limits(&rig).cold_sends_allowed());
}

#[test]
fn another_account_does_not_inherit_limits() {
    let mut rig = Rig::online();
    rig.say(timelock(None)).end(LinkEnd::LoggedOut);
    assert_eq!(limits(&rig), Limits::default());
}

#[test]
fn samples_of_links_are_added_up_and_the_last_one_may_come_while_the_link_closes() {
    let mut rig = Rig::online();
    let sample = |bytes_sent| LinkFact::Measured(LinkNumbers { bytes_sent, ..LinkNumbers::default() });
    let news = |rig: &Rig| {
        let found = rig.effects.iter().find_map(|effect| match effect {
            Effect::Note(Note::Measured(numbers)) => Some(numbers.bytes_sent),
            _ => None,
        });
        found.expect("measured")
    };
    let mut told = vec![news(rig.say(sample(100))), news(rig.say(sample(130)))];
    rig.end(LinkEnd::Lost(LossKind::Disconnected)).due(TimerKind::Backoff).give(Input::DialGranted);
    rig.say(LinkFact::Online(own()));
    told.push(news(rig.say(sample(20))));
    rig.wish(Wish::Stop(StateReason::Stopped));
    told.push(news(rig.say(sample(25))));
    rig.end(LinkEnd::Closed);
    assert_eq!(told, [100, 30, 20, 5]);
    let link = rig.machine.snapshot().view.link;
    assert_eq!((link.numbers.bytes_sent, link.dialled, link.last_end), (155, 2, Some("closed")));
    assert_eq!(link.ended.into_iter().collect::<Vec<_>>(), [("closed", 1), ("disconnected", 1)]);
}
