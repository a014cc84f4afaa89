//! A phone's Signal state as it is written down between two runs of the sandbox.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use wacore_libsignal::protocol::{IdentityKey, KeyPair, PreKeyRecord, PrivateKey, PublicKey, SessionRecord};

use super::{OneTimeKeys, Sessions, SignalPeer};

/// Keys and sessions, encoded as the library does.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptSignal {
    signed_key: [u8; 32],
    known: BTreeMap<String, Vec<u8>>,
    sessions: BTreeMap<String, Vec<u8>>,
    last_one_time: u32,
    one_time: BTreeMap<u32, Vec<u8>>,
}

impl SignalPeer {
    /// Describes the state.
    pub(crate) fn keep(&self) -> anyhow::Result<KeptSignal> {
        let mut sessions = BTreeMap::new();
        for (peer, record) in &self.sessions.records {
            sessions.insert(peer.clone(), record.serialize()?);
        }
        let mut one_time = BTreeMap::new();
        for (id, record) in &self.one_time.keys {
            one_time.insert(*id, record.serialize()?);
        }
        Ok(KeptSignal {
            signed_key: *self.signed.private.serialize(),
            known: self.identities.known.iter().map(|(peer, key)| (peer.clone(), key.serialize().to_vec())).collect(),
            sessions,
            last_one_time: self.one_time.last,
            one_time,
        })
    }

    /// The state that was described.
    pub(crate) fn revive(identity: &KeyPair, registration_id: u32, kept: KeptSignal) -> anyhow::Result<Self> {
        let private = PrivateKey::deserialize(&kept.signed_key)?;
        let signed = KeyPair::new(private.public_key()?, private);
        let mut peer = Self::with_signed_key(identity, registration_id, signed);
        for (name, key) in kept.known {
            peer.identities.known.insert(name, IdentityKey::new(PublicKey::deserialize(&key)?));
        }
        let mut records = HashMap::new();
        for (name, bytes) in kept.sessions {
            records.insert(name, SessionRecord::deserialize(&bytes)?);
        }
        let mut keys = BTreeMap::new();
        for (id, bytes) in kept.one_time {
            keys.insert(id, PreKeyRecord::deserialize(&bytes)?);
        }
        peer.sessions = Sessions { records };
        peer.one_time = OneTimeKeys { last: kept.last_one_time, keys };
        Ok(peer)
    }
}
