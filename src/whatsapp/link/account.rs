//! Questions of a link that is online: does WhatsApp answer, how does it limit the account, what has the client counted?

use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::view::LinkNumbers;
use tokio::time::timeout;
use wacore::iq::keepalive::KeepaliveSpec;
use wacore::iq::mex_operations::fetch_new_chat_message_capping_info as capping;
use wacore::iq::mex_operations::fetch_reachout_timelock as timelock;
use wacore::stats::StatsSnapshot;
use whatsapp_rust::Client;
use whatsapp_rust::features::MexRequest;
use whatsapp_rust::request::IqError;

use super::super::limits::{self, Limit};

/// A probe as a whole may take this much longer than its answer: a stuck connection already blocks the sending.
const PROBE_SLACK: Duration = Duration::from_secs(5);

/// Both questions about limits together.
const LIMITS_WITHIN: Duration = Duration::from_secs(40);

/// The quota that is asked for.
const NEW_CHATS: &str = "INDIVIDUAL_NEW_CHAT_MSG";

/// Is the client logged in, and does WhatsApp answer it?
pub(super) async fn probe(client: Arc<Client>, within: Duration) -> bool {
    if !client.is_logged_in() {
        // After an error the service closes in a moment, and that end tells more than a probe. Otherwise this time is the answer.
        tokio::time::sleep(within).await;
    }
    let asked = client.execute(KeepaliveSpec::with_timeout(within));
    let answered = client.is_logged_in()
        && match timeout(within.saturating_add(PROBE_SLACK), asked).await {
            Ok(Ok(())) => true,
            // An answer we did not expect is an answer.
            Ok(Err(error)) => {
                matches!(error, IqError::ServerError { .. } | IqError::UnexpectedResponseType { .. } | IqError::ParseError(_))
            }
            Err(_) => false,
        };
    answered && client.is_logged_in()
}

/// The account's limits, as far as WhatsApp tells them. Read-only questions of WhatsApp's own client.
pub(super) async fn limits(client: Arc<Client>) -> Vec<Limit> {
    let asked = async {
        let mex = client.mex();
        let which = capping::Variables { input: Some(capping::Input { r#type: Some(NEW_CHATS.to_owned()) }) };
        let lock = mex.query(MexRequest::new(timelock::NAME, timelock::DOC_ID, timelock::Variables {}));
        let quota = mex.query(MexRequest::new(capping::NAME, capping::DOC_ID, which));
        let (lock, quota) = tokio::join!(lock, quota);
        let lock = lock.ok().and_then(|answer| answer.data).and_then(|data| limits::timelock_answered(&data));
        let quota = quota.ok().and_then(|answer| answer.data).and_then(|data| limits::cap_answered(&data));
        lock.into_iter().chain(quota).collect()
    };
    let limits: Vec<Limit> = timeout(LIMITS_WITHIN, asked).await.unwrap_or_default();
    if limits.is_empty() {
        tracing::debug!("WhatsApp did not tell the account's limits");
    }
    limits
}

/// The client's counters and what its caches hold.
pub(super) async fn measure(client: Arc<Client>) -> LinkNumbers {
    let memory_bytes = client.memory_report().await.total_estimated_bytes();
    LinkNumbers { memory_bytes, ..counted(&client) }
}

/// The client's counters alone, at once.
pub(super) fn counted(client: &Client) -> LinkNumbers {
    let StatsSnapshot {
        bytes_sent,
        bytes_received,
        frames_sent,
        frames_received,
        messages_sent,
        messages_received,
        events_dropped,
        resends_throttled,
        ..
    } = client.stats();
    LinkNumbers {
        bytes_received,
        bytes_sent,
        frames_received,
        frames_sent,
        messages_received,
        messages_sent,
        events_dropped,
        resends_throttled,
        memory_bytes: 0,
    }
}
