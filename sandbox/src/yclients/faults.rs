//! Faults on demand: what YClients does wrong, where, and how many times.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// More faults at once than any test needs.
const MAX_FAULTS: usize = 256;
/// Longest delay; a test that needs more means silence.
const MAX_DELAY_MS: u64 = 10 * 60 * 1000;

/// Which salon a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Target {
    /// Every call, also those that name no salon.
    All,
    /// Calls about this salon.
    Salon(u64),
}

/// Which calls a fault is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `partner/callback` and `partner/callback/redirect`.
    #[default]
    Callback,
    /// Installation status of one salon.
    Status,
    /// List of the salons that installed the application.
    Salons,
    /// `company/{id}` and `companies`.
    Company,
    /// Payments, refunds, payment links, tariffs and discounts.
    Payment,
    /// A salon's data: services, staff, schedule, records, clients, bookings, webhook settings.
    Rest,
    /// Everything else.
    Other,
    /// Every call.
    Any,
}

/// A fault, as `POST /control/faults` names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The calls it is for.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// How many calls it hits; for ever when missing.
    #[serde(default)]
    pub times: Option<u32>,
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Kind {
    /// Answers with this status, having done nothing.
    Status {
        /// 400–599.
        code: u16,
        /// Replaces the usual envelope: JSON, or text sent as it is.
        #[serde(default)]
        body: Option<Value>,
        /// Seconds for the header `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Waits, then goes on as usual (other faults included).
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Never answers.
    Silence {
        /// Whether the call takes effect nevertheless.
        #[serde(default)]
        processed: bool,
    },
    /// Does what was asked, then drops the connection: the answer is lost.
    Close,
    /// Drops the connection, having done nothing.
    CloseBefore,
    /// Answers a successful callback with 301 to an HTML page.
    Redirect,
    /// Answers 403 "already installed".
    AlreadyInstalled {
        /// Whether the callback takes effect nevertheless.
        #[serde(default)]
        processed: bool,
    },
    /// Answers with an HTML page. Without a code the call takes effect; with one (400–599) it is a gateway's error.
    Html {
        /// Status of the gateway's error.
        #[serde(default)]
        code: Option<u16>,
    },
}

impl Kind {
    /// The name used on the wire and in the statistics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Delay { .. } => "delay",
            Self::Silence { .. } => "silence",
            Self::Close => "close",
            Self::CloseBefore => "close_before",
            Self::Redirect => "redirect",
            Self::AlreadyInstalled { .. } => "already_installed",
            Self::Html { .. } => "html",
        }
    }

    fn check(&self) -> Result<(), String> {
        let code = match self {
            Self::Status { code, .. } => Some(*code),
            Self::Html { code } => *code,
            Self::Delay { ms } if *ms > MAX_DELAY_MS => {
                return Err(format!("ms must not exceed {MAX_DELAY_MS}"));
            }
            Self::Delay { .. }
            | Self::Silence { .. }
            | Self::Close
            | Self::CloseBefore
            | Self::Redirect
            | Self::AlreadyInstalled { .. } => None,
        };
        let wrong = |code: &u16| !(400..=599).contains(code) || StatusCode::from_u16(*code).is_err();
        if code.as_ref().is_some_and(wrong) { Err("code must be within 400..=599".into()) } else { Ok(()) }
    }
}

/// The faults in force, oldest first.
#[derive(Debug, Default)]
pub struct Faults {
    active: Vec<(Target, Fault)>,
    injected: BTreeMap<&'static str, u64>,
}

impl Faults {
    /// Puts a fault in force. One of the same kind for the same calls gives way to it.
    pub fn add(&mut self, target: Target, fault: Fault) -> Result<(), String> {
        fault.kind.check()?;
        if fault.times == Some(0) {
            return Err("times must be above 0".into());
        }
        let same =
            |other: &(Target, Fault)| (other.0, other.1.endpoint, other.1.kind.name()) == (target, fault.endpoint, fault.kind.name());
        self.active.retain(|other| !same(other));
        if self.active.len() >= MAX_FAULTS {
            return Err(format!("no more than {MAX_FAULTS} faults at once"));
        }
        self.active.push((target, fault));
        Ok(())
    }

    /// Everything works again.
    pub fn clear(&mut self) {
        self.active.clear();
    }

    /// The faults in force, for the page.
    pub fn list(&self) -> &[(Target, Fault)] {
        &self.active
    }

    /// How often each fault hit.
    pub fn injected(&self) -> &BTreeMap<&'static str, u64> {
        &self.injected
    }

    /// What hits this call, counted down: every delay up to the first fault that decides the answer.
    pub fn hit(&mut self, endpoint: Endpoint, salon: Option<u64>) -> Vec<Kind> {
        let mut hits = Vec::new();
        for (target, fault) in &mut self.active {
            let meant = matches!(target, Target::All) || matches!((&target, salon), (Target::Salon(a), Some(b)) if *a == b);
            if !meant || !(fault.endpoint == endpoint || fault.endpoint == Endpoint::Any) {
                continue;
            }
            fault.times = fault.times.map(|times| times - 1);
            *self.injected.entry(fault.kind.name()).or_default() += 1;
            hits.push(fault.kind.clone());
            if !matches!(fault.kind, Kind::Delay { .. }) {
                break;
            }
        }
        self.active.retain(|(_, fault)| fault.times != Some(0));
        hits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(value: Value) -> Fault {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_fault_counts_down_and_hits_only_its_salon_and_endpoint() {
        let mut faults = Faults::default();
        faults.add(Target::Salon(7), fault(json!({"fault": "status", "code": 503, "times": 2}))).unwrap();
        assert!(faults.hit(Endpoint::Callback, Some(8)).is_empty());
        assert!(faults.hit(Endpoint::Status, Some(7)).is_empty());
        assert!(faults.hit(Endpoint::Salons, None).is_empty());
        assert_eq!(faults.hit(Endpoint::Callback, Some(7)).len(), 1);
        assert_eq!(faults.hit(Endpoint::Callback, Some(7)).len(), 1);
        assert!(faults.hit(Endpoint::Callback, Some(7)).is_empty());
        assert_eq!(faults.injected()["status"], 2);
    }

    #[test]
    fn a_delay_goes_together_with_the_next_fault() {
        let mut faults = Faults::default();
        faults.add(Target::All, fault(json!({"fault": "delay", "ms": 5, "endpoint": "any"}))).unwrap();
        faults.add(Target::All, fault(json!({"fault": "close"}))).unwrap();
        assert_eq!(faults.hit(Endpoint::Callback, Some(1)), [Kind::Delay { ms: 5 }, Kind::Close]);
        assert_eq!(faults.hit(Endpoint::Status, None), [Kind::Delay { ms: 5 }]);
        faults.clear();
        assert!(faults.hit(Endpoint::Callback, Some(1)).is_empty());
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let mut faults = Faults::default();
        for bad in [
            json!({"fault": "status", "code": 200}),
            json!({"fault": "html", "code": 700}),
            json!({"fault": "delay", "ms": 99_999_999}),
            json!({"fault": "close", "times": 0}),
        ] {
            assert!(faults.add(Target::All, fault(bad.clone())).is_err(), "{bad}");
        }
        assert!(serde_json::from_value::<Fault>(json!({"fault": "explode"})).is_err());
    }
}
