//! Identities, sessions, pre-keys and sender keys.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wacore::store::error::{Result, StoreError};
use wacore::store::traits::SignalStore;

use super::Backend;
use super::tables::{IDENTITY, PREKEY, SENDER_KEY, SESSION, SIGNED_PREKEY};

#[async_trait]
impl SignalStore for Backend {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        self.change(|batch| {
            batch.put(IDENTITY, address.as_bytes(), key.to_vec());
            Ok(())
        })
        .await
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        self.change(|batch| {
            for (address, key) in identities {
                batch.put(IDENTITY, address.as_bytes(), key.to_vec());
            }
            Ok(())
        })
        .await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        let Some(bytes) = self.get(IDENTITY, address.as_bytes())? else { return Ok(None) };
        let key = bytes.try_into().map_err(|_| StoreError::Validation("an identity key isn't 32 bytes".to_owned()))?;
        Ok(Some(key))
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.change(|batch| {
            batch.delete(IDENTITY, address.as_bytes());
            Ok(())
        })
        .await
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        Ok(self.get(SESSION, address.as_bytes())?.map(Bytes::from))
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        self.change(|batch| {
            batch.put(SESSION, address.as_bytes(), session.to_vec());
            Ok(())
        })
        .await
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.change(|batch| {
            for (address, session) in sessions {
                batch.put(SESSION, address.as_bytes(), session.to_vec());
            }
            Ok(())
        })
        .await
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.change(|batch| {
            batch.delete(SESSION, address.as_bytes());
            Ok(())
        })
        .await
    }

    /// Addresses look like `user@server` or `user:device@server`.
    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        for table in [SESSION, IDENTITY] {
            for after_user in ['@', ':'] {
                if !self.scan(table, format!("{user}{after_user}").as_bytes())?.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn store_prekey(&self, id: u32, record: &[u8], _uploaded: bool) -> Result<()> {
        self.change(|batch| {
            batch.put(PREKEY, &id.to_be_bytes(), record.to_vec());
            Ok(())
        })
        .await
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], _uploaded: bool) -> Result<()> {
        self.change(|batch| {
            for (id, record) in keys {
                batch.put(PREKEY, &id.to_be_bytes(), record.to_vec());
            }
            Ok(())
        })
        .await
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        Ok(self.get(PREKEY, &id.to_be_bytes())?.map(Bytes::from))
    }

    /// Which keys are uploaded can't be asked through these traits (the device row counts them), so it isn't stored. That also
    /// keeps the rule that a consumed key never comes back.
    async fn mark_prekeys_uploaded(&self, _ids: &[u32]) -> Result<()> {
        Ok(())
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.change(|batch| {
            batch.delete(PREKEY, &id.to_be_bytes());
            Ok(())
        })
        .await
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        let keys = self.scan(PREKEY, &[])?;
        Ok(keys.last().map_or(0, |(key, _)| number(key)))
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        self.change(|batch| {
            batch.put(SIGNED_PREKEY, &id.to_be_bytes(), record.to_vec());
            Ok(())
        })
        .await
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        self.get(SIGNED_PREKEY, &id.to_be_bytes())
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let keys = self.scan(SIGNED_PREKEY, &[])?;
        Ok(keys.into_iter().map(|(key, record)| (number(&key), record)).collect())
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.change(|batch| {
            batch.delete(SIGNED_PREKEY, &id.to_be_bytes());
            Ok(())
        })
        .await
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        self.change(|batch| {
            batch.put(SENDER_KEY, address.as_bytes(), record.to_vec());
            Ok(())
        })
        .await
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.change(|batch| {
            for (address, record) in sender_keys {
                batch.put(SENDER_KEY, address.as_bytes(), record.to_vec());
            }
            Ok(())
        })
        .await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        self.get(SENDER_KEY, address.as_bytes())
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.change(|batch| {
            batch.delete(SENDER_KEY, address.as_bytes());
            Ok(())
        })
        .await
    }
}

/// The number a pre-key's key stands for.
fn number(key: &[u8]) -> u32 {
    key.try_into().map_or(0, u32::from_be_bytes)
}
