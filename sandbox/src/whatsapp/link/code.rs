//! Linking by a pairing code: the client shows it, the phone's owner types it, both prove that they know it.

use std::sync::Arc;

use tokio::sync::oneshot;
use wacore::crypto::hkdf_sha256_into;
use wacore::pair_code::PairCodeUtils;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use wacore_libsignal::crypto::aes_256_gcm_decrypt;
use wacore_libsignal::protocol::{KeyPair, PublicKey};

use super::unpaired::{PairOrder, PairingReply, outcome, pairing_limit};
use super::{Command, Link, LinkRef, Phase};
use crate::whatsapp::phone::{Phone, parse_number};
use crate::whatsapp::stanza::{attr, bytes_of, error_to, leaf, notification, result_to, result_with};
use crate::whatsapp::view::PhoneError;
use crate::whatsapp::wire::WireError;

/// A phone typed the code this client shows.
pub(crate) struct HelloOrder {
    phone: Arc<Phone>,
    ephemeral: KeyPair,
    wrapped_ephemeral: [u8; 80],
    /// The client's ephemeral key, opened with the typed code: garbage if the code is wrong.
    companion_ephemeral: [u8; 32],
    reference: Vec<u8>,
    reply: PairingReply,
}

/// Links the client that shows a pairing code to the phone on which `code` was typed.
pub(crate) async fn start_hello(
    link: &LinkRef,
    phone: Arc<Phone>,
    code: String,
    companion_wrapped: Vec<u8>,
    reference: Vec<u8>,
) -> Result<u16, PhoneError> {
    let ephemeral = KeyPair::generate(&mut rand::rng());
    let public: [u8; 32] = ephemeral.public_key.public_key_bytes().try_into().expect("a Curve25519 key has 32 bytes");
    // Two key derivations of 131,072 rounds: too long for the runtime's threads.
    let derived = tokio::task::spawn_blocking(move || {
        let opened = PairCodeUtils::decrypt_primary_ephemeral_pub(&companion_wrapped, &code);
        opened.map(|theirs| (theirs, PairCodeUtils::encrypt_ephemeral_pub(&public, &code)))
    })
    .await;
    let Ok(Ok((companion_ephemeral, wrapped_ephemeral))) = derived else {
        return Err(PhoneError::Refused("its ephemeral key can't be read"));
    };
    let (reply, answer) = oneshot::channel();
    let limit = pairing_limit(&phone);
    let order = HelloOrder { phone, ephemeral, wrapped_ephemeral, companion_ephemeral, reference, reply };
    link.tell(Command::PrimaryHello(Box::new(order))).await;
    outcome(answer, limit).await
}

impl Link {
    pub(super) async fn on_code_step(&mut self, iq: &Node, step: &Node) -> Result<(), WireError> {
        match attr(step, "stage").as_deref() {
            Some("companion_hello") => self.on_companion_hello(iq, step).await,
            Some("companion_finish") => self.on_companion_finish(iq, step).await,
            _ => self.send(error_to(iq, 400, "bad-request")).await,
        }
    }

    /// The client shows a pairing code and leaves its ephemeral key, encrypted with the code.
    async fn on_companion_hello(&mut self, iq: &Node, step: &Node) -> Result<(), WireError> {
        let Phase::Unpaired(unpaired) = &self.phase else {
            return Ok(());
        };
        let child = |tag: &str| step.get_optional_child(tag).map(bytes_of).unwrap_or_default();
        let number = attr(step, "jid").and_then(|jid| {
            let user = jid.split(['@', ':']).next().unwrap_or_default();
            parse_number(user).ok()
        });
        let wrapped = child("link_code_pairing_wrapped_companion_ephemeral_pub");
        let own_key = child("companion_server_auth_key_pub") == unpaired.registration.noise_key;
        let Some(number) = number.filter(|_| own_key && wrapped.len() == 80) else {
            return self.send(error_to(iq, 400, "bad-request")).await;
        };
        if let Some(code) = self.world.faults.refuses_code(&number) {
            return self.send(error_to(iq, code, "rate-overlimit")).await;
        }
        let reference = self.world.offer_code(number, self.me.clone(), wrapped);
        let step = NodeBuilder::new("link_code_companion_reg")
            .attr("stage", "companion_hello")
            .children([leaf("link_code_pairing_ref", reference)])
            .build();
        self.send(result_with(iq, step)).await
    }

    /// Tells the client that its code was typed on a phone.
    pub(super) async fn primary_hello(&mut self, order: HelloOrder) -> Result<(), WireError> {
        let id = self.iq_id();
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            drop(order.reply.send(Err(PhoneError::NoSuchCode)));
            return Ok(());
        };
        let identity = order.phone.account.public_key.public_key_bytes().to_vec();
        let hello = NodeBuilder::new("link_code_companion_reg")
            .attr("stage", "primary_hello")
            .children([
                leaf("link_code_pairing_wrapped_primary_ephemeral_pub", order.wrapped_ephemeral.to_vec()),
                leaf("primary_identity_pub", identity),
                leaf("link_code_pairing_ref", order.reference.clone()),
            ])
            .build();
        unpaired.hello = Some(order);
        self.send(notification("link_code_companion_reg", id, vec![hello])).await
    }

    /// The client sends its half of the key exchange; only the right code lets the phone open it.
    async fn on_companion_finish(&mut self, iq: &Node, step: &Node) -> Result<(), WireError> {
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            return Ok(());
        };
        let Some(order) = unpaired.hello.take() else {
            return self.send(error_to(iq, 400, "bad-request")).await;
        };
        let identity = unpaired.registration.identity;
        let bundle = step.get_optional_child("link_code_pairing_wrapped_key_bundle").map(bytes_of).unwrap_or_default();
        self.send(result_to(iq)).await?;
        let secret = open_bundle(&order.ephemeral, &order.companion_ephemeral, &order.phone.account, &identity, &bundle);
        let Some(secret) = secret else {
            // The real phone says the code was wrong; the client is told nothing.
            drop(order.reply.send(Err(PhoneError::WrongCode)));
            return Ok(());
        };
        self.pair(PairOrder { phone: order.phone, secret, reply: order.reply }).await
    }
}

/// Opens the client's key bundle and derives the pairing secret; `None` if the keys don't fit.
fn open_bundle(
    ephemeral: &KeyPair,
    companion_ephemeral: &[u8; 32],
    account: &KeyPair,
    companion_identity: &[u8; 32],
    bundle: &[u8],
) -> Option<[u8; 32]> {
    let (salt, rest) = bundle.split_at_checked(32)?;
    let (iv, sealed) = rest.split_at_checked(12)?;
    let theirs = PublicKey::from_djb_public_key_bytes(companion_ephemeral).ok()?;
    let ephemeral_shared = ephemeral.calculate_agreement(&theirs).ok()?;
    let mut key = [0; 32];
    hkdf_sha256_into(&ephemeral_shared, Some(salt), b"link_code_pairing_key_bundle_encryption_key", &mut key).ok()?;
    let mut opened = Vec::new();
    aes_256_gcm_decrypt(&key, iv.try_into().ok()?, b"", sealed, &mut opened).ok()?;
    if opened.len() != 96 || opened[..32] != companion_identity[..] || opened[32..64] != *account.public_key.public_key_bytes() {
        return None;
    }
    let identity = PublicKey::from_djb_public_key_bytes(companion_identity).ok()?;
    let identity_shared = account.calculate_agreement(&identity).ok()?;
    let secret = [ephemeral_shared.as_slice(), &identity_shared, &opened[64..]].concat();
    let mut derived = [0; 32];
    hkdf_sha256_into(&secret, None, b"adv_secret", &mut derived).ok()?;
    Some(derived)
}
