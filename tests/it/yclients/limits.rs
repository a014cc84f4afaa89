//! What YClients counts per address is never exceeded, and a person never waits for background work.

use std::sync::Arc;
use std::time::Duration;

use frontdesk::yclients::{CallError, Urgency};
use frontdesk_actors::ports::{Marketplace as _, MarketplaceError, PartnerApi as _};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Desk, limited, salon};

/// The short half of "the limiter's truth", over real sockets; the long half runs on a simulated clock in `src/yclients/gate/tests.rs`.
#[tokio::test]
async fn the_sandbox_never_sees_too_many_calls_while_a_chat_gets_through_at_once() {
    let desk = Desk::with(40, limited).await;
    desk.sandbox.yclients().limit_rates(true);
    let unhurried = desk.yclients.clone().unhurried();
    let mut background = JoinSet::new();
    for id in 1..=40 {
        let unhurried = unhurried.clone();
        background.spawn(async move { unhurried.installation_detail(salon(id)).await });
    }
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(12) {
        let asked = Instant::now();
        desk.api(7).services(None, None).await.expect("the services");
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    let mut done = 0;
    while let Some(one) = background.try_join_next() {
        assert!(one.expect("no panic").is_ok());
        done += 1;
    }
    assert!(done >= 10, "background work goes on meanwhile: {done}");
    assert!(slowest < Duration::from_secs(1), "a chat call took {slowest:?}");
    let stats = desk.sandbox.yclients().stats();
    assert_eq!(stats.limited, 0, "no 429");
    assert!(stats.most_in_a_second <= 5 && stats.most_in_a_minute <= 200, "{} {}", stats.most_in_a_second, stats.most_in_a_minute);
}

#[tokio::test]
async fn a_violation_of_the_limits_is_answered_with_429_and_a_pause() {
    let desk = Desk::open(1).await;
    desk.sandbox.yclients().limit_rates(true);
    let mut burst = JoinSet::new();
    for _ in 0..12 {
        let yclients = desk.yclients.clone();
        burst.spawn(async move { yclients.tariffs().await });
    }
    let answers = burst.join_all().await;
    assert!(desk.sandbox.yclients().stats().limited > 0, "without a limiter the sandbox refuses");
    assert!(answers.iter().any(Result::is_ok));
}

#[tokio::test]
async fn after_a_429_the_question_is_asked_again_once_the_pause_is_over() {
    let desk = Desk::with(1, limited).await;
    desk.fault(json!({"fault": "status", "code": 429, "retry_after": 1, "endpoint": "status", "times": 1}));
    let began = Instant::now();
    assert!(desk.yclients.installation(salon(1)).await.is_ok());
    assert!(began.elapsed() >= Duration::from_secs(1));
    desk.fault(json!({"fault": "status", "code": 429, "retry_after": 500, "endpoint": "status"}));
    let refused = desk.yclients.installation(salon(1)).await;
    assert_eq!(refused, Err(MarketplaceError::Retryable { after: Some(Duration::from_secs(500)) }), "told, not waited for");
}

#[tokio::test]
async fn a_service_that_fails_for_everybody_is_left_alone_and_then_tried_by_one() {
    let desk = Desk::open(6).await;
    desk.fault(json!({"fault": "status", "code": 503, "endpoint": "rest"}));
    for id in 1..=6 {
        assert!(desk.api(id).staff().await.is_err());
    }
    let before = desk.calls_to("/staff");
    let broken = desk.api(1).staff().await;
    assert!(matches!(broken, Err(CallError::Retryable { after: Some(_) })), "{broken:?}");
    assert_eq!(desk.calls_to("/staff"), before, "nothing is sent");
    assert!(desk.yclients.installation(salon(1)).await.is_ok(), "the marketplace is another base");
}

#[tokio::test]
async fn a_flood_is_answered_and_does_not_pile_up() {
    let desk = Desk::with(1, limited).await;
    desk.sandbox.yclients().limit_rates(true);
    let yclients = Arc::clone(&desk.yclients);
    let mut flood = JoinSet::new();
    for _ in 0..200 {
        let api = yclients.salon_api(salon(1), Urgency::Interactive);
        flood.spawn(async move { tokio::time::timeout(Duration::from_secs(5), api.categories()).await });
    }
    let answers = flood.join_all().await;
    let refused = answers.iter().filter(|answer| matches!(answer, Ok(Err(CallError::Retryable { .. })))).count();
    assert!(refused >= 100, "{refused} were told at once");
    assert_eq!(desk.sandbox.yclients().stats().limited, 0);
}
