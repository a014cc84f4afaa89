//! One call to YClients, described before it is made: where, what, for whom, how urgent, and whether it may be repeated.

use std::time::Duration;

use frontdesk_actors::ids::SalonId;
use reqwest::Method;
use serde_json::Value;

use super::Urgency;
use super::gate::Base;

/// May a call be made again when its answer was lost?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It only asks.
    Safe,
    /// It does something: whoever calls looks first.
    Never,
}

/// Who we say we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The partner.
    Partner,
    /// The partner, and our user in the salon where one is configured.
    User,
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Name in metrics and logs, from a closed set.
    pub endpoint: &'static str,
    pub base: Base,
    pub method: Method,
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub who: Who,
    /// Whose turn it uses up.
    pub salon: Option<SalonId>,
    pub urgency: Urgency,
    pub repeat: Repeat,
}

impl Call {
    /// A question to the marketplace.
    pub(super) fn ask(endpoint: &'static str, path: String) -> Self {
        Self {
            endpoint,
            base: Base::Marketplace,
            method: Method::GET,
            path,
            query: Vec::new(),
            body: None,
            who: Who::Partner,
            salon: None,
            urgency: Urgency::Operator,
            repeat: Repeat::Safe,
        }
    }

    /// A deed at the marketplace.
    pub(super) fn tell(endpoint: &'static str, path: impl Into<String>, body: Option<Value>) -> Self {
        Self { method: Method::POST, body, repeat: Repeat::Never, ..Self::ask(endpoint, path.into()) }
    }

    /// A question, though it looks like a deed: a search.
    #[must_use]
    pub(super) fn only_asks(self) -> Self {
        Self { repeat: Repeat::Safe, ..self }
    }

    /// To the REST API instead.
    #[must_use]
    pub(super) fn at_api(self, who: Who) -> Self {
        Self { base: Base::Api, who, ..self }
    }

    #[must_use]
    pub(super) fn about(self, salon: SalonId) -> Self {
        Self { salon: Some(salon), ..self }
    }

    #[must_use]
    pub(super) fn urgent(self, urgency: Urgency) -> Self {
        Self { urgency, ..self }
    }

    /// One more parameter; arrays repeat theirs as `name[]`.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// A parameter if there is one.
    #[must_use]
    pub(super) fn with_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// The first wait before a repetition; doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait before a repetition.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long to wait before trying again; `None` = not again. `roll` is a random number in 0..1.
pub(super) fn again_in(call: &Call, tries: u32, after: Option<Duration>, left: Duration, roll: f64) -> Option<Duration> {
    match call.repeat {
        Repeat::Never => return None,
        Repeat::Safe if tries >= call.urgency.tries() => return None,
        Repeat::Safe => {}
    }
    let doubled = FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    let wait = doubled.mul_f64(0.5 + roll.clamp(0.0, 1.0) / 2.0).max(after.unwrap_or_default());
    (wait < left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Duration = Duration::from_secs(600);

    #[test]
    fn only_questions_are_repeated_and_not_for_ever() {
        let question = Call::ask("x", String::new()).urgent(Urgency::Background);
        let waits: Vec<_> = (1..20).map_while(|tries| again_in(&question, tries, None, PLENTY, 1.0)).collect();
        assert_eq!(waits.len() as u32, Urgency::Background.tries() - 1);
        assert_eq!(waits[..2], [FIRST_WAIT, FIRST_WAIT * 2]);
        let deed = Call::tell("x", "", None);
        assert_eq!(again_in(&deed, 1, None, PLENTY, 0.5), None);
    }

    #[test]
    fn a_pause_asked_for_is_kept_or_not_waited_for_at_all() {
        let question = Call::ask("x", String::new());
        let seven = Duration::from_secs(7);
        assert_eq!(again_in(&question, 1, Some(seven), PLENTY, 0.0), Some(seven));
        assert_eq!(again_in(&question, 1, Some(seven), seven, 0.0), None);
        assert_eq!(again_in(&question, 1, None, PLENTY, 0.0), Some(FIRST_WAIT / 2));
    }
}
