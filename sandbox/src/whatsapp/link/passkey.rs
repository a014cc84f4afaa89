//! Linking with a passkey: the scan or the typed code isn't enough, the device must bring an assertion of the owner's
//! passkey and agree on a code with the phone. Only then the phone invites it, with a secret the device made.
//!
//! ```text
//! passkey_prologue_request ─> ref ─> passkey_prologue ─> crsc_continuation ─> companion_nonce ─> encrypted_pairing_request ─> pair-success
//! ```

use std::time::Duration;

use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use wacore::shortcake::ShortcakeUtils;
use wacore_binary::Node;
use wacore_libsignal::crypto::aes_256_gcm_decrypt;
use wacore_libsignal::protocol::{KeyPair, PublicKey};
use waproto::buffa::Message as _;
use waproto::whatsapp::device_props::PlatformType;
use waproto::whatsapp::{CompanionEphemeralIdentity, EncryptedPairingRequest, PairingRequest, PrimaryEphemeralIdentity, ProloguePayload};

use super::unpaired::PairOrder;
use super::{Link, Phase};
use crate::whatsapp::passkey::{PasskeyBehaviour, PasskeyStage};
use crate::whatsapp::stanza::{bytes_of, error_to, leaf, notification, result_to, result_with};
use crate::whatsapp::view::PhoneError;
use crate::whatsapp::wire::WireError;
use crate::whatsapp::world::new_reference;

/// The phone takes a moment for its part; a client isn't ready for the next step while it reads the last answer.
const PHONE_PAUSE: Duration = Duration::from_millis(200);
/// What a device hears when its assertion, or its owner, isn't accepted.
const FORBIDDEN: u16 = 403;

/// A link by passkey under way.
pub(super) struct Exchange {
    pub(super) order: PairOrder,
    challenge: [u8; 32],
    options: String,
    reference: Option<String>,
    device: Option<DeviceKeys>,
    /// The phone's part of the key exchange.
    ephemeral: KeyPair,
    nonce: [u8; 32],
}

/// What the device committed itself to.
struct DeviceKeys {
    identity: Vec<u8>,
    public: [u8; 32],
    platform: PlatformType,
    commitment: Vec<u8>,
}

impl Link {
    /// Asks the device for an assertion of the phone's passkey.
    pub(super) async fn request_passkey(&mut self, order: PairOrder) -> Result<(), WireError> {
        let id = self.iq_id();
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            return Ok(());
        };
        let challenge: [u8; 32] = rand::rng().random();
        let phone = &order.phone;
        let behaviour = phone.passkey_settings().behaviour;
        let options = match behaviour {
            PasskeyBehaviour::BadOptions => r#"{"challenge":17}"#.to_owned(),
            _ => phone.passkey().request_options(&challenge),
        };
        phone.set_passkey_stage(PasskeyStage::Requested { options: options.clone() });
        let told = match behaviour {
            PasskeyBehaviour::FetchOptions => Vec::new(),
            _ => vec![leaf("passkey_request_options", options.clone())],
        };
        let (ephemeral, nonce) = (KeyPair::generate(&mut rand::rng()), rand::rng().random());
        unpaired.passkey = Some(Exchange { order, challenge, options, reference: None, device: None, ephemeral, nonce });
        self.send(notification("passkey_prologue_request", id, told)).await
    }

    /// A step of the device; anything else gets an empty answer.
    pub(super) async fn on_passkey_step(&mut self, iq: &Node) -> Result<(), WireError> {
        let step = iq.children().unwrap_or_default().first();
        match step.map(|step| (step.tag.as_ref(), step)) {
            Some(("ref", _)) => self.on_ref(iq).await,
            Some(("passkey_request_options", _)) => self.on_options(iq).await,
            Some(("passkey_prologue", step)) => self.on_prologue(iq, step).await,
            Some(("companion_nonce", step)) => self.on_nonce(iq, step).await,
            Some(("encrypted_pairing_request", step)) => self.on_pairing_request(iq, step).await,
            // A ping, mostly.
            _ => self.send(result_to(iq)).await,
        }
    }

    fn exchange(&mut self) -> Option<&mut Exchange> {
        match &mut self.phase {
            Phase::Unpaired(unpaired) => unpaired.passkey.as_mut(),
            Phase::Online { .. } => None,
        }
    }

    async fn on_ref(&mut self, iq: &Node) -> Result<(), WireError> {
        let Some(exchange) = self.exchange() else {
            return self.send(error_to(iq, 400, "bad-request")).await;
        };
        let reference = exchange.reference.insert(new_reference()).clone();
        self.send(result_with(iq, leaf("ref", reference))).await
    }

    async fn on_options(&mut self, iq: &Node) -> Result<(), WireError> {
        let Some(exchange) = self.exchange() else {
            return self.send(error_to(iq, 400, "bad-request")).await;
        };
        let options = exchange.options.clone();
        self.send(result_with(iq, leaf("passkey_request_options", options))).await
    }

    /// The assertion, with the device's commitment to the keys it will show.
    async fn on_prologue(&mut self, iq: &Node, step: &Node) -> Result<(), WireError> {
        let id = self.iq_id();
        let Some(exchange) = self.exchange() else {
            return self.send(error_to(iq, 400, "bad-request")).await;
        };
        let behaviour = exchange.order.phone.passkey_settings().behaviour;
        if let Err(reason) = exchange.take_prologue(step, behaviour) {
            return self.refuse_passkey(iq, reason).await;
        }
        exchange.order.phone.set_passkey_stage(PasskeyStage::Proven);
        let identity = PrimaryEphemeralIdentity {
            public_key: Some(exchange.ephemeral.public_key.public_key_bytes().to_vec()),
            nonce: Some(exchange.nonce.to_vec()),
        };
        let identity = match behaviour {
            PasskeyBehaviour::BadContinuation => vec![0xFF; 3],
            _ => identity.encode_to_vec(),
        };
        self.send(result_to(iq)).await?;
        if behaviour != PasskeyBehaviour::Silent {
            self.send_later(notification("crsc_continuation", id, vec![leaf("primary_ephemeral_identity", identity)]), PHONE_PAUSE);
        }
        Ok(())
    }

    /// The device opens its commitment; now both sides can show the same code.
    async fn on_nonce(&mut self, iq: &Node, step: &Node) -> Result<(), WireError> {
        let Some(exchange) = self.exchange() else {
            return self.send(error_to(iq, 400, "bad-request")).await;
        };
        let Some(code) = exchange.code(&bytes_of(step)) else {
            return self.refuse_passkey(iq, "the device committed to something else").await;
        };
        exchange.order.phone.set_passkey_stage(PasskeyStage::Comparing { code });
        self.send(result_to(iq)).await
    }

    /// The device's owner agreed to the code: its keys and a new secret, for the phone alone.
    async fn on_pairing_request(&mut self, iq: &Node, step: &Node) -> Result<(), WireError> {
        let Some(exchange) = self.exchange() else {
            return self.send(error_to(iq, 400, "bad-request")).await;
        };
        if exchange.order.phone.passkey_settings().behaviour == PasskeyBehaviour::Decline {
            return self.refuse_passkey(iq, "the phone's owner didn't agree to the code").await;
        }
        let request = exchange.open(&bytes_of(step));
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            return Ok(());
        };
        let registration = &unpaired.registration;
        let secret = request.filter(|request| {
            request.companion_public_key.as_deref() == Some(&registration.noise_key[..])
                && request.companion_identity_key.as_deref() == Some(&registration.identity[..])
        });
        let secret = secret.and_then(|request| request.adv_secret).and_then(|secret| secret.try_into().ok());
        let (Some(secret), Some(exchange)) = (secret, unpaired.passkey.take()) else {
            return self.refuse_passkey(iq, "the device's keys can't be read or aren't its own").await;
        };
        exchange.order.phone.set_passkey_stage(PasskeyStage::Linked);
        self.send(result_to(iq)).await?;
        self.invite(PairOrder { secret, ..exchange.order }, PHONE_PAUSE).await
    }

    /// Ends the exchange: the device and the phone are both told.
    async fn refuse_passkey(&mut self, iq: &Node, reason: &'static str) -> Result<(), WireError> {
        if let Phase::Unpaired(unpaired) = &mut self.phase
            && let Some(exchange) = unpaired.passkey.take()
        {
            exchange.order.phone.set_passkey_stage(PasskeyStage::Failed { reason });
            drop(exchange.order.reply.send(Err(PhoneError::Refused(reason))));
        }
        self.send(error_to(iq, FORBIDDEN, "forbidden")).await
    }
}

impl Exchange {
    /// Checks the assertion and keeps what the device committed itself to.
    fn take_prologue(&mut self, step: &Node, behaviour: PasskeyBehaviour) -> Result<(), &'static str> {
        if behaviour == PasskeyBehaviour::Refuse {
            return Err("the passkey was refused");
        }
        let child = |tag: &str| step.get_optional_child(tag).map(bytes_of).unwrap_or_default();
        self.order.phone.passkey().check(&self.challenge, &child("credential_id"), &child("webauthn_assertion"))?;
        let payload = ProloguePayload::decode_from_slice(&child("prologue_payload")).map_err(|_| "the prologue can't be read")?;
        let identity = payload.companion_ephemeral_identity.ok_or("the prologue has no identity")?;
        let keys = CompanionEphemeralIdentity::decode_from_slice(&identity).map_err(|_| "the device's identity can't be read")?;
        if keys.r#ref != self.reference {
            return Err("the device's identity is for another reference");
        }
        let commitment = payload.commitment.into_option().and_then(|commitment| commitment.hash);
        self.device = Some(DeviceKeys {
            public: keys.public_key.and_then(|key| key.try_into().ok()).ok_or("the device has no ephemeral key")?,
            platform: keys.device_type.unwrap_or(PlatformType::UNKNOWN),
            commitment: commitment.ok_or("the prologue has no commitment")?,
            identity,
        });
        Ok(())
    }

    /// The code both sides show; `None` when the nonce isn't the one the device committed itself to.
    fn code(&self, nonce: &[u8]) -> Option<String> {
        let device = self.device.as_ref()?;
        let nonce: [u8; 32] = nonce.try_into().ok()?;
        let opened = Sha256::new().chain_update(&device.identity).chain_update(nonce).finalize();
        if opened[..] != device.commitment[..] {
            return None;
        }
        let public: [u8; 32] = self.ephemeral.public_key.public_key_bytes().try_into().ok()?;
        let bare = ShortcakeUtils::derive_verification_code(&nonce, &public, &self.nonce);
        let (head, tail) = bare.split_at_checked(4)?;
        Some(format!("{head}-{tail}"))
    }

    /// Opens the request that is encrypted for the phone alone.
    fn open(&self, wrapped: &[u8]) -> Option<PairingRequest> {
        let device = self.device.as_ref()?;
        let wrapped = EncryptedPairingRequest::decode_from_slice(wrapped).ok()?;
        let theirs = PublicKey::from_djb_public_key_bytes(&device.public).ok()?;
        let shared = self.ephemeral.private_key.calculate_agreement(&theirs).ok()?;
        let shared: [u8; 32] = shared.as_ref().try_into().ok()?;
        let reference = self.reference.as_deref()?;
        let key = ShortcakeUtils::derive_encryption_key_from_shared_secret(&shared, device.platform, reference).ok()?;
        let mut opened = Vec::new();
        let iv: [u8; 12] = wrapped.iv?.try_into().ok()?;
        aes_256_gcm_decrypt(&key, &iv, b"", &wrapped.encrypted_payload?, &mut opened).ok()?;
        PairingRequest::decode_from_slice(&opened).ok()
    }
}
