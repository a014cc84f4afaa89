//! One application in one salon: the state machine of YClients' marketplace. Pure; the caller brings the time.
//!
//! ```text
//! uninstalled --connect--> pending --callback--> active --freeze--> freezed --payment--> active
//!                            |                     |                   |
//!                            +---- 1 h passes ---->+---- uninstall ----+--> uninstalled
//! ```

use std::collections::VecDeque;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longer histories are cut at the old end.
const MAX_HISTORY: usize = 100;

/// States, spelled as YClients spells them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Never connected, disconnected, or the hour of `pending` ran out.
    #[default]
    Uninstalled,
    /// The owner pressed *Connect*; waiting for the partner's callback.
    Pending,
    /// Installed.
    Active,
    /// The paid period ended.
    Freezed,
}

/// Who caused a change; the words of the status call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The owner, in YClients.
    Marketplace,
    /// The application, by a call.
    PartnerApi,
}

/// Why a callback was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Active or frozen: a second activation.
    #[error("Данный пользователь уже установил это приложение")]
    AlreadyInstalled,
    /// Nobody pressed *Connect*, or more than an hour ago.
    #[error("Приложение не ожидает подключения в этом филиале")]
    NotPending,
}

/// What the partner tells in its callback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Fingerprint of the key YClients would present; never the key itself.
    pub api_key: Option<String>,
    /// Where data webhooks go.
    pub webhook_urls: Vec<String>,
    /// `sms`, `whatsapp`.
    pub channels: Vec<String>,
}

/// A payment the partner reported.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payment {
    /// Our number for it.
    pub id: u64,
    /// As reported.
    pub payment_sum: f64,
    /// As reported.
    pub currency_iso: String,
    /// `YYYY-MM-DD HH:MM:SS`.
    pub payment_date: String,
    /// Whether the partner took it back.
    pub is_refunded: bool,
    /// First day paid for.
    pub period_from: String,
    /// Last day paid for.
    pub period_to: String,
}

/// The application in one salon.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Installation {
    status: Status,
    since: Option<DateTime<Utc>>,
    history: VecDeque<(DateTime<Utc>, Status, Status, Source)>,
    registration: Registration,
    payments: Vec<Payment>,
}

impl Installation {
    /// The state at `now`: an old `pending` has become `uninstalled`.
    pub fn settle(&mut self, now: DateTime<Utc>, pending_ttl: TimeDelta) -> Status {
        if self.status == Status::Pending && self.since.is_some_and(|since| now - since >= pending_ttl) {
            self.enter(Status::Uninstalled, now, Source::Marketplace);
        }
        self.status
    }

    /// The owner presses *Connect*. An installed application stays as it is; a pending one gets a fresh hour.
    pub fn connect(&mut self, now: DateTime<Utc>) {
        match self.status {
            Status::Uninstalled => self.enter(Status::Pending, now, Source::Marketplace),
            Status::Pending => self.since = Some(now),
            Status::Active | Status::Freezed => {}
        }
    }

    /// The partner's activation callback.
    pub fn activate(&mut self, registration: Registration, now: DateTime<Utc>) -> Result<(), Refusal> {
        match self.status {
            Status::Pending => {
                self.registration = registration;
                self.enter(Status::Active, now, Source::PartnerApi);
                Ok(())
            }
            Status::Active | Status::Freezed => Err(Refusal::AlreadyInstalled),
            Status::Uninstalled => Err(Refusal::NotPending),
        }
    }

    /// The paid period ends; tells whether anything changed.
    pub fn freeze(&mut self, now: DateTime<Utc>) -> bool {
        self.leave_for(Status::Freezed, &[Status::Active], now, Source::Marketplace)
    }

    /// A payment unfreezes; tells whether anything changed.
    pub fn unfreeze(&mut self, now: DateTime<Utc>, source: Source) -> bool {
        self.leave_for(Status::Active, &[Status::Freezed], now, source)
    }

    /// The owner or the partner disconnects; tells whether anything changed.
    pub fn uninstall(&mut self, now: DateTime<Utc>, source: Source) -> bool {
        let installed = [Status::Pending, Status::Active, Status::Freezed];
        self.leave_for(Status::Uninstalled, &installed, now, source)
    }

    /// Records a payment, the oldest ones give way.
    pub fn pay(&mut self, payment: Payment) {
        if self.payments.len() >= MAX_HISTORY {
            self.payments.remove(0);
        }
        self.payments.push(payment);
    }

    /// Marks a payment as taken back; `false` when there is none of that number.
    pub fn refund(&mut self, id: u64) -> bool {
        let found = self.payments.iter_mut().find(|payment| payment.id == id);
        found.map(|payment| payment.is_refunded = true).is_some()
    }

    /// What the callback registered; empty once uninstalled.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The `data` of the status call.
    pub fn describe(&self) -> Value {
        let logs: Vec<Value> = self
            .history
            .iter()
            .map(|(at, from, to, source)| json!({"changed_at": moscow(*at), "status_from": from, "status_to": to, "source": source}))
            .collect();
        let created_at = self.since.map(moscow);
        json!({
            "logs": logs,
            "payments": self.payments,
            "connection_status": {"status": self.status, "created_at": created_at},
        })
    }

    fn leave_for(&mut self, to: Status, from: &[Status], now: DateTime<Utc>, source: Source) -> bool {
        let leaves = from.contains(&self.status);
        if leaves {
            self.enter(to, now, source);
        }
        leaves
    }

    fn enter(&mut self, status: Status, now: DateTime<Utc>, source: Source) {
        if self.history.len() >= MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((now, self.status, status, source));
        (self.status, self.since) = (status, Some(now));
        if status == Status::Uninstalled {
            self.registration = Registration::default();
        }
    }
}

/// `YYYY-MM-DD HH:MM:SS` without a zone, Moscow time: how the marketplace writes instants.
pub fn moscow(at: DateTime<Utc>) -> String {
    let zone = FixedOffset::east_opt(3 * 3600).expect("three hours are a valid offset");
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: TimeDelta = TimeDelta::hours(1);

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    #[test]
    fn pending_lasts_an_hour_from_the_last_press() {
        let mut app = Installation::default();
        app.connect(at(0));
        assert_eq!(app.settle(at(59), HOUR), Status::Pending);
        app.connect(at(59));
        assert_eq!(app.settle(at(118), HOUR), Status::Pending);
        assert_eq!(app.settle(at(119), HOUR), Status::Uninstalled);
        assert_eq!(app.activate(Registration::default(), at(119)), Err(Refusal::NotPending));
    }

    #[test]
    fn a_second_activation_is_refused_until_it_is_uninstalled_and_connected_again() {
        let mut app = Installation::default();
        assert_eq!(app.activate(Registration::default(), at(0)), Err(Refusal::NotPending));
        app.connect(at(0));
        assert_eq!(app.activate(Registration::default(), at(1)), Ok(()));
        assert_eq!(app.activate(Registration::default(), at(2)), Err(Refusal::AlreadyInstalled));
        app.connect(at(3));
        assert_eq!(app.settle(at(3), HOUR), Status::Active, "connecting again breaks nothing");
        assert!(app.uninstall(at(4), Source::Marketplace));
        assert!(!app.uninstall(at(5), Source::Marketplace));
        app.connect(at(6));
        assert_eq!(app.activate(Registration::default(), at(7)), Ok(()));
    }

    #[test]
    fn a_frozen_installation_comes_back_by_payment_only() {
        let mut app = Installation::default();
        assert!(!app.freeze(at(0)), "nothing to freeze");
        app.connect(at(0));
        app.activate(Registration::default(), at(1)).unwrap();
        assert!(app.freeze(at(2)));
        app.connect(at(3));
        assert_eq!(app.settle(at(3), HOUR), Status::Freezed);
        assert_eq!(app.activate(Registration::default(), at(3)), Err(Refusal::AlreadyInstalled));
        assert!(app.unfreeze(at(4), Source::PartnerApi));
        assert_eq!(app.describe()["connection_status"]["status"], "active");
        assert_eq!(app.describe()["logs"].as_array().unwrap().len(), 4);
        assert_eq!(app.describe()["connection_status"]["created_at"], "1970-01-01 03:04:00");
    }
}
