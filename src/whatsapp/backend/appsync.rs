//! App state: its keys, versions and MACs.

use async_trait::async_trait;
use wacore::appstate::hash::HashState;
use wacore::appstate::processor::AppStateMutationMAC;
use wacore::store::error::Result;
use wacore::store::traits::{AppStateSyncKey, AppSyncStore};

use super::tables::{LATEST_SYNC_KEY, MUTATION_MAC, SYNC_KEY, SYNC_VERSION};
use super::{Backend, joined};

#[async_trait]
impl AppSyncStore for Backend {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        self.get_json(SYNC_KEY, key_id)
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        self.change(|batch| {
            batch.put_json(SYNC_KEY, key_id, &key)?;
            batch.put(LATEST_SYNC_KEY, b"", key_id.to_vec());
            Ok(())
        })
        .await
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        Ok(self.get_json(SYNC_VERSION, name.as_bytes())?.unwrap_or_default())
    }

    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        self.change(|batch| batch.put_json(SYNC_VERSION, name.as_bytes(), &state)).await
    }

    async fn put_mutation_macs(&self, name: &str, _version: u64, mutations: &[AppStateMutationMAC]) -> Result<()> {
        self.change(|batch| {
            for mutation in mutations {
                batch.put(MUTATION_MAC, &mac_key(name, &mutation.index_mac), mutation.value_mac.clone());
            }
            Ok(())
        })
        .await
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(MUTATION_MAC, &mac_key(name, index_mac))
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        self.change(|batch| {
            for index_mac in index_macs {
                batch.delete(MUTATION_MAC, &mac_key(name, index_mac));
            }
            Ok(())
        })
        .await
    }

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        self.change(|batch| {
            for (key, _) in batch.scan(MUTATION_MAC, &joined(&[name]))? {
                batch.delete(MUTATION_MAC, &key);
            }
            Ok(())
        })
        .await
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        self.get(LATEST_SYNC_KEY, b"")
    }
}

fn mac_key(collection: &str, index_mac: &[u8]) -> Vec<u8> {
    [&joined(&[collection])[..], index_mac].concat()
}
