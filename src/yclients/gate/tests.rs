//! The gate as its callers see it, on tokio's paused clock.

use std::num::NonZeroU32;

use super::*;

const YCLIENTS: Limits = Limits { per_second: NonZeroU32::new(5), per_minute: NonZeroU32::new(200) };

/// An ordinary answer of YClients.
const LATENCY: Duration = Duration::from_millis(80);

fn salon(id: u64) -> Option<SalonId> {
    SalonId::try_from(id).ok()
}

async fn call(gate: &Gate, urgency: Urgency, salon: Option<SalonId>) -> Instant {
    let pass = gate.enter(Base::Marketplace, urgency, salon, Duration::from_secs(3600)).await.expect("a place");
    let arrived = Instant::now();
    tokio::time::sleep(LATENCY).await;
    pass.end(Outcome::Answered);
    arrived
}

fn most_within(arrivals: &[Instant], window: Duration) -> usize {
    let counted = |at: &Instant| arrivals.iter().filter(|other| **other <= *at && *at - **other < window).count();
    arrivals.iter().map(counted).max().unwrap_or(0)
}

/// The long half of "the limiter's truth": a thousand salons reconcile, people chat meanwhile. The short half, over real sockets, is in tests/it.
#[tokio::test(start_paused = true)]
async fn a_thousand_salons_reconcile_while_every_chat_call_gets_through_within_a_second() {
    let gate = std::sync::Arc::new(Gate::open(YCLIENTS));
    let began = Instant::now();
    let mut background = JoinSet::new();
    for id in 1..=1_000 {
        let gate = gate.clone();
        background.spawn(async move { call(&gate, Urgency::Background, salon(id)).await });
    }
    let mut arrivals = Vec::new();
    let mut slowest = Duration::ZERO;
    while background.len() > 1 {
        tokio::time::sleep(Duration::from_millis(1_700)).await;
        let asked = Instant::now();
        let arrived = call(&gate, Urgency::Interactive, salon(7)).await;
        slowest = slowest.max(asked.elapsed());
        arrivals.push(arrived);
        while let Some(done) = background.try_join_next() {
            arrivals.push(done.expect("it got through"));
        }
    }
    arrivals.extend(background.join_all().await);
    arrivals.sort_unstable();
    assert!(slowest < Duration::from_secs(1), "a chat call took {slowest:?}");
    assert!(most_within(&arrivals, Duration::from_secs(1)) <= 5);
    assert!(most_within(&arrivals, Duration::from_secs(60)) <= 200);
    assert!(began.elapsed() < Duration::from_secs(15 * 60), "1,000 salons took {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_in_time_is_told_and_a_flood_is_answered() {
    let one = Limits { per_second: NonZeroU32::new(1), per_minute: None };
    let gate = std::sync::Arc::new(Gate::open(one));
    let _first = gate.enter(Base::Api, Urgency::Interactive, None, Duration::from_secs(1)).await.expect("a place");
    let late = gate.enter(Base::Api, Urgency::Interactive, None, Duration::from_millis(300)).await;
    assert_eq!(late.err(), Some(Turned::TooLate));
    let mut flood = JoinSet::new();
    for _ in 0..100 {
        let gate = gate.clone();
        flood.spawn(async move { gate.enter(Base::Api, Urgency::Interactive, salon(1), Duration::from_secs(1)).await.err() });
    }
    let answers = flood.join_all().await;
    assert!(answers.iter().filter(|answer| **answer == Some(Turned::Full)).count() >= 60, "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_429_nobody_asks_until_the_pause_is_over() {
    let gate = Gate::open(YCLIENTS);
    let began = Instant::now();
    gate.hold(Duration::from_secs(7));
    let pass = gate.enter(Base::Api, Urgency::Interactive, None, Duration::from_secs(60)).await.expect("a place");
    assert!(began.elapsed() >= Duration::from_secs(7));
    pass.end(Outcome::Answered);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_in_the_middle_of_a_probe_does_not_keep_the_base_shut() {
    let gate = Gate::open(Limits::default());
    for id in 1..=5 {
        let pass = gate.enter(Base::Api, Urgency::Interactive, salon(id), Duration::from_secs(1)).await.expect("a place");
        pass.end(Outcome::Failed);
    }
    let refused = gate.enter(Base::Api, Urgency::Interactive, None, Duration::from_secs(1)).await;
    let Some(Turned::Broken { again_in }) = refused.err() else { panic!("the base is left alone") };
    tokio::time::sleep(again_in).await;
    let probe = gate.enter(Base::Api, Urgency::Interactive, None, Duration::from_secs(1)).await.expect("the probe");
    drop(probe);
    let next = gate.enter(Base::Api, Urgency::Interactive, None, Duration::from_secs(1)).await.expect("another probe");
    next.end(Outcome::Answered);
    assert!(gate.enter(Base::Api, Urgency::Interactive, None, Duration::from_secs(1)).await.is_ok());
}
