//! The activation saga: key → stored → YClients called → active. A pure machine; at most one per company.
//!
//! ```text
//!  Idle ─ begin ─▶ Storing(Begin) ─▶ Storing(Attempt n) ─▶ Calling ─ ok ──────────────▶ Storing(Succeed) ─▶ Idle, active
//!                       │                  ▲                 │  │                             ▲
//!                       │ YClients active  │ wait is over,   │  └ certainly not, retryable    │
//!                       │ already          │ window open     │           ▼                    │ active
//!                       ▼                  └───────────── Waiting(Call) ◀── pending ─── Asking ◀─ resume with attempts > 0
//!                     Asking                                 │                          │  ▲
//!                                               window over  ▼        not installed     │  └ can't be asked: Waiting(Ask)
//!                                             Storing(Fail) ◀───────────────────────────┘
//! ```
//!
//! What must hold: before each call the number of attempts is durable, so after a crash a call that may have happened is never repeated
//! before the status was asked; a commit that fails is repeated, nothing is called or shown instead.

#[cfg(test)]
mod tests;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::{CompanyId, Secret};
use crate::ports::{ActivateError, Installation, MarketplaceError};
use crate::records::ActivationRecord;
use crate::restart::doubled;
use crate::view::ActivationView;

/// An open question (did the call happen?) is asked this long after the window closed, because YClients may be active.
const ASK_AFTER_WINDOW: TimeDelta = TimeDelta::hours(24);
/// A person who asks can't make the calls come faster than this.
const HURRY_AFTER: Duration = Duration::from_secs(1);
/// First wait before a failed commit is repeated, and the longest.
const STORE_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// One commit of the saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The key and status `activating`. `ask_first`: YClients is active already.
    Begin(ActivationRecord, AskFirst),
    /// One more call is about to be made.
    Attempt(ActivationRecord),
    /// Status `active`, the key only as a hash, the timeline.
    Succeed(ActivationRecord),
    /// Status `activation_failed`, no key, the timeline.
    Fail(ActivationRecord, FailReason),
}

/// What comes before the first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskFirst {
    /// The call.
    No,
    /// The status: it may spare the call.
    Yes,
}

/// Why an activation ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailReason {
    /// YClients refused for good.
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// YClients says that the app is not installed there, or frozen.
    NotInstalled,
    /// The window closed while retrying.
    WindowOver,
}

/// What comes after a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Call,
    Ask,
}

/// When a wait ends by itself, and from when a person may end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wait {
    until: DateTime<Utc>,
    earliest: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Idle,
    Storing(Deed),
    StoringAgain(Deed),
    Calling(ActivationRecord),
    Asking(ActivationRecord),
    Waiting(ActivationRecord, Then, Wait),
}

/// Everything that can happen to the saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// Begin with this key. Ignored while one is under way.
    Begin {
        /// 32 random bytes, hex.
        key: Secret,
        /// 32 random bytes, hex, for the data webhook's URL; `None`: there is no URL to tell.
        webhook_secret: Option<Secret>,
        /// No call after this.
        window_ends_at: DateTime<Utc>,
        /// See [`AskFirst`].
        ask_first: AskFirst,
    },
    /// The process started and this had begun before.
    Resume(ActivationRecord),
    /// The commit asked for is durable (or failed).
    Stored(bool),
    /// The call ended.
    Called(Result<(), ActivateError>),
    /// The status was asked.
    Answered(Result<Installation, MarketplaceError>),
    /// The wait is over.
    Due,
    /// A person asks for it now. Ends a wait, unless YClients asked for it or it has only begun.
    Hurry,
    /// A fresh registration: the window closes later.
    Extend(DateTime<Utc>),
    /// Frozen or removed: stop. The company's own commit clears what is stored.
    Abandon,
}

/// What the shell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Commit, then answer `Stored`.
    Store(Deed),
    /// Call YClients in a task, then answer `Called`.
    Call {
        /// The key YClients will present.
        key: Secret,
        /// The secret of the data webhook's URL.
        webhook_secret: Option<Secret>,
    },
    /// Ask YClients for the status in a task, then answer `Answered`.
    Ask,
    /// Answer `Due` after this. Replaces an earlier wait.
    Wait(Duration),
}

/// The saga of one company.
#[derive(Debug, Clone)]
pub(crate) struct Activation {
    company: CompanyId,
    backoff: (Duration, Duration),
    state: State,
    /// Failures in a row: the exponent of the backoff.
    failures: u32,
}

impl Activation {
    /// No saga; waits between `backoff.0` and `backoff.1`.
    pub(crate) fn new(company: CompanyId, backoff: (Duration, Duration)) -> Self {
        Self { company, backoff, state: State::Idle, failures: 0 }
    }

    /// Takes one input; `dice` in `[0, 1)` is for jitter.
    pub(crate) fn step(&mut self, input: Input, now: DateTime<Utc>, dice: f64) -> Option<Effect> {
        let state = std::mem::replace(&mut self.state, State::Idle);
        match (input, state) {
            (Input::Begin { key: api_key, webhook_secret, window_ends_at, ask_first }, State::Idle) => {
                let company_id = self.company;
                self.failures = 0;
                let record = ActivationRecord { company_id, api_key, webhook_secret, attempts: 0, started_at: now, window_ends_at };
                self.store(Deed::Begin(record, ask_first))
            }
            (Input::Resume(record), State::Idle) if record.attempts > 0 => self.ask(record),
            (Input::Resume(record), State::Idle) => self.call_if_allowed(record, now),
            (Input::Stored(true), State::Storing(deed)) => self.stored(deed, now),
            (Input::Stored(false), State::Storing(deed)) => self.store_later(deed),
            (Input::Due, State::StoringAgain(deed)) => self.store(deed),
            (Input::Called(result), State::Calling(record)) => self.called(result, record, now, dice),
            (Input::Answered(answer), State::Asking(record)) => self.answered(answer, record, now, dice),
            (Input::Due, State::Waiting(record, Then::Call, _)) => self.call_if_allowed(record, now),
            (Input::Due, State::Waiting(record, Then::Ask, _)) => self.ask(record),
            (Input::Hurry, State::Waiting(record, then, wait)) if now >= wait.earliest => {
                self.state = State::Waiting(record, then, wait);
                self.step(Input::Due, now, dice)
            }
            (Input::Extend(until), mut state) => {
                if let Some(record) = state.record_mut() {
                    record.window_ends_at = record.window_ends_at.max(until);
                }
                self.state = state;
                None
            }
            (Input::Abandon, _) => None,
            (Input::Begin { .. } | Input::Resume(_) | Input::Stored(_) | Input::Called(_) | Input::Answered(_), state)
            | (Input::Due | Input::Hurry, state) => self.ignore(state),
        }
    }

    /// Is a saga under way?
    pub(crate) fn under_way(&self) -> bool {
        self.state != State::Idle
    }

    /// What the page shows while a saga is under way.
    pub(crate) fn view(&self) -> Option<ActivationView> {
        match &self.state {
            State::Idle => None,
            State::Storing(_) | State::StoringAgain(_) | State::Calling(_) | State::Asking(_) => Some(ActivationView::Activating),
            State::Waiting(_, _, wait) => Some(ActivationView::Retrying { next_attempt_at: wait.until }),
        }
    }

    /// Late, or not now: changes nothing.
    fn ignore(&mut self, state: State) -> Option<Effect> {
        self.state = state;
        None
    }

    fn store_later(&mut self, deed: Deed) -> Option<Effect> {
        let wait = doubled(STORE_AGAIN.0, STORE_AGAIN.1, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.state = State::StoringAgain(deed);
        Some(Effect::Wait(wait))
    }

    fn store(&mut self, deed: Deed) -> Option<Effect> {
        self.state = State::Storing(deed.clone());
        Some(Effect::Store(deed))
    }

    fn ask(&mut self, record: ActivationRecord) -> Option<Effect> {
        self.state = State::Asking(record);
        Some(Effect::Ask)
    }

    /// Calls again if the window is open. The attempt is counted first, durably.
    fn call_if_allowed(&mut self, mut record: ActivationRecord, now: DateTime<Utc>) -> Option<Effect> {
        if now > record.window_ends_at {
            return self.store(Deed::Fail(record, FailReason::WindowOver));
        }
        record.attempts = record.attempts.saturating_add(1);
        self.store(Deed::Attempt(record))
    }

    fn stored(&mut self, deed: Deed, now: DateTime<Utc>) -> Option<Effect> {
        self.failures = if matches!(deed, Deed::Attempt(_)) { self.failures } else { 0 };
        match deed {
            Deed::Begin(record, AskFirst::Yes) => self.ask(record),
            Deed::Begin(record, AskFirst::No) => self.call_if_allowed(record, now),
            Deed::Attempt(record) => {
                let (key, webhook_secret) = (record.api_key.clone(), record.webhook_secret.clone());
                self.state = State::Calling(record);
                Some(Effect::Call { key, webhook_secret })
            }
            Deed::Succeed(_) | Deed::Fail(_, _) => None,
        }
    }

    fn called(&mut self, result: Result<(), ActivateError>, record: ActivationRecord, now: DateTime<Utc>, dice: f64) -> Option<Effect> {
        match result {
            Ok(()) => self.store(Deed::Succeed(record)),
            Err(ActivateError::AskStatus { status: _ }) => self.ask(record),
            Err(ActivateError::Retryable { after }) => self.wait(record, Then::Call, after, now, dice),
            Err(ActivateError::NotConfigured) => self.wait(record, Then::Call, Some(self.backoff.1), now, dice),
            Err(ActivateError::Final { status }) => self.store(Deed::Fail(record, FailReason::Refused { status })),
        }
    }

    fn answered(
        &mut self,
        answer: Result<Installation, MarketplaceError>,
        record: ActivationRecord,
        now: DateTime<Utc>,
        dice: f64,
    ) -> Option<Effect> {
        match answer {
            Ok(Installation::Active) => self.store(Deed::Succeed(record)),
            Ok(Installation::Pending) => self.wait(record, Then::Call, None, now, dice),
            Ok(Installation::NotInstalled | Installation::Frozen) => self.store(Deed::Fail(record, FailReason::NotInstalled)),
            Ok(Installation::Unknown) => self.ask_later(record, None, now, dice),
            Err(MarketplaceError::Retryable { after }) => self.ask_later(record, after, now, dice),
            Err(MarketplaceError::NotConfigured) => self.ask_later(record, Some(self.backoff.1), now, dice),
            Err(MarketplaceError::Final { status: _ }) => self.ask_later(record, None, now, dice),
        }
    }

    fn ask_later(&mut self, record: ActivationRecord, after: Option<Duration>, now: DateTime<Utc>, dice: f64) -> Option<Effect> {
        let unanswerable = now.signed_duration_since(record.window_ends_at) > ASK_AFTER_WINDOW && self.failures > 2;
        if unanswerable {
            return self.store(Deed::Fail(record, FailReason::WindowOver));
        }
        self.wait(record, Then::Ask, after, now, dice)
    }

    fn wait(&mut self, record: ActivationRecord, then: Then, after: Option<Duration>, now: DateTime<Utc>, dice: f64) -> Option<Effect> {
        let backoff = doubled(self.backoff.0, self.backoff.1, self.failures);
        // Half fixed, half random: never at once, never all salons together.
        let wait = backoff.mul_f64(0.5 + 0.5 * dice.clamp(0.0, 1.0)).max(after.unwrap_or_default());
        self.failures = self.failures.saturating_add(1);
        let earliest = later(now, after.unwrap_or_default().max(HURRY_AFTER));
        self.state = State::Waiting(record, then, Wait { until: later(now, wait), earliest });
        Some(Effect::Wait(wait))
    }
}

fn later(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    let moment = TimeDelta::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait));
    moment.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl State {
    fn record_mut(&mut self) -> Option<&mut ActivationRecord> {
        match self {
            Self::Idle => None,
            Self::Storing(deed) | Self::StoringAgain(deed) => match deed {
                Deed::Begin(record, _) | Deed::Attempt(record) | Deed::Succeed(record) | Deed::Fail(record, _) => Some(record),
            },
            Self::Calling(record) | Self::Asking(record) | Self::Waiting(record, _, _) => Some(record),
        }
    }
}
