//! What the service and the phone know about one linked device.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use wacore_binary::Node;
use wacore_libsignal::protocol::{IdentityKey, PreKeyBundle, PreKeyId, PublicKey, SignalProtocolError, SignedPreKeyId};
use waproto::whatsapp::client_payload::DevicePairingRegistrationData;

use super::adv;
use super::link::LinkRef;

/// Stanzas kept for a device that doesn't acknowledge them; the oldest go first.
const MAX_WAITING: usize = 1000;
/// One-time keys kept per device; real clients upload 812 and refill.
const MAX_ONE_TIME_KEYS: usize = 4096;

/// The keys a device brought when it registered.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Registration {
    /// Noise static key; every login must come with the same.
    pub(crate) noise_key: [u8; 32],
    pub(crate) identity: [u8; 32],
    pub(crate) registration_id: u32,
    pub(crate) signed: SignedKeyPart,
}

/// A signed key, public part.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SignedKeyPart {
    pub(crate) id: u32,
    pub(crate) public: [u8; 32],
    pub(crate) signature: Vec<u8>,
}

/// A linked device.
pub(crate) struct Companion {
    pub(crate) registration: Registration,
    /// The signed device identity contacts get along with the keys.
    pub(crate) device_identity: Vec<u8>,
    /// One-time keys uploaded and not handed out yet.
    pub(crate) one_time: VecDeque<(u32, [u8; 32])>,
    /// The live link, at most one.
    pub(crate) link: Option<LinkRef>,
    /// Whether the live link has asked for its stanzas.
    pub(crate) receiving: bool,
    waiting: VecDeque<(String, Node)>,
}

/// A linked device as it is written down: without its link and without what waits for it.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptCompanion {
    registration: Registration,
    device_identity: Vec<u8>,
    one_time: VecDeque<(u32, [u8; 32])>,
}

impl Registration {
    /// Reads the registration of an unpaired client; `None` when keys are missing or not signed by the identity.
    pub(crate) fn read(noise_key: [u8; 32], data: &DevicePairingRegistrationData) -> Option<Self> {
        let identity: [u8; 32] = data.e_ident.as_deref()?.try_into().ok()?;
        let public: [u8; 32] = data.e_skey_val.as_deref()?.try_into().ok()?;
        let signature = data.e_skey_sig.clone()?;
        if !adv::is_signed_by(&identity, &public, &signature) {
            return None;
        }
        Some(Self {
            noise_key,
            identity,
            registration_id: big_endian(data.e_regid.as_deref()?),
            signed: SignedKeyPart { id: big_endian(data.e_skey_id.as_deref()?), public, signature },
        })
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            noise_key: [1; 32],
            identity: [2; 32],
            registration_id: 1,
            signed: SignedKeyPart { id: 1, public: [3; 32], signature: vec![0; 64] },
        }
    }
}

impl Companion {
    pub(crate) fn new(registration: Registration, device_identity: Vec<u8>) -> Self {
        Self { registration, device_identity, one_time: VecDeque::new(), link: None, receiving: false, waiting: VecDeque::new() }
    }

    pub(crate) fn kept(&self) -> KeptCompanion {
        let (registration, device_identity) = (self.registration.clone(), self.device_identity.clone());
        KeptCompanion { registration, device_identity, one_time: self.one_time.clone() }
    }

    pub(crate) fn revive(kept: KeptCompanion) -> Self {
        Self { one_time: kept.one_time, ..Self::new(kept.registration, kept.device_identity) }
    }

    /// Adds uploaded one-time keys; a key id uploaded twice stays once.
    pub(crate) fn add_one_time_keys(&mut self, keys: Vec<(u32, [u8; 32])>) {
        for (id, key) in keys {
            if self.one_time.len() >= MAX_ONE_TIME_KEYS {
                return;
            }
            let newest = self.one_time.back().is_none_or(|(last, _)| *last < id);
            if newest || self.one_time.iter().all(|(known, _)| *known != id) {
                self.one_time.push_back((id, key));
            }
        }
    }

    /// Keys for somebody who wants to write to the device; uses up a one-time key.
    pub(crate) fn bundle(&mut self, device: u16) -> Result<PreKeyBundle, SignalProtocolError> {
        let one_time = match self.one_time.pop_front() {
            Some((id, key)) => Some((PreKeyId::from(id), public_key(&key)?)),
            None => None,
        };
        let signed = &self.registration.signed;
        PreKeyBundle::new(
            self.registration.registration_id,
            u32::from(device).into(),
            one_time,
            SignedPreKeyId::from(signed.id),
            public_key(&signed.public)?,
            signed.signature.clone(),
            IdentityKey::new(public_key(&self.registration.identity)?),
        )
    }

    pub(crate) fn keep(&mut self, id: &str, stanza: &Node) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((id.to_owned(), stanza.clone()));
    }

    pub(crate) fn acknowledge(&mut self, id: &str) {
        if let Some(position) = self.waiting.iter().position(|(waiting, _)| waiting == id) {
            self.waiting.remove(position);
        }
    }

    /// Everything the device hasn't acknowledged, oldest first.
    pub(crate) fn unacknowledged(&self) -> Vec<Node> {
        self.waiting.iter().map(|(_, stanza)| stanza.clone()).collect()
    }
}

/// Reads up to four big-endian bytes, as key ids and registration ids come.
pub(crate) fn big_endian(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn public_key(bytes: &[u8; 32]) -> Result<PublicKey, SignalProtocolError> {
    PublicKey::from_djb_public_key_bytes(bytes).map_err(|_| SignalProtocolError::InvalidArgument("not a public key".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wacore_binary::builder::NodeBuilder;

    #[test]
    fn stanzas_stay_until_they_are_acknowledged() {
        let mut companion = Companion::new(Registration::for_tests(), Vec::new());
        let stanza = NodeBuilder::new("message").build();
        companion.keep("A", &stanza);
        companion.keep("B", &stanza);
        companion.acknowledge("A");
        companion.acknowledge("unknown");
        assert_eq!(companion.unacknowledged().len(), 1);
    }

    #[test]
    fn repeated_uploads_keep_each_key_once() {
        let mut companion = Companion::new(Registration::for_tests(), Vec::new());
        companion.add_one_time_keys(vec![(1, [1; 32]), (2, [2; 32])]);
        companion.add_one_time_keys(vec![(2, [2; 32]), (3, [3; 32])]);
        assert_eq!(companion.one_time.len(), 3);
    }

    #[test]
    fn ids_are_big_endian() {
        assert_eq!(big_endian(&[0, 1, 2]), 258);
    }
}
