//! What the service allows an account towards people who don't know it: the lock on first messages (463) and the quota
//! of new chats. Both are told by a notification when they change and by a query at any time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wacore::iq::mex_operations::{fetch_new_chat_message_capping_info, fetch_reachout_timelock};
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Node, Server};

use super::adv::unix_seconds;
use super::fault::Enforcement;
use super::link::Command;
use super::phone::Phone;
use super::stanza::{attr, jid_attr, leaf, notification, result_to, result_with};
use super::world::World;

/// What the sender of a first message hears when it isn't delivered.
const REFUSED: u16 = 463;
/// From this part of the quota, in percent, the first warning is told …
const FIRST_WARNING: u64 = 50;
/// … and from this part the second.
const SECOND_WARNING: u64 = 80;
/// How long a quota is for, in seconds.
const CYCLE: u64 = 30 * 86_400;

/// The limits of one account, none at first.
#[derive(Default)]
pub(crate) struct Limits {
    timelock: Option<Timelock>,
    cap: Option<Cap>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Timelock {
    /// Seconds since 1970.
    ends: u64,
    enforcement: Enforcement,
}

struct Cap {
    total: u32,
    used: u32,
    since: u64,
    /// Whom the account has written to since the quota began.
    written: HashSet<String>,
}

impl Limits {
    fn timelock_state(&self) -> Value {
        match self.timelock.filter(|lock| lock.ends > unix_seconds()) {
            Some(lock) => json!({
                "is_active": true,
                "time_enforcement_ends": lock.ends.to_string(),
                "enforcement_type": lock.enforcement,
            }),
            None => json!({ "is_active": false }),
        }
    }

    fn cap_state(&self) -> Value {
        let Some(cap) = &self.cap else {
            return json!({ "capping_status": "NONE" });
        };
        json!({
            "capping_status": cap.status(),
            "total_quota": cap.total.to_string(),
            "used_quota": cap.used.to_string(),
            "cycle_start_timestamp": cap.since,
            "cycle_end_timestamp": cap.since + CYCLE,
            "server_sent_timestamp": unix_seconds(),
            "ote_status": "NOT_ELIGIBLE",
            "mv_status": "NOT_ELIGIBLE",
        })
    }
}

impl Cap {
    fn status(&self) -> &'static str {
        match u64::from(self.used) * 100 / u64::from(self.total.max(1)) {
            100.. => "CAPPED",
            SECOND_WARNING.. => "SECOND_WARNING",
            FIRST_WARNING.. => "FIRST_WARNING",
            _ => "NONE",
        }
    }
}

/// Answers the queries for the two limits; others get nothing, as before.
pub(crate) fn answer(phone: &Phone, query: &Node, request: &Node) -> Node {
    let data = match attr(request, "query_id").as_deref() {
        Some(fetch_reachout_timelock::DOC_ID) => {
            json!({ "xwa2_fetch_account_reachout_timelock": phone.state().limits.timelock_state() })
        }
        Some(fetch_new_chat_message_capping_info::DOC_ID) => {
            json!({ "xwa2_message_capping_info": phone.state().limits.cap_state() })
        }
        _ => return result_to(query),
    };
    result_with(query, leaf("result", json!({ "data": data }).to_string()))
}

/// The number a message is refused with, if a limit is in its way. A message that passes counts against the quota.
pub(crate) async fn refusal(world: &World, phone: &Phone, node: &Node) -> Option<u16> {
    let to = jid_attr(node, "to").filter(|to| matches!(to.server, Server::Pn | Server::Lid))?;
    let number = world.phone_at(&to).map_or_else(|| to.user_base().to_owned(), |phone| phone.number.clone());
    let known = phone.number == number || phone.has_heard_from(&number);
    let (refused, warned) = {
        let mut state = phone.state();
        let limits = &mut state.limits;
        if known || (limits.timelock.is_none() && limits.cap.is_none()) {
            return None;
        }
        if limits.timelock.is_some_and(|lock| lock.ends > unix_seconds()) {
            (true, false)
        } else {
            limits.cap.as_mut().map_or((false, false), |cap| cap.count(number))
        }
    };
    if warned {
        tell_cap(phone).await;
    }
    refused.then_some(REFUSED)
}

impl Cap {
    /// Counts a first message to somebody; tells whether it is refused, and whether the status changed.
    fn count(&mut self, number: String) -> (bool, bool) {
        if self.written.contains(&number) {
            return (false, false);
        }
        if self.used >= self.total {
            return (true, false);
        }
        let before = self.status();
        self.used += 1;
        self.written.insert(number);
        (false, self.status() != before)
    }
}

/// Locks an account for first messages, and unlocks it when the time has come.
pub(crate) async fn lock(world: &Arc<World>, phone: Arc<Phone>, seconds: u64, enforcement: Enforcement) {
    let lock = Timelock { ends: unix_seconds() + seconds, enforcement };
    phone.state().limits.timelock = Some(lock);
    tell_timelock(&phone).await;
    let stop = world.stop.clone();
    world.tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
        }
        // A lock set later, or lifted since, isn't this one's.
        let over = phone.state().limits.timelock.take_if(|current| *current == lock).is_some();
        if over {
            tell_timelock(&phone).await;
        }
    });
}

/// Gives an account a quota of new chats.
pub(crate) async fn cap(phone: &Phone, total: u32, used: u32) {
    let cap = Cap { total, used, since: unix_seconds(), written: HashSet::new() };
    phone.state().limits.cap = Some(cap);
    tell_cap(phone).await;
}

/// Lifts both limits of an account.
pub(crate) async fn lift(phone: &Phone) {
    let Limits { timelock, cap } = std::mem::take(&mut phone.state().limits);
    if timelock.is_some() {
        tell_timelock(phone).await;
    }
    if cap.is_some() {
        tell_cap(phone).await;
    }
}

async fn tell_timelock(phone: &Phone) {
    let state = phone.state().limits.timelock_state();
    tell(phone, "NotificationUserReachoutTimelockUpdate", json!({ "xwa2_notify_account_reachout_timelock": state })).await;
}

async fn tell_cap(phone: &Phone) {
    let state = phone.state().limits.cap_state();
    tell(phone, "MessageCappingInfoNotification", json!({ "xwa2_notify_new_chat_messages_capping_info_update": state })).await;
}

/// Tells the devices that are there; the others ask when they come back.
async fn tell(phone: &Phone, operation: &'static str, data: Value) {
    let body = json!({ "data": data }).to_string();
    for device in phone.devices() {
        if let Some(link) = phone.live_link(device) {
            let update = NodeBuilder::new("update").attr("op_name", operation).bytes(body.clone().into_bytes()).build();
            let id = format!("mex.{:016x}", rand::random::<u64>());
            link.tell(Command::Deliver(notification("mex", id, vec![update]))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_warns_twice_and_then_refuses() {
        let mut cap = Cap { total: 5, used: 0, since: 0, written: HashSet::new() };
        let mut seen = vec![cap.status()];
        for person in 0..5 {
            assert!(!cap.count(format!("7900000000{person}")).0);
            seen.push(cap.status());
        }
        assert_eq!(seen, ["NONE", "NONE", "NONE", "FIRST_WARNING", "SECOND_WARNING", "CAPPED"]);
        assert_eq!(cap.count("79000000009".into()), (true, false));
        assert_eq!(cap.count("79000000001".into()), (false, false), "not new any more");
    }
}
