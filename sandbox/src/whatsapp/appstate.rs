//! App-state collections of an account: settings that its devices keep in step, encrypted for the service.

use std::collections::VecDeque;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use wacore_appstate::hash::{HashState, generate_patch_mac};
use wacore_appstate::{encode_record, expand_app_state_keys};
use waproto::buffa::{Message as _, MessageField};
use waproto::whatsapp::message::{
    AppStateSyncKey, AppStateSyncKeyData, AppStateSyncKeyFingerprint, AppStateSyncKeyId, AppStateSyncKeyShare, ProtocolMessage,
    protocol_message,
};
use waproto::whatsapp::sync_action_value::PushNameSetting;
use waproto::whatsapp::syncd_mutation::SyncdOperation;
use waproto::whatsapp::{KeyId, Message, SyncActionValue, SyncdPatch, SyncdVersion};

/// The collection that holds the push name; clients want it before they call themselves connected.
pub(crate) const CRITICAL_BLOCK: &str = "critical_block";
/// Patches kept per collection; a device that is further behind gets what is left.
const MAX_PATCHES: usize = 128;

/// The key with which an account's devices encrypt their settings.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AppStateKey {
    id: [u8; 6],
    data: [u8; 32],
    created_ms: i64,
}

/// One collection: a version and the patches that lead to it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Collection {
    version: u64,
    patches: VecDeque<Vec<u8>>,
}

/// A device built its patch on a version that isn't the newest one.
pub(crate) struct Conflict;

impl AppStateKey {
    pub(crate) fn generate() -> Self {
        let mut random = rand::rng();
        Self {
            // Two bytes of device, four of epoch: the phone's first key.
            id: [0, 0, 0, 0, 0, 1],
            data: random.random(),
            created_ms: chrono::Utc::now().timestamp_millis(),
        }
    }

    /// The message with which the phone gives the key to a new device.
    pub(crate) fn share(&self, raw_id: u32) -> Message {
        let key = AppStateSyncKey {
            key_id: MessageField::some(AppStateSyncKeyId { key_id: Some(self.id.to_vec()) }),
            key_data: MessageField::some(AppStateSyncKeyData {
                key_data: Some(self.data.to_vec()),
                fingerprint: MessageField::some(AppStateSyncKeyFingerprint {
                    raw_id: Some(raw_id),
                    current_index: Some(0),
                    device_indexes: vec![0],
                }),
                timestamp: Some(self.created_ms),
            }),
        };
        Message {
            protocol_message: MessageField::some(ProtocolMessage {
                r#type: Some(protocol_message::Type::APP_STATE_SYNC_KEY_SHARE),
                app_state_sync_key_share: MessageField::some(AppStateSyncKeyShare { keys: vec![key] }),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// The first version of `critical_block`: one patch that sets the account's push name.
    pub(crate) fn push_name_collection(&self, push_name: &str) -> Collection {
        let keys = expand_app_state_keys(&self.data);
        let value = SyncActionValue {
            push_name_setting: MessageField::some(PushNameSetting { name: Some(push_name.to_owned()) }),
            timestamp: Some(self.created_ms),
            ..Default::default()
        };
        let iv: [u8; 16] = rand::rng().random();
        let (mutation, _) = encode_record(SyncdOperation::SET, br#"["setting_pushName"]"#, &value, &keys, &self.id, &iv, 1);
        let mut state = HashState { version: 1, ..Default::default() };
        let mutations = vec![mutation];
        let (_, updated) = state.update_hash(&mutations, |_, _| Ok(None));
        debug_assert!(updated.is_ok(), "a first SET needs no previous value");
        let mut patch = SyncdPatch {
            version: MessageField::some(SyncdVersion { version: Some(1) }),
            mutations,
            snapshot_mac: Some(state.generate_snapshot_mac(CRITICAL_BLOCK, &keys.snapshot_mac)),
            key_id: MessageField::some(KeyId { id: Some(self.id.to_vec()) }),
            ..Default::default()
        };
        patch.patch_mac = Some(generate_patch_mac(&patch, CRITICAL_BLOCK, &keys.patch_mac, 1));
        Collection { version: 1, patches: VecDeque::from([patch.encode_to_vec()]) }
    }
}

impl Collection {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The patches a device at `version` lacks, oldest first.
    pub(crate) fn since(&self, version: u64) -> Vec<Vec<u8>> {
        let missing = self.version.saturating_sub(version);
        let missing = usize::try_from(missing).unwrap_or(usize::MAX).min(self.patches.len());
        self.patches.iter().skip(self.patches.len() - missing).cloned().collect()
    }

    /// Adds a device's patch on top of `base`.
    pub(crate) fn push(&mut self, base: u64, patch: &[u8]) -> Result<(), Conflict> {
        if base != self.version {
            return Err(Conflict);
        }
        let mut patch = SyncdPatch::decode_from_slice(patch).map_err(|_| Conflict)?;
        self.version += 1;
        patch.version = MessageField::some(SyncdVersion { version: Some(self.version) });
        self.patches.push_back(patch.encode_to_vec());
        if self.patches.len() > MAX_PATCHES {
            self.patches.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_gets_only_the_patches_it_lacks() {
        let mut collection = AppStateKey::generate().push_name_collection("Salon");
        assert_eq!(collection.since(0).len(), 1);
        assert!(collection.since(1).is_empty());
        assert!(collection.push(1, &SyncdPatch::default().encode_to_vec()).is_ok());
        assert!(collection.push(1, &SyncdPatch::default().encode_to_vec()).is_err());
        assert_eq!(collection.version(), 2);
        assert_eq!(collection.since(1).len(), 1);
        assert_eq!(collection.since(0).len(), 2);
    }
}
