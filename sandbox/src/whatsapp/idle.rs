//! Linked devices nobody sits at: they fill the slots of an account, as a browser forgotten in another salon does.

use rand::RngExt as _;
use wacore_libsignal::protocol::KeyPair;

use super::companion::{Registration, SignedKeyPart};
use super::phone::Phone;
use super::view::PhoneError;

/// Links a device with keys of its own that never logs in.
pub(crate) fn link_idle_device(phone: &Phone) -> Result<u16, PhoneError> {
    let device = phone.reserve_device()?;
    let mut random = rand::rng();
    let (identity, signed) = (KeyPair::generate(&mut random), KeyPair::generate(&mut random));
    let raw = |key: &KeyPair| <[u8; 32]>::try_from(key.public_key.public_key_bytes()).expect("a Curve25519 key has 32 bytes");
    let signature = identity.calculate_signature(&signed.public_key.serialize(), &mut random).expect("a fresh private key signs").to_vec();
    let registration = Registration {
        noise_key: random.random(),
        identity: raw(&identity),
        registration_id: random.random_range(1..=16_380),
        signed: SignedKeyPart { id: 1, public: raw(&signed), signature },
    };
    let invitation = phone.invite(device, &[0; 32], &registration.identity);
    let countersigned = invitation.countersigned_by(&identity).ok_or(PhoneError::Encryption)?;
    phone.link(device, registration, countersigned)?;
    Ok(device)
}
