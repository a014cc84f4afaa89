//! What a restored vault must not go on with.
//!
//! A Signal session counts the messages it has sealed; the vault of a backup has counted fewer than were really sent, and going on from there
//! would use keys a second time. So before the first link after a restore all sessions and group keys go: the next message to a contact
//! makes a new session, and a contact who still writes in the old one is asked, by the protocol's own retry, to write again in a new one.

use frontdesk_actors::ports::VAULT_RESTORED;
use wacore::store::error::Result;

use super::tables::{SENDER_KEY, SENDER_KEY_DEVICE, SESSION, Table, small};
use super::{Backend, Batch};

/// The store's own mark.
const RESTORED: Table = small(VAULT_RESTORED.0);

impl Backend {
    /// Forgets the sessions of a vault that was restored from a backup, and the mark with them, in one write. Was there anything to do?
    pub(in crate::whatsapp) async fn renew_after_restore(&self) -> Result<bool> {
        let (_, key) = VAULT_RESTORED;
        if self.get(RESTORED, key)?.is_none() {
            return Ok(false);
        }
        self.change(|batch| {
            forget(batch, SESSION)?;
            forget(batch, SENDER_KEY)?;
            forget(batch, SENDER_KEY_DEVICE)?;
            batch.delete(RESTORED, key);
            Ok(true)
        })
        .await
    }
}

fn forget(batch: &mut Batch<'_>, table: Table) -> Result<()> {
    batch.sweep(table, |_| true).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use frontdesk_actors::ids::CompanyId;
    use frontdesk_actors::ports::{Vault, VaultOp};
    use frontdesk_actors::testing::MemoryRecords;
    use wacore::store::traits::SignalStore;

    use super::*;

    #[tokio::test]
    async fn a_restored_vault_loses_its_sessions_once_and_nothing_else() {
        let vault = Arc::new(MemoryRecords::default());
        let company = CompanyId::try_from(1).unwrap();
        let backend = Backend::new(company, vault.clone());
        let long = vec![7; 200 * 1024];
        backend.put_session("a@s.whatsapp.net", &long).await.unwrap();
        backend.put_session("b@s.whatsapp.net", b"short").await.unwrap();
        backend.put_sender_key("group::me", b"key").await.unwrap();
        backend.put_identity("a@s.whatsapp.net", [1; 32]).await.unwrap();
        backend.store_prekey(5, b"pre-key", false).await.unwrap();
        assert!(!backend.renew_after_restore().await.unwrap(), "no mark, nothing to do");
        assert!(backend.get_session("b@s.whatsapp.net").await.unwrap().is_some());

        let (table, key) = VAULT_RESTORED;
        vault.write(company, vec![VaultOp::Put { table, key: key.to_vec(), value: b"restored".to_vec() }]).await.unwrap();
        assert!(backend.renew_after_restore().await.unwrap());
        for address in ["a@s.whatsapp.net", "b@s.whatsapp.net"] {
            assert!(backend.get_session(address).await.unwrap().is_none());
        }
        assert!(backend.get_sender_key("group::me").await.unwrap().is_none());
        assert_eq!(backend.load_identity("a@s.whatsapp.net").await.unwrap(), Some([1; 32]));
        assert!(backend.load_prekey(5).await.unwrap().is_some());
        backend.put_session("c@s.whatsapp.net", b"new").await.unwrap();
        assert!(!backend.renew_after_restore().await.unwrap(), "only once");
        assert!(backend.get_session("c@s.whatsapp.net").await.unwrap().is_some());
    }
}
