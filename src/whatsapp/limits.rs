//! What WhatsApp says about limits on first messages, in answers and in notifications. Pure, and patient with types: numbers come as
//! numbers and as texts.

use chrono::{DateTime, Utc};
use frontdesk_actors::view::{CapLevel, NewChatCap, Timelock};
use serde_json::Value;

/// A message to somebody who never wrote was refused because of a limit.
pub(super) const REFUSED: &str = "463";

/// Notifications that tell a limit: name, and where the state is in `data`.
const TIMELOCK_TOLD: (&str, &str) = ("NotificationUserReachoutTimelockUpdate", "xwa2_notify_account_reachout_timelock");
const CAP_TOLD: (&str, &str) = ("MessageCappingInfoNotification", "xwa2_notify_new_chat_messages_capping_info_update");

/// Where the state is in the `data` of an answer.
const TIMELOCK_ASKED: &str = "xwa2_fetch_account_reachout_timelock";
const CAP_ASKED: &str = "xwa2_message_capping_info";

/// One of the two limits as it is now; `None` inside = not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Timelock(Option<Timelock>),
    NewChatCap(Option<NewChatCap>),
}

/// The limit that a notification of this name tells, if it is about one.
pub(super) fn told(operation: &str, payload: &Value) -> Option<Limit> {
    let data = payload.get("data").unwrap_or(payload);
    let (timelock, cap) = (TIMELOCK_TOLD.0 == operation, CAP_TOLD.0 == operation);
    match (timelock, cap) {
        (true, _) => data.get(TIMELOCK_TOLD.1).and_then(timelock_in),
        (_, true) => data.get(CAP_TOLD.1).and_then(cap_in),
        (false, false) => None,
    }
}

/// The lock in an answer's `data`. `None` when it isn't there.
pub(super) fn timelock_answered(data: &Value) -> Option<Limit> {
    data.get(TIMELOCK_ASKED).and_then(timelock_in)
}

/// The quota in an answer's `data`. `None` when it isn't there.
pub(super) fn cap_answered(data: &Value) -> Option<Limit> {
    data.get(CAP_ASKED).and_then(cap_in)
}

fn timelock_in(state: &Value) -> Option<Limit> {
    let active = state.get("is_active")?.as_bool()?;
    let ends_at = state.get("time_enforcement_ends").and_then(moment);
    Some(Limit::Timelock(active.then_some(Timelock { ends_at })))
}

fn cap_in(state: &Value) -> Option<Limit> {
    let level = match state.get("capping_status")?.as_str()? {
        "CAPPED" => CapLevel::Capped,
        "SECOND_WARNING" => CapLevel::SecondWarning,
        "FIRST_WARNING" => CapLevel::FirstWarning,
        // "NONE", and whatever else WhatsApp may think of: what is refused it says with 463.
        _ => CapLevel::None,
    };
    let count = |name: &str| state.get(name).and_then(number).and_then(|count| u64::try_from(count).ok());
    let total = count("total_quota");
    let cap = NewChatCap { level, used: count("used_quota"), total, renews_at: state.get("cycle_end_timestamp").and_then(moment) };
    let worth_telling = level != CapLevel::None || total.is_some();
    Some(Limit::NewChatCap(worth_telling.then_some(cap)))
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Seconds since 1970; 0 means none.
fn moment(value: &Value) -> Option<DateTime<Utc>> {
    number(value).filter(|&seconds| seconds > 0).and_then(|seconds| DateTime::from_timestamp(seconds, 0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lock_is_read_from_answers_and_notifications() {
        let ends_at = DateTime::from_timestamp(1_800_000_000, 0);
        for ends in [json!("1800000000"), json!(1_800_000_000)] {
            let state = json!({"is_active": true, "time_enforcement_ends": ends, "enforcement_type": "DEFAULT"});
            let locked = Some(Limit::Timelock(Some(Timelock { ends_at })));
            assert_eq!(timelock_answered(&json!({ TIMELOCK_ASKED: state })), locked);
            assert_eq!(told(TIMELOCK_TOLD.0, &json!({"data": { TIMELOCK_TOLD.1: state }})), locked);
            assert_eq!(told(TIMELOCK_TOLD.0, &json!({ TIMELOCK_TOLD.1: state })), locked);
        }
        let open = json!({ TIMELOCK_ASKED: {"is_active": false} });
        assert_eq!(timelock_answered(&open), Some(Limit::Timelock(None)));
        let endless = json!({ TIMELOCK_ASKED: {"is_active": true, "time_enforcement_ends": "0"} });
        assert_eq!(timelock_answered(&endless), Some(Limit::Timelock(Some(Timelock { ends_at: None }))));
    }

    #[test]
    fn a_quota_is_read_with_its_level() {
        let levels = [
            ("NONE", CapLevel::None),
            ("FIRST_WARNING", CapLevel::FirstWarning),
            ("SECOND_WARNING", CapLevel::SecondWarning),
            ("CAPPED", CapLevel::Capped),
            ("WHATEVER", CapLevel::None),
        ];
        for (status, level) in levels {
            let state = json!({"capping_status": status, "total_quota": "5", "used_quota": 4, "cycle_end_timestamp": 1_800_000_000});
            let cap = NewChatCap { level, used: Some(4), total: Some(5), renews_at: DateTime::from_timestamp(1_800_000_000, 0) };
            assert_eq!(cap_answered(&json!({ CAP_ASKED: state })), Some(Limit::NewChatCap(Some(cap))), "{status}");
            assert_eq!(told(CAP_TOLD.0, &json!({"data": { CAP_TOLD.1: state }})), Some(Limit::NewChatCap(Some(cap))), "{status}");
        }
        let none = json!({ CAP_ASKED: {"capping_status": "NONE"} });
        assert_eq!(cap_answered(&none), Some(Limit::NewChatCap(None)));
    }

    #[test]
    fn what_is_not_about_limits_or_can_not_be_read_says_nothing() {
        let junk = [json!(null), json!([]), json!("text"), json!({"data": null}), json!({"data": {TIMELOCK_TOLD.1: {"is_active": "yes"}}})];
        for payload in junk {
            for name in [TIMELOCK_TOLD.0, CAP_TOLD.0, "NotificationNewsletterUpdate"] {
                assert_eq!(told(name, &payload), None, "{name} {payload}");
            }
            assert_eq!((timelock_answered(&payload), cap_answered(&payload)), (None, None), "{payload}");
        }
    }
}
