//! A client that isn't linked yet: QR references, pairing codes, the exchange of signatures.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use wacore::crypto::hkdf_sha256_into;
use wacore::pair_code::PairCodeUtils;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use wacore_libsignal::crypto::aes_256_gcm_decrypt;
use wacore_libsignal::protocol::{KeyPair, PublicKey};

use super::{Command, Link, LinkRef, Phase, Step};
use crate::whatsapp::adv::{self, Invitation};
use crate::whatsapp::companion::Registration;
use crate::whatsapp::mail;
use crate::whatsapp::phone::{Phone, parse_number};
use crate::whatsapp::stanza::{attr, bytes_of, error_to, result_to, server};
use crate::whatsapp::view::PhoneError;
use crate::whatsapp::wire::WireError;
use crate::whatsapp::world::tick;

/// The client marks the coming restart as expected only after its last answer went out; a 515 that overtakes it
/// leaves some clients without a connection. The real service takes about as long.
const RESTART_DELAY: Duration = Duration::from_millis(200);
/// The new device must answer within this.
const PAIRING_LIMIT: Duration = Duration::from_secs(20);

/// The state of a client that isn't linked.
pub(crate) struct Unpaired {
    registration: Registration,
    pairing: Option<Pairing>,
    hello: Option<HelloOrder>,
    /// When to send the 515 after a pairing.
    pub(super) restart_at: Option<Instant>,
}

/// A pair-success that waits for the device's signature.
struct Pairing {
    iq: String,
    device: u16,
    invitation: Invitation,
    order: PairOrder,
}

type PairingReply = oneshot::Sender<Result<u16, PhoneError>>;

/// A phone wants this client as its linked device.
pub(crate) struct PairOrder {
    phone: Arc<Phone>,
    /// The secret both sides know from the QR code or the key exchange.
    secret: [u8; 32],
    reply: PairingReply,
}

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

impl Unpaired {
    pub(super) fn new(registration: Registration) -> Self {
        Self {
            registration,
            pairing: None,
            hello: None,
            restart_at: None,
        }
    }
}

/// Links the client behind a scanned code to the phone; returns the number of the new device.
pub(crate) async fn start_pairing(
    link: &LinkRef,
    phone: Arc<Phone>,
    secret: [u8; 32],
) -> Result<u16, PhoneError> {
    let (reply, answer) = oneshot::channel();
    link.tell(Command::Pair(PairOrder {
        phone,
        secret,
        reply,
    }))
    .await;
    outcome(answer).await
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
    let public: [u8; 32] = ephemeral
        .public_key
        .public_key_bytes()
        .try_into()
        .expect("a Curve25519 key has 32 bytes");
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
    let order = HelloOrder {
        phone,
        ephemeral,
        wrapped_ephemeral,
        companion_ephemeral,
        reference,
        reply,
    };
    link.tell(Command::PrimaryHello(Box::new(order))).await;
    outcome(answer).await
}

async fn outcome(answer: oneshot::Receiver<Result<u16, PhoneError>>) -> Result<u16, PhoneError> {
    match timeout(PAIRING_LIMIT, answer).await {
        Ok(Ok(outcome)) => outcome,
        // The link ended, or the client says nothing.
        Ok(Err(_)) | Err(_) => Err(PhoneError::Timeout),
    }
}

impl Link {
    /// Sends the references for the QR codes.
    pub(super) async fn offer_pairing(&mut self) -> Result<(), WireError> {
        let Phase::Unpaired(unpaired) = &self.phase else {
            return Ok(());
        };
        let registration = &unpaired.registration;
        let refs = self
            .world
            .offer_refs(&self.me, registration.noise_key, registration.identity);
        let refs = refs.into_iter().map(|reference| {
            NodeBuilder::new("ref")
                .bytes(reference.into_bytes())
                .build()
        });
        let pair_device = NodeBuilder::new("pair-device").children(refs).build();
        let iq = self.iq_id();
        self.send(md_set(&iq, pair_device)).await
    }

    pub(super) async fn on_unpaired(&mut self, node: &Node) -> Step {
        if node.tag != "iq" {
            return Ok(ControlFlow::Continue(()));
        }
        let registration_step = node.get_optional_child("link_code_companion_reg");
        match (attr(node, "type").as_deref(), registration_step) {
            (Some("result"), _) => self.on_pair_answer(node).await?,
            (Some("error"), _) => self.on_pair_refusal(node),
            (_, Some(step)) => self.on_code_step(node, step).await?,
            // A ping, mostly.
            (_, None) => self.send(result_to(node)).await?,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Sends pair-success: the phone's invitation.
    pub(super) async fn pair(&mut self, order: PairOrder) -> Result<(), WireError> {
        let iq = self.iq_id();
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            drop(order.reply.send(Err(PhoneError::NoSuchQr)));
            return Ok(());
        };
        if unpaired.pairing.is_some() || unpaired.restart_at.is_some() {
            drop(order.reply.send(Err(PhoneError::NoSuchQr)));
            return Ok(());
        }
        let device = match order.phone.reserve_device() {
            Ok(device) => device,
            Err(error) => {
                drop(order.reply.send(Err(error)));
                return Ok(());
            }
        };
        let phone = &order.phone;
        let invitation = phone.invite(device, &order.secret, &unpaired.registration.identity);
        let success = NodeBuilder::new("pair-success")
            .children([
                NodeBuilder::new("device-identity")
                    .bytes(invitation.container.clone())
                    .build(),
                NodeBuilder::new("device")
                    .attr("jid", phone.jid(device))
                    .attr("lid", phone.lid_jid(device))
                    .build(),
                NodeBuilder::new("platform").attr("name", "android").build(),
            ])
            .build();
        unpaired.pairing = Some(Pairing {
            iq: iq.clone(),
            device,
            invitation,
            order,
        });
        self.send(md_set(&iq, success)).await
    }

    /// The device answered an IQ; if it is the one of the pairing, it carries the device's signature.
    async fn on_pair_answer(&mut self, node: &Node) -> Result<(), WireError> {
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            return Ok(());
        };
        let Some(pairing) = unpaired
            .pairing
            .take_if(|pairing| attr(node, "id").as_deref() == Some(&pairing.iq))
        else {
            return Ok(());
        };
        let signed = node
            .get_optional_child_by_tag(&["pair-device-sign", "device-identity"])
            .map(bytes_of)
            .unwrap_or_default();
        let registration = unpaired.registration.clone();
        let linked = pairing
            .invitation
            .accept(&signed, &registration.identity)
            .map_err(PhoneError::Refused)
            .and_then(|identity| {
                pairing
                    .order
                    .phone
                    .link(pairing.device, registration, identity)
            });
        if linked.is_ok() {
            unpaired.restart_at = Some(Instant::now() + RESTART_DELAY);
            self.world.withdraw(self.me.id);
            tick(&self.world.count.pairings);
            mail::share_app_key(&self.world, &pairing.order.phone, pairing.device).await;
        }
        // Nobody waits any more when the phone gave up: the device is linked all the same.
        drop(pairing.order.reply.send(linked.map(|()| pairing.device)));
        Ok(())
    }

    fn on_pair_refusal(&mut self, node: &Node) {
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            return;
        };
        let ours = unpaired
            .pairing
            .take_if(|pairing| attr(node, "id").as_deref() == Some(&pairing.iq));
        if let Some(pairing) = ours {
            let refusal = PhoneError::Refused("it answered with an error");
            drop(pairing.order.reply.send(Err(refusal)));
        }
    }

    async fn on_code_step(&mut self, iq: &Node, step: &Node) -> Result<(), WireError> {
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
        let child = |tag: &str| {
            step.get_optional_child(tag)
                .map(bytes_of)
                .unwrap_or_default()
        };
        let number = attr(step, "jid").and_then(|jid| {
            let user = jid.split(['@', ':']).next().unwrap_or_default();
            parse_number(user).ok()
        });
        let wrapped = child("link_code_pairing_wrapped_companion_ephemeral_pub");
        let own_key = child("companion_server_auth_key_pub") == unpaired.registration.noise_key;
        let Some(number) = number.filter(|_| own_key && wrapped.len() == 80) else {
            return self.send(error_to(iq, 400, "bad-request")).await;
        };
        let reference = self.world.offer_code(number, self.me.clone(), wrapped);
        let mut answer = result_to(iq);
        answer.content = Some(wacore_binary::NodeContent::Nodes(vec![
            NodeBuilder::new("link_code_companion_reg")
                .attr("stage", "companion_hello")
                .children([NodeBuilder::new("link_code_pairing_ref")
                    .bytes(reference)
                    .build()])
                .build(),
        ]));
        self.send(answer).await
    }

    /// Tells the client that its code was typed on a phone.
    pub(super) async fn primary_hello(&mut self, order: HelloOrder) -> Result<(), WireError> {
        let id = self.iq_id();
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            drop(order.reply.send(Err(PhoneError::NoSuchCode)));
            return Ok(());
        };
        let part = |tag: &'static str, bytes: Vec<u8>| NodeBuilder::new(tag).bytes(bytes).build();
        let identity = order.phone.account.public_key.public_key_bytes().to_vec();
        let hello = NodeBuilder::new("link_code_companion_reg")
            .attr("stage", "primary_hello")
            .children([
                part(
                    "link_code_pairing_wrapped_primary_ephemeral_pub",
                    order.wrapped_ephemeral.to_vec(),
                ),
                part("primary_identity_pub", identity),
                part("link_code_pairing_ref", order.reference.clone()),
            ])
            .build();
        unpaired.hello = Some(order);
        let notification = NodeBuilder::new("notification")
            .attr("from", server())
            .attr("type", "link_code_companion_reg")
            .attr("id", id)
            .attr("t", adv::unix_seconds())
            .children([hello])
            .build();
        self.send(notification).await
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
        let bundle = step
            .get_optional_child("link_code_pairing_wrapped_key_bundle")
            .map(bytes_of)
            .unwrap_or_default();
        self.send(result_to(iq)).await?;
        let secret = open_bundle(
            &order.ephemeral,
            &order.companion_ephemeral,
            &order.phone.account,
            &identity,
            &bundle,
        );
        let Some(secret) = secret else {
            // The real phone says the code was wrong; the client is told nothing.
            drop(order.reply.send(Err(PhoneError::WrongCode)));
            return Ok(());
        };
        self.pair(PairOrder {
            phone: order.phone,
            secret,
            reply: order.reply,
        })
        .await
    }
}

/// Opens the client's key bundle and derives the pairing secret; `None` if the keys don't fit.
pub(crate) fn open_bundle(
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
    hkdf_sha256_into(
        &ephemeral_shared,
        Some(salt),
        b"link_code_pairing_key_bundle_encryption_key",
        &mut key,
    )
    .ok()?;
    let mut opened = Vec::new();
    aes_256_gcm_decrypt(&key, iv.try_into().ok()?, b"", sealed, &mut opened).ok()?;
    if opened.len() != 96
        || opened[..32] != companion_identity[..]
        || opened[32..64] != *account.public_key.public_key_bytes()
    {
        return None;
    }
    let identity = PublicKey::from_djb_public_key_bytes(companion_identity).ok()?;
    let identity_shared = account.calculate_agreement(&identity).ok()?;
    let secret = [ephemeral_shared.as_slice(), &identity_shared, &opened[64..]].concat();
    let mut derived = [0; 32];
    hkdf_sha256_into(&secret, None, b"adv_secret", &mut derived).ok()?;
    Some(derived)
}

fn md_set(id: &str, child: Node) -> Node {
    NodeBuilder::new("iq")
        .attr("from", server())
        .attr("type", "set")
        .attr("id", id)
        .attr("xmlns", "md")
        .children([child])
        .build()
}
