//! The Signal state of one simulated phone: in memory, used synchronously under the phone's lock.

mod kept;

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use wacore_libsignal::protocol::error::Result;
use wacore_libsignal::protocol::{
    CiphertextMessage, CiphertextMessageType, Direction, GenericSignedPreKey, IdentityChange, IdentityKey, IdentityKeyPair,
    IdentityKeyStore, KeyPair, PreKeyBundle, PreKeyId, PreKeyRecord, PreKeySignalMessage, PreKeyStore, PrivateKey, ProtocolAddress,
    SessionRecord, SessionStore, SignalMessage, SignalProtocolError, SignedPreKeyId, SignedPreKeyRecord, SignedPreKeyStore, Timestamp,
    UsePQRatchet, message_decrypt, message_encrypt, process_prekey_bundle,
};

pub(crate) use kept::KeptSignal;

/// One-time keys handed out and not used yet; the oldest go first.
const MAX_ONE_TIME_KEYS: usize = 512;
/// The phone never rotates its signed key.
const SIGNED_KEY_ID: u32 = 1;

/// An encrypted message, as it goes into `<enc>`.
pub(crate) struct Sealed {
    /// `pkmsg` while the peer hasn't answered, `msg` afterwards.
    pub(crate) kind: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// The public half of the phone's signed key.
pub(crate) struct SignedKey {
    pub(crate) id: u32,
    pub(crate) public: [u8; 32],
    pub(crate) signature: Vec<u8>,
}

/// One phone as a Signal peer.
pub(crate) struct SignalPeer {
    identities: Identities,
    sessions: Sessions,
    one_time: OneTimeKeys,
    signed: SignedKeys,
}

impl SignalPeer {
    pub(crate) fn new(identity: &KeyPair, registration_id: u32) -> Self {
        Self::with_signed_key(identity, registration_id, KeyPair::generate(&mut rand::rng()))
    }

    fn with_signed_key(identity: &KeyPair, registration_id: u32, key: KeyPair) -> Self {
        let signature = identity.calculate_signature(&key.public_key.serialize(), &mut rand::rng()).expect("a fresh private key signs");
        let record = SignedPreKeyRecord::new(SIGNED_KEY_ID.into(), Timestamp::from_epoch_millis(0), &key, &signature);
        let identity = IdentityKeyPair::new(IdentityKey::new(identity.public_key), identity.private_key.clone());
        Self {
            identities: Identities { own: identity, registration_id, known: HashMap::new() },
            sessions: Sessions::default(),
            one_time: OneTimeKeys::default(),
            signed: SignedKeys {
                record,
                private: key.private_key,
                public: SignedKey { id: SIGNED_KEY_ID, public: raw_key(key.public_key.public_key_bytes()), signature: signature.to_vec() },
            },
        }
    }

    pub(crate) fn has_session(&self, peer: &ProtocolAddress) -> bool {
        self.sessions.records.contains_key(peer.as_str())
    }

    /// Forgets a session that turned out to be broken; the next message starts another.
    pub(crate) fn forget(&mut self, peer: &ProtocolAddress) {
        self.sessions.records.remove(peer.as_str());
    }

    pub(crate) fn start_session(&mut self, peer: &ProtocolAddress, bundle: &PreKeyBundle) -> Result<()> {
        let (sessions, identities) = (&mut self.sessions, &mut self.identities);
        let mut random = rand::rng();
        at_once(process_prekey_bundle(peer, sessions, identities, bundle, &mut random, UsePQRatchet::No))?;
        Ok(())
    }

    pub(crate) fn encrypt(&mut self, peer: &ProtocolAddress, plaintext: &[u8]) -> Result<Sealed> {
        let message = at_once(message_encrypt(plaintext, peer, &mut self.sessions, &mut self.identities))?;
        let kind = match message.message_type() {
            CiphertextMessageType::PreKey => "pkmsg",
            CiphertextMessageType::Whisper | CiphertextMessageType::SenderKey | CiphertextMessageType::Plaintext => "msg",
        };
        Ok(Sealed { kind, bytes: message.serialize().to_vec() })
    }

    pub(crate) fn decrypt(&mut self, peer: &ProtocolAddress, kind: &str, ciphertext: &[u8]) -> Result<Vec<u8>> {
        let message = if kind == "pkmsg" {
            CiphertextMessage::PreKeySignalMessage(PreKeySignalMessage::try_from(ciphertext)?)
        } else {
            CiphertextMessage::SignalMessage(SignalMessage::try_from(ciphertext)?)
        };
        let mut random = rand::rng();
        let opened = at_once(message_decrypt(
            &message,
            peer,
            &mut self.sessions,
            &mut self.identities,
            &mut self.one_time,
            &self.signed,
            &mut random,
            UsePQRatchet::No,
        ))?;
        if let Some(used) = opened.consumed_prekey_id {
            self.one_time.keys.remove(&u32::from(used));
        }
        Ok(opened.plaintext)
    }

    pub(crate) fn signed_key(&self) -> &SignedKey {
        &self.signed.public
    }

    /// Makes a one-time key for somebody who wants to write to the phone.
    pub(crate) fn one_time_key(&mut self) -> (u32, [u8; 32]) {
        let key = KeyPair::generate(&mut rand::rng());
        let public = raw_key(key.public_key.public_key_bytes());
        self.one_time.last += 1;
        let id = self.one_time.last;
        self.one_time.keys.insert(id, PreKeyRecord::new(id.into(), &key));
        if self.one_time.keys.len() > MAX_ONE_TIME_KEYS {
            self.one_time.keys.pop_first();
        }
        (id, public)
    }
}

/// Runs a protocol step to its end. The stores below answer at once, so nothing ever waits.
fn at_once<T>(step: impl Future<Output = Result<T>>) -> Result<T> {
    step.now_or_never().expect("stores in memory never wait")
}

fn raw_key(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("a Curve25519 key has 32 bytes")
}

struct Identities {
    own: IdentityKeyPair,
    registration_id: u32,
    known: HashMap<String, IdentityKey>,
}

#[derive(Default)]
struct Sessions {
    records: HashMap<String, SessionRecord>,
}

#[derive(Default)]
struct OneTimeKeys {
    last: u32,
    keys: BTreeMap<u32, PreKeyRecord>,
}

struct SignedKeys {
    record: SignedPreKeyRecord,
    private: PrivateKey,
    public: SignedKey,
}

#[async_trait]
impl IdentityKeyStore for Identities {
    async fn get_identity_key_pair(&self) -> Result<IdentityKeyPair> {
        Ok(self.own.clone())
    }

    async fn get_local_registration_id(&self) -> Result<u32> {
        Ok(self.registration_id)
    }

    async fn save_identity(&mut self, peer: &ProtocolAddress, identity: &IdentityKey) -> Result<IdentityChange> {
        match self.known.insert(peer.as_str().to_owned(), *identity) {
            Some(old) if old != *identity => Ok(IdentityChange::ReplacedExisting),
            Some(_) | None => Ok(IdentityChange::NewOrUnchanged),
        }
    }

    /// A phone accepts a contact's new keys, as WhatsApp does by default.
    async fn is_trusted_identity(&self, _: &ProtocolAddress, _: &IdentityKey, _: Direction) -> Result<bool> {
        Ok(true)
    }

    async fn get_identity(&self, peer: &ProtocolAddress) -> Result<Option<IdentityKey>> {
        Ok(self.known.get(peer.as_str()).copied())
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn load_session(&self, peer: &ProtocolAddress) -> Result<Option<SessionRecord>> {
        Ok(self.records.get(peer.as_str()).cloned())
    }

    async fn has_session(&self, peer: &ProtocolAddress) -> Result<bool> {
        Ok(self.records.contains_key(peer.as_str()))
    }

    async fn store_session(&mut self, peer: &ProtocolAddress, record: SessionRecord) -> Result<()> {
        self.records.insert(peer.as_str().to_owned(), record);
        Ok(())
    }
}

#[async_trait]
impl PreKeyStore for OneTimeKeys {
    async fn get_pre_key(&self, id: PreKeyId) -> Result<PreKeyRecord> {
        self.keys.get(&u32::from(id)).cloned().ok_or(SignalProtocolError::InvalidPreKeyId)
    }

    async fn save_pre_key(&mut self, id: PreKeyId, record: &PreKeyRecord) -> Result<()> {
        self.keys.insert(u32::from(id), record.clone());
        Ok(())
    }

    async fn remove_pre_key(&mut self, id: PreKeyId) -> Result<()> {
        self.keys.remove(&u32::from(id));
        Ok(())
    }
}

#[async_trait]
impl SignedPreKeyStore for SignedKeys {
    async fn get_signed_pre_key(&self, id: SignedPreKeyId) -> Result<SignedPreKeyRecord> {
        if u32::from(id) == self.public.id { Ok(self.record.clone()) } else { Err(SignalProtocolError::InvalidSignedPreKeyId) }
    }

    async fn save_signed_pre_key(&mut self, _: SignedPreKeyId, record: &SignedPreKeyRecord) -> Result<()> {
        self.record = record.clone();
        Ok(())
    }
}
