//! Secrets of messages, needed to read what is later added to them (edits, votes).

use async_trait::async_trait;
use wacore::store::error::{Result, StoreError};
use wacore::store::traits::{MsgSecretEntry, MsgSecretStore, merge_msg_secret_expiry, merge_msg_secret_message_ts};

use super::tables::MESSAGE_SECRET;
use super::{Backend, joined};

/// A row: when it may go (0 = never), when the message was written (0 = unknown), both in Unix seconds, and the secret.
struct Row {
    expires_at: i64,
    message_ts: i64,
    secret: [u8; 32],
}

impl Row {
    fn decode(bytes: &[u8]) -> Result<Self> {
        let torn = || StoreError::Validation("a message secret is incomplete".to_owned());
        let (expires_at, rest) = bytes.split_first_chunk().ok_or_else(torn)?;
        let (message_ts, rest) = rest.split_first_chunk().ok_or_else(torn)?;
        Ok(Self {
            expires_at: i64::from_be_bytes(*expires_at),
            message_ts: i64::from_be_bytes(*message_ts),
            secret: rest.try_into().map_err(|_| torn())?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        [&self.expires_at.to_be_bytes()[..], &self.message_ts.to_be_bytes(), &self.secret].concat()
    }

    /// A repeated message never shortens the time its secret is kept.
    fn merged_into(self, before: &Self) -> Self {
        Self {
            expires_at: merge_msg_secret_expiry(before.expires_at, self.expires_at),
            message_ts: merge_msg_secret_message_ts(before.message_ts, self.message_ts),
            secret: self.secret,
        }
    }
}

#[async_trait]
impl MsgSecretStore for Backend {
    async fn put_msg_secrets(&self, entries: Vec<MsgSecretEntry>) -> Result<usize> {
        self.change(|batch| {
            for entry in &entries {
                let key = joined(&[&entry.chat, &entry.sender, &entry.msg_id]);
                let row = Row { expires_at: entry.expires_at, message_ts: entry.message_ts, secret: entry.secret };
                let row = match batch.get(MESSAGE_SECRET, &key)? {
                    Some(before) => row.merged_into(&Row::decode(&before)?),
                    None => row,
                };
                batch.put(MESSAGE_SECRET, &key, row.encode());
            }
            Ok(entries.len())
        })
        .await
    }

    async fn get_msg_secret(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get_msg_secret_with_ts(chat, sender, msg_id).await?.map(|(secret, _)| secret))
    }

    async fn get_msg_secret_with_ts(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<(Vec<u8>, i64)>> {
        let Some(bytes) = self.get(MESSAGE_SECRET, &joined(&[chat, sender, msg_id]))? else { return Ok(None) };
        let row = Row::decode(&bytes)?;
        Ok(Some((row.secret.to_vec(), row.message_ts)))
    }

    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Result<u32> {
        let expired = |bytes: &[u8]| Row::decode(bytes).is_ok_and(|row| row.expires_at != 0 && row.expires_at <= cutoff_timestamp);
        self.change(|batch| batch.sweep(MESSAGE_SECRET, expired)).await
    }
}
