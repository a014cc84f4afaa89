//! Sealing at rest: XChaCha20-Poly1305, a random nonce per value, the storage key as associated data so that values can't be swapped.
//!
//! What is not hidden: keys (they hold ids, and in the vault the contacts' addresses), sizes, and the meta values.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Generate, Key, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a key's fingerprint.
pub(super) const KEY_ID_BYTES: usize = 8;
/// Bytes of a nonce, which is stored before the sealed text.
const NONCE_BYTES: usize = 24;

/// The key that seals everything at rest.
pub struct SealKey(SecretBox<[u8; KEY_BYTES]>);

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a seal key must be 32 random bytes, as 64 hexadecimal digits or in base64")]
pub struct SealKeyFormatError;

impl SealKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// A fresh random key.
    pub(super) fn generate() -> Self {
        Self::new(<[u8; KEY_BYTES]>::generate())
    }

    /// Reads 64 hexadecimal digits or base64 of 32 bytes, surrounded by any white space.
    pub fn parse(text: &str) -> Result<Self, SealKeyFormatError> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => hex::decode(text).map_err(|_| SealKeyFormatError)?,
            _ => STANDARD.decode(text).map_err(|_| SealKeyFormatError)?,
        };
        bytes.try_into().map(Self::new).map_err(|_| SealKeyFormatError)
    }

    /// Tells keys apart without telling them: a part of their hash. Stands in backups in the clear.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.id())
    }

    fn id(&self) -> [u8; KEY_ID_BYTES] {
        let digest: [u8; 32] = Sha256::new_with_prefix(b"frontdesk seal key").chain_update(self.0.expose_secret()).finalize().into();
        let (id, _) = digest.split_first_chunk().expect("a hash is longer than a fingerprint");
        *id
    }

    /// The key as hexadecimal digits, for its file.
    pub(super) fn to_hex(&self) -> String {
        hex::encode(self.0.expose_secret())
    }
}

impl Clone for SealKey {
    fn clone(&self) -> Self {
        Self::new(*self.0.expose_secret())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// The value was not sealed with this key for this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the value was changed, moved, or sealed with another key")]
pub(super) struct UnsealError;

/// Seals and opens values.
#[derive(Clone)]
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
    id: [u8; KEY_ID_BYTES],
}

impl Seal {
    pub(super) fn new(key: &SealKey) -> Self {
        let cipher = XChaCha20Poly1305::new(&Key::<XChaCha20Poly1305>::from(*key.0.expose_secret()));
        Self { cipher, id: key.id() }
    }

    /// The key's fingerprint.
    pub(super) fn id(&self) -> [u8; KEY_ID_BYTES] {
        self.id
    }

    /// Seals `plain` for the place `key`.
    pub(super) fn seal(&self, key: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = XNonce::generate();
        let text = self
            .cipher
            .encrypt(&nonce, Payload { msg: plain, aad: key })
            .expect("values are far shorter than the cipher's limit of 256 GiB");
        let mut sealed = Vec::with_capacity(NONCE_BYTES + text.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        sealed
    }

    /// Opens what was sealed for the place `key`.
    pub(super) fn open(&self, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES).ok_or(UnsealError)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| UnsealError)?;
        self.cipher.decrypt(&nonce, Payload { msg: text, aad: key }).map_err(|_| UnsealError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_at_its_place_with_its_key_and_unchanged() {
        let seal = Seal::new(&SealKey::new([1; 32]));
        let sealed = seal.seal(b"place", b"value");
        assert_eq!(seal.open(b"place", &sealed).unwrap(), b"value");
        assert_eq!(seal.open(b"other place", &sealed), Err(UnsealError));
        assert_eq!(Seal::new(&SealKey::new([2; 32])).open(b"place", &sealed), Err(UnsealError));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(b"place", &changed), Err(UnsealError));
        }
        assert_eq!(seal.open(b"place", b"short"), Err(UnsealError));
    }

    #[test]
    fn a_key_is_read_from_hex_and_base64_and_nothing_else() {
        let hex = format!(" {}\n", "0f".repeat(32));
        let base64 = STANDARD.encode([15; 32]);
        assert_eq!(SealKey::parse(&hex).unwrap().to_hex(), "0f".repeat(32));
        assert_eq!(SealKey::parse(&base64).unwrap().to_hex(), "0f".repeat(32));
        for wrong in ["", "0f", &"zz".repeat(32), &STANDARD.encode([15; 31])] {
            assert!(SealKey::parse(wrong).is_err());
        }
        assert_eq!(format!("{:?}", SealKey::new([1; 32])), "SealKey(…)");
    }
}
