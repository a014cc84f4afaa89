//! Ways to link, and what the linked account is allowed.

use std::time::Duration;

use frontdesk_actors::company::{PairingError, PasskeyError};
use frontdesk_actors::events::{Fact, PasskeyStep};
use frontdesk_actors::ids::Secret;
use frontdesk_actors::ports::{LinkCommand, LinkEnd, LinkFact, LossKind, PasskeyAssertion, PasskeyFailure};
use frontdesk_actors::testing::{LinkScript, World, account, until, until_state};
use frontdesk_actors::view::{CapLevel, LimitKind, LinkNumbers, NewChatCap, PasskeyStage, SessionState, StateReason, Timelock};

use crate::faults::active_salon;

const GRACE: Duration = Duration::from_secs(10);

fn assertion() -> PasskeyAssertion {
    PasskeyAssertion { credential_id: vec![1], json: Secret::new("{}") }
}

fn asked() -> LinkFact {
    LinkFact::PasskeyRequested { options: Secret::new("{}"), valid_for: Duration::from_secs(100) }
}

fn passkey_steps(world: &World) -> Vec<PasskeyStep> {
    let facts = world.sink.facts();
    facts.iter().filter_map(|fact| if let Fact::PasskeyMoved { step, .. } = fact { Some(*step) } else { None }).collect()
}

/// Sessions limited in this way, as a gauge of these facts would show.
fn limited(world: &World, wanted: LimitKind) -> i32 {
    let facts = world.sink.facts();
    let moves = facts.iter().filter_map(|fact| match fact {
        Fact::SessionLimited { kind, limited, .. } if *kind == wanted => Some(if *limited { 1 } else { -1 }),
        _ => None,
    });
    moves.sum()
}

#[tokio::test(start_paused = true)]
async fn an_owner_with_a_passkey_hands_it_in_and_compares_codes() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    assert_eq!(company.passkey_response(assertion()).await, Err(PasskeyError::NotExpected));
    let link = world.connector.link(company.company_id()).await;
    link.say(asked());
    until_state(&company, SessionState::AwaitingPasskey).await;
    assert_eq!(company.passkey_confirm().await, Err(PasskeyError::NotExpected));
    company.passkey_response(assertion()).await.unwrap();
    until(&company, |view| view.session.passkey.as_ref().is_some_and(|passkey| passkey.stage == PasskeyStage::Checking)).await;
    assert_eq!(company.passkey_response(assertion()).await, Err(PasskeyError::NotExpected), "one answer");
    link.say(LinkFact::PasskeyCode(Secret::new("WXYZ-1234")));
    let view = until(&company, |view| view.session.passkey.as_ref().is_some_and(|passkey| passkey.code.is_some())).await;
    assert_eq!(view.session.passkey.unwrap().code, Some(Secret::new("WXYZ-1234")));
    company.passkey_confirm().await.unwrap();
    link.scan(account(1));
    until_state(&company, SessionState::Online).await;
    let said = world.connector.commands(company.company_id());
    assert!(said.contains(&LinkCommand::PasskeyResponse(assertion())) && said.contains(&LinkCommand::PasskeyConfirm));
    assert_eq!(passkey_steps(&world), [PasskeyStep::Requested, PasskeyStep::Answered, PasskeyStep::Confirmed]);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_passkey_step_nobody_answers_ends_by_itself_with_a_new_code() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    world.connector.link(company.company_id()).await.say(asked());
    until_state(&company, SessionState::AwaitingPasskey).await;
    let begun = tokio::time::Instant::now();
    let view = until_state(&company, SessionState::AwaitingScan).await;
    assert!((100..102).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(view.session.reason, Some(StateReason::PasskeyTimedOut));
    assert_eq!(passkey_steps(&world), [PasskeyStep::Requested, PasskeyStep::Failed(PasskeyFailure::TimedOut)]);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_passkey_request_answers_who_waits_for_a_pairing_code() {
    let world = World::new();
    world.connector.script_all(LinkScript::qr().mute());
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let asking = tokio::spawn({
        let company = company.clone();
        async move { company.request_pairing_code(account(5).phone).await }
    });
    until_state(&company, SessionState::AwaitingScan).await;
    world.connector.link(company.company_id()).await.say(asked());
    assert_eq!(asking.await.unwrap(), Err(PairingError::Failed));
    assert_eq!(company.view().session.state, SessionState::AwaitingPasskey);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_code_has_its_own_cause() {
    let world = World::new();
    world.connector.script_all(LinkScript::qr().mute());
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let asking = tokio::spawn({
        let company = company.clone();
        async move { company.request_pairing_code(account(5).phone).await }
    });
    until_state(&company, SessionState::AwaitingScan).await;
    world.connector.link(company.company_id()).await.say(LinkFact::PairingCodeFailed { throttled: true });
    assert_eq!(asking.await.unwrap(), Err(PairingError::TooMany { retry_after: None }));
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::PairingCodeFailed { throttled: true, .. })), 1);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn limits_are_shown_at_once_counted_and_forgotten_with_a_crash() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let link = world.connector.link(company.company_id()).await;
    let ends_at = Some(world.ports().clock.now() + chrono::TimeDelta::hours(1));
    let told = tokio::time::Instant::now();
    link.say(LinkFact::Timelock(Some(Timelock { ends_at })));
    let view = until(&company, |view| view.session.limits.cold_sends_stopped()).await;
    assert!(told.elapsed() < Duration::from_secs(1) && view.connected());
    assert_eq!(view.session.limits.unlock_at(), ends_at);
    assert_eq!(limited(&world, LimitKind::Timelock), 1);
    link.say(LinkFact::Timelock(None));
    until(&company, |view| view.session.limits.cold_sends_allowed()).await;
    assert_eq!(limited(&world, LimitKind::Timelock), 0);

    let capped = NewChatCap { level: CapLevel::Capped, used: Some(5), total: Some(5), renews_at: None };
    link.say(LinkFact::NewChatCap(Some(capped)));
    until(&company, |view| view.session.limits.has(LimitKind::Capped)).await;
    assert_eq!(limited(&world, LimitKind::Capped), 1);
    let id = company.company_id();
    world.sink.panic_on(1, move |fact| matches!(fact, Fact::LinkMeasured { company, .. } if *company == id));
    link.say(LinkFact::Measured(LinkNumbers::default()));
    until(&company, |view| !view.connected()).await;
    let view = until(&company, |view| view.connected()).await;
    assert!(!view.session.limits.known, "WhatsApp is asked again");
    assert_eq!(limited(&world, LimitKind::Capped), 0);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_limited_session_that_loses_its_link_stays_limited_and_one_that_is_drained_counts_no_more() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let link = world.connector.link(company.company_id()).await;
    link.say(LinkFact::Timelock(Some(Timelock { ends_at: None })));
    until(&company, |view| view.session.limits.cold_sends_stopped()).await;
    link.end(LinkEnd::Lost(LossKind::Disconnected));
    let view = until(&company, |view| view.connected() && view.session.generation > link.generation()).await;
    assert!(view.session.limits.cold_sends_stopped(), "until WhatsApp says otherwise");
    assert_eq!((view.session.link.dialled, view.session.link.last_end), (3, Some("disconnected")));
    assert_eq!(limited(&world, LimitKind::Timelock), 1);
    fleet.drain(GRACE).await;
    assert_eq!(limited(&world, LimitKind::Timelock), 0);
}
