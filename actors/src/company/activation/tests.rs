mod crashes;

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_168_800, 0).unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn window_end() -> DateTime<Utc> {
    now() + TimeDelta::minutes(60)
}

fn company() -> CompanyId {
    CompanyId::try_from(1).unwrap()
}

fn record(attempts: u32) -> ActivationRecord {
    ActivationRecord {
        company_id: company(),
        api_key: Secret::new("key"),
        webhook_secret: Some(Secret::new("secret")),
        attempts,
        started_at: now(),
        window_ends_at: window_end(),
    }
}

fn begin(ask_first: AskFirst) -> Input {
    Input::Begin { key: Secret::new("key"), webhook_secret: Some(Secret::new("secret")), window_ends_at: window_end(), ask_first }
}

/// The saga in the test's hand; commits succeed unless the test answers them.
struct Rig {
    saga: Activation,
    now: DateTime<Utc>,
    effect: Option<Effect>,
}

impl Rig {
    fn new() -> Self {
        Self { saga: Activation::new(company(), (seconds(2), seconds(300))), now: now(), effect: None }
    }

    /// Gives an input and lets every commit it leads to succeed.
    fn give(&mut self, input: Input) -> &mut Self {
        self.step(input);
        while let Some(Effect::Store(_)) = &self.effect {
            self.step(Input::Stored(true));
        }
        self
    }

    fn step(&mut self, input: Input) -> &mut Self {
        self.effect = self.saga.step(input, self.now, 1.0);
        self
    }

    fn calling() -> Self {
        let mut rig = Self::new();
        rig.give(begin(AskFirst::No));
        assert!(matches!(rig.effect, Some(Effect::Call { .. })));
        rig
    }

    #[track_caller]
    fn stores(&self, wanted: &Deed) {
        assert_eq!(self.effect, Some(Effect::Store(wanted.clone())));
    }
}

#[test]
fn a_person_ends_a_wait_but_not_one_that_yclients_asked_for() {
    for (after, patience) in [(None, 1), (Some(seconds(30)), 30)] {
        let mut rig = Rig::calling();
        rig.give(Input::Called(Err(ActivateError::Retryable { after })));
        assert!(matches!(rig.effect, Some(Effect::Wait(_))));
        rig.now = later(now(), seconds(patience)) - TimeDelta::milliseconds(1);
        rig.step(Input::Hurry);
        assert_eq!(rig.effect, None, "too early");
        rig.now += TimeDelta::milliseconds(1);
        rig.step(Input::Hurry).stores(&Deed::Attempt(record(2)));
        rig.step(Input::Hurry);
        assert_eq!(rig.effect, None, "nobody waits any more");
    }
}

#[test]
fn the_key_is_stored_then_the_attempt_and_only_then_comes_the_call() {
    let mut rig = Rig::new();
    rig.step(begin(AskFirst::No)).stores(&Deed::Begin(record(0), AskFirst::No));
    rig.step(Input::Stored(true)).stores(&Deed::Attempt(record(1)));
    rig.step(Input::Stored(true));
    assert_eq!(rig.effect, Some(Effect::Call { key: Secret::new("key"), webhook_secret: Some(Secret::new("secret")) }));
    rig.step(Input::Called(Ok(()))).stores(&Deed::Succeed(record(1)));
    rig.step(Input::Stored(true));
    assert!(!rig.saga.under_way());
}

#[test]
fn a_commit_that_fails_is_repeated_and_nothing_is_called_instead() {
    let mut rig = Rig::new();
    rig.step(begin(AskFirst::No)).step(Input::Stored(true)).step(Input::Stored(false));
    assert_eq!(rig.effect, Some(Effect::Wait(Duration::from_millis(100))));
    rig.step(Input::Due).stores(&Deed::Attempt(record(1)));
}

#[test]
fn each_outcome_of_the_call_has_its_own_consequence() {
    let mut rig = Rig::calling();
    rig.step(Input::Called(Err(ActivateError::AskStatus { status: Some(403) })));
    assert_eq!(rig.effect, Some(Effect::Ask));

    let mut rig = Rig::calling();
    rig.step(Input::Called(Err(ActivateError::Retryable { after: None })));
    assert_eq!(rig.effect, Some(Effect::Wait(seconds(2))));

    let mut rig = Rig::calling();
    rig.step(Input::Called(Err(ActivateError::Retryable { after: Some(seconds(77)) })));
    assert_eq!(rig.effect, Some(Effect::Wait(seconds(77))), "not before YClients says");

    let mut rig = Rig::calling();
    rig.step(Input::Called(Err(ActivateError::NotConfigured)));
    assert_eq!(rig.effect, Some(Effect::Wait(seconds(300))));

    let mut rig = Rig::calling();
    rig.step(Input::Called(Err(ActivateError::Final { status: 422 })));
    rig.stores(&Deed::Fail(record(1), FailReason::Refused { status: 422 }));
}

#[test]
fn each_answer_about_the_status_has_its_own_consequence() {
    let asked = || {
        let mut rig = Rig::calling();
        rig.give(Input::Called(Err(ActivateError::AskStatus { status: None })));
        rig
    };
    asked().step(Input::Answered(Ok(Installation::Active))).stores(&Deed::Succeed(record(1)));
    let fails = Deed::Fail(record(1), FailReason::NotInstalled);
    asked().step(Input::Answered(Ok(Installation::NotInstalled))).stores(&fails);
    asked().step(Input::Answered(Ok(Installation::Frozen))).stores(&fails);

    let mut rig = asked();
    rig.give(Input::Answered(Ok(Installation::Pending)));
    assert_eq!(rig.effect, Some(Effect::Wait(seconds(2))));
    rig.step(Input::Due).stores(&Deed::Attempt(record(2)));

    for unclear in
        [Ok(Installation::Unknown), Err(MarketplaceError::Retryable { after: None }), Err(MarketplaceError::Final { status: 401 })]
    {
        let mut rig = asked();
        rig.give(Input::Answered(unclear)).step(Input::Due);
        assert_eq!(rig.effect, Some(Effect::Ask), "still open: ask again, never call");
    }
}

#[test]
fn retries_end_with_the_window() {
    let mut rig = Rig::calling();
    rig.give(Input::Called(Err(ActivateError::Retryable { after: None })));
    rig.now = window_end() + TimeDelta::seconds(1);
    rig.step(Input::Due).stores(&Deed::Fail(record(1), FailReason::WindowOver));
}

#[test]
fn a_fresh_registration_lets_the_retries_go_on() {
    let mut rig = Rig::calling();
    rig.give(Input::Called(Err(ActivateError::Retryable { after: None })));
    rig.step(Input::Extend(window_end() + TimeDelta::minutes(30)));
    rig.now = window_end() + TimeDelta::seconds(1);
    rig.give(Input::Due);
    assert!(matches!(rig.effect, Some(Effect::Call { .. })));
}

#[test]
fn the_wait_between_calls_doubles_up_to_its_limit() {
    let mut rig = Rig::calling();
    let mut waits = Vec::new();
    for _ in 0..10 {
        rig.give(Input::Called(Err(ActivateError::Retryable { after: None })));
        let Some(Effect::Wait(wait)) = rig.effect else { panic!("no wait: {:?}", rig.effect) };
        waits.push(wait.as_secs());
        rig.give(Input::Due);
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
}

#[test]
fn after_a_restart_a_call_that_may_have_happened_is_asked_about_first_even_when_the_window_is_over() {
    let mut rig = Rig::new();
    rig.now = window_end() + TimeDelta::days(3);
    rig.step(Input::Resume(record(1)));
    assert_eq!(rig.effect, Some(Effect::Ask));
    rig.step(Input::Answered(Ok(Installation::Active))).stores(&Deed::Succeed(record(1)));
}

#[test]
fn after_a_restart_a_call_that_never_began_is_made_while_the_window_is_open() {
    let mut rig = Rig::new();
    rig.step(Input::Resume(record(0))).stores(&Deed::Attempt(record(1)));
    let mut rig = Rig::new();
    rig.now = window_end() + TimeDelta::seconds(1);
    rig.step(Input::Resume(record(0))).stores(&Deed::Fail(record(0), FailReason::WindowOver));
}

#[test]
fn a_salon_that_is_active_already_may_need_no_call() {
    let mut rig = Rig::new();
    rig.give(begin(AskFirst::Yes));
    assert_eq!(rig.effect, Some(Effect::Ask));
    rig.step(Input::Answered(Ok(Installation::Active))).stores(&Deed::Succeed(record(0)));
}

#[test]
fn there_is_one_saga_at_a_time_and_late_answers_change_nothing() {
    let mut rig = Rig::calling();
    rig.step(begin(AskFirst::No));
    assert_eq!(rig.effect, None);
    rig.step(Input::Answered(Ok(Installation::NotInstalled))).step(Input::Due).step(Input::Stored(true));
    assert_eq!(rig.effect, None);
    assert_eq!(rig.saga.view(), Some(ActivationView::Activating));
    rig.step(Input::Abandon);
    rig.step(Input::Called(Ok(())));
    assert!(!rig.saga.under_way() && rig.effect.is_none());
}
