//! Account signatures: which devices belong to an account, signed by its phone and countersigned by the device.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wacore_libsignal::protocol::{KeyPair, PublicKey};
use waproto::buffa::Message as _;
use waproto::whatsapp::{ADVDeviceIdentity, ADVKeyIndexList, ADVSignedDeviceIdentity, ADVSignedDeviceIdentityHMAC, ADVSignedKeyIndexList};

/// Domain separators of the three signatures.
const ACCOUNT_SIGNATURE: [u8; 2] = [6, 0];
const DEVICE_SIGNATURE: [u8; 2] = [6, 1];
const KEY_INDEX_SIGNATURE: [u8; 2] = [6, 2];

/// What the phone hands to a new device, and what it must check when the device has signed it.
pub(crate) struct Invitation {
    /// Content of `<device-identity>` in pair-success.
    pub(crate) container: Vec<u8>,
    details: Vec<u8>,
    account_key: Vec<u8>,
}

/// Signs a new device into the account. `secret` is the one the phone learned from the QR code or the key exchange.
pub(crate) fn invite(account: &KeyPair, raw_id: u32, device: u16, secret: &[u8; 32], device_identity: &[u8; 32]) -> Invitation {
    let details = ADVDeviceIdentity {
        raw_id: Some(raw_id),
        timestamp: Some(unix_seconds()),
        key_index: Some(u32::from(device)),
        ..Default::default()
    }
    .encode_to_vec();
    let account_key = account.public_key.public_key_bytes().to_vec();
    let signature = sign(account, &[&ACCOUNT_SIGNATURE, &details, device_identity]);
    let signed = ADVSignedDeviceIdentity {
        details: Some(details.clone()),
        account_signature_key: Some(account_key.clone()),
        account_signature: Some(signature),
        device_signature: None,
    }
    .encode_to_vec();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a MAC key may have any length");
    mac.update(&signed);
    let container =
        ADVSignedDeviceIdentityHMAC { hmac: Some(mac.finalize().into_bytes().to_vec()), details: Some(signed), ..Default::default() }
            .encode_to_vec();
    Invitation { container, details, account_key }
}

impl Invitation {
    /// Checks the device's signature and returns the complete identity for `<device-identity>` towards contacts.
    pub(crate) fn accept(&self, signed: &[u8], device_identity: &[u8; 32]) -> Result<Vec<u8>, &'static str> {
        let mut signed = ADVSignedDeviceIdentity::decode_from_slice(signed).map_err(|_| "unreadable device identity")?;
        if signed.details.as_deref() != Some(self.details.as_slice()) {
            return Err("the device signed another identity");
        }
        let signature = signed.device_signature.as_deref().ok_or("no device signature")?;
        let key = PublicKey::from_djb_public_key_bytes(device_identity).map_err(|_| "the identity key is no key")?;
        let message = [DEVICE_SIGNATURE.as_slice(), &self.details, device_identity, &self.account_key].concat();
        if !key.verify_signature(&message, signature) {
            return Err("the device signature is wrong");
        }
        // Devices may leave the account's key out when they answer; contacts want it.
        signed.account_signature_key = Some(self.account_key.clone());
        Ok(signed.encode_to_vec())
    }

    /// Signs as the invited device would; for devices that are nobody's client.
    pub(crate) fn countersigned_by(&self, device: &KeyPair) -> Option<Vec<u8>> {
        let container = ADVSignedDeviceIdentityHMAC::decode_from_slice(&self.container).ok()?;
        let mut signed = ADVSignedDeviceIdentity::decode_from_slice(&container.details?).ok()?;
        let identity = device.public_key.public_key_bytes();
        signed.device_signature = Some(sign(device, &[&DEVICE_SIGNATURE, &self.details, identity, &self.account_key]));
        Some(signed.encode_to_vec())
    }
}

/// The account's list of valid devices, as contacts get it.
pub(crate) fn key_index_list(account: &KeyPair, raw_id: u32, timestamp: u64, devices: &[u16]) -> Vec<u8> {
    let details = ADVKeyIndexList {
        raw_id: Some(raw_id),
        timestamp: Some(timestamp),
        current_index: Some(u32::from(devices.iter().copied().max().unwrap_or(0))),
        valid_indexes: std::iter::once(0).chain(devices.iter().map(|device| u32::from(*device))).collect(),
        ..Default::default()
    }
    .encode_to_vec();
    ADVSignedKeyIndexList {
        account_signature: Some(sign(account, &[&KEY_INDEX_SIGNATURE, &details])),
        details: Some(details),
        ..Default::default()
    }
    .encode_to_vec()
}

/// Whether the signed key of a registration was made by the identity it came with.
pub(crate) fn is_signed_by(identity: &[u8; 32], key: &[u8; 32], signature: &[u8]) -> bool {
    let (Ok(identity), Ok(key)) = (PublicKey::from_djb_public_key_bytes(identity), PublicKey::from_djb_public_key_bytes(key)) else {
        return false;
    };
    identity.verify_signature(&key.serialize(), signature)
}

/// Seconds since 1970, as stanzas carry time.
pub(crate) fn unix_seconds() -> u64 {
    u64::try_from(chrono::Utc::now().timestamp()).unwrap_or(0)
}

fn sign(key: &KeyPair, parts: &[&[u8]]) -> Vec<u8> {
    key.calculate_signature(&parts.concat(), &mut rand::rng()).expect("a private key signs").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed_by(device: &KeyPair, invitation: &Invitation) -> Vec<u8> {
        let identity = device.public_key.public_key_bytes();
        let signature = sign(device, &[&DEVICE_SIGNATURE, &invitation.details, identity, &invitation.account_key]);
        ADVSignedDeviceIdentity { details: Some(invitation.details.clone()), device_signature: Some(signature), ..Default::default() }
            .encode_to_vec()
    }

    #[test]
    fn only_the_invited_device_is_accepted() {
        let mut random = rand::rng();
        let (account, device, other) = (KeyPair::generate(&mut random), KeyPair::generate(&mut random), KeyPair::generate(&mut random));
        let identity: [u8; 32] = device.public_key.public_key_bytes().try_into().expect("a key has 32 bytes");
        let invitation = invite(&account, 7, 1, &[9; 32], &identity);
        assert!(invitation.accept(&signed_by(&device, &invitation), &identity).is_ok());
        assert!(invitation.accept(&signed_by(&other, &invitation), &identity).is_err());
        assert!(invitation.accept(b"nonsense", &identity).is_err());
    }
}
