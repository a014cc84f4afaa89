//! A client that isn't linked yet: QR references, pairing codes, the exchange of signatures.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use super::code::HelloOrder;
use super::passkey::Exchange;
use super::{Command, Link, LinkRef, Phase, Step};
use crate::whatsapp::adv::Invitation;
use crate::whatsapp::companion::Registration;
use crate::whatsapp::mail;
use crate::whatsapp::phone::Phone;
use crate::whatsapp::stanza::{attr, bytes_of, server};
use crate::whatsapp::view::PhoneError;
use crate::whatsapp::wire::WireError;
use crate::whatsapp::world::tick;

/// The client marks the coming restart as expected only after its last answer went out; a 515 that overtakes it
/// leaves some clients without a connection. The real service takes about as long.
const RESTART_DELAY: Duration = Duration::from_millis(200);
/// The new device must answer within this.
const PAIRING_LIMIT: Duration = Duration::from_secs(20);

/// The new device's owner must find the passkey and compare a code within this.
const PASSKEY_LIMIT: Duration = Duration::from_secs(180);

/// The state of a client that isn't linked.
pub(crate) struct Unpaired {
    pub(super) registration: Registration,
    pairing: Option<Pairing>,
    pub(super) hello: Option<HelloOrder>,
    /// A link by passkey under way.
    pub(super) passkey: Option<Exchange>,
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

/// Where the phone waits for the number of its new device.
pub(super) type PairingReply = oneshot::Sender<Result<u16, PhoneError>>;

/// A phone wants this client as its linked device.
pub(crate) struct PairOrder {
    pub(super) phone: Arc<Phone>,
    /// The secret both sides know from the QR code or the key exchange.
    pub(super) secret: [u8; 32],
    pub(super) reply: PairingReply,
}

impl Unpaired {
    pub(super) fn new(registration: Registration) -> Self {
        Self { registration, pairing: None, hello: None, passkey: None, restart_at: None }
    }
}

/// Links the client behind a scanned code to the phone; returns the number of the new device.
pub(crate) async fn start_pairing(link: &LinkRef, phone: Arc<Phone>, secret: [u8; 32]) -> Result<u16, PhoneError> {
    let (reply, answer) = oneshot::channel();
    let limit = pairing_limit(&phone);
    link.tell(Command::Pair(PairOrder { phone, secret, reply })).await;
    outcome(answer, limit).await
}

/// How long a pairing with this phone may take.
pub(super) fn pairing_limit(phone: &Phone) -> Duration {
    if phone.passkey_settings().required { PASSKEY_LIMIT } else { PAIRING_LIMIT }
}

/// Waits for the end of a pairing.
pub(super) async fn outcome(answer: oneshot::Receiver<Result<u16, PhoneError>>, limit: Duration) -> Result<u16, PhoneError> {
    match timeout(limit, answer).await {
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
        let refs = self.world.offer_refs(&self.me, registration.noise_key, registration.identity);
        let refs = refs.into_iter().map(|reference| NodeBuilder::new("ref").bytes(reference.into_bytes()).build());
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
            (_, None) => self.on_passkey_step(node).await?,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A phone wants this client; if it asks for its passkey, that comes first.
    pub(super) async fn pair(&mut self, order: PairOrder) -> Result<(), WireError> {
        let busy = match &mut self.phase {
            Phase::Unpaired(unpaired) => {
                // A phone that gave up waiting doesn't keep others from linking.
                drop(unpaired.passkey.take_if(|exchange| exchange.order.reply.is_closed()));
                unpaired.pairing.is_some() || unpaired.restart_at.is_some() || unpaired.passkey.is_some()
            }
            Phase::Online { .. } => true,
        };
        if busy {
            drop(order.reply.send(Err(PhoneError::NoSuchQr)));
            return Ok(());
        }
        if let Some(error) = order.phone.slot_error() {
            drop(order.reply.send(Err(error)));
            return Ok(());
        }
        if order.phone.passkey_settings().required {
            return self.request_passkey(order).await;
        }
        self.invite(order, Duration::ZERO).await
    }

    /// Sends pair-success: the phone's invitation.
    pub(super) async fn invite(&mut self, order: PairOrder, pause: Duration) -> Result<(), WireError> {
        let iq = self.iq_id();
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            return Ok(());
        };
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
                NodeBuilder::new("device-identity").bytes(invitation.container.clone()).build(),
                NodeBuilder::new("device").attr("jid", phone.jid(device)).attr("lid", phone.lid_jid(device)).build(),
                NodeBuilder::new("platform").attr("name", "android").build(),
            ])
            .build();
        unpaired.pairing = Some(Pairing { iq: iq.clone(), device, invitation, order });
        if pause.is_zero() {
            return self.send(md_set(&iq, success)).await;
        }
        self.send_later(md_set(&iq, success), pause);
        Ok(())
    }

    /// The device answered an IQ; if it is the one of the pairing, it carries the device's signature.
    async fn on_pair_answer(&mut self, node: &Node) -> Result<(), WireError> {
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            return Ok(());
        };
        let Some(pairing) = unpaired.pairing.take_if(|pairing| attr(node, "id").as_deref() == Some(&pairing.iq)) else {
            return Ok(());
        };
        let signed = node.get_optional_child_by_tag(&["pair-device-sign", "device-identity"]).map(bytes_of).unwrap_or_default();
        let registration = unpaired.registration.clone();
        let linked = pairing
            .invitation
            .accept(&signed, &registration.identity)
            .map_err(PhoneError::Refused)
            .and_then(|identity| pairing.order.phone.link(pairing.device, registration, identity));
        if linked.is_ok() {
            unpaired.restart_at = Some(Instant::now() + RESTART_DELAY);
            self.world.withdraw(self.me.id);
            tick(&self.world.count.pairings);
            mail::share_app_key(&self.world, &pairing.order.phone, pairing.device).await;
            if self.world.faults.unlinks_while_pairing(&pairing.order.phone.number) {
                pairing.order.phone.unlink(pairing.device);
            }
        }
        // Nobody waits any more when the phone gave up: the device is linked all the same.
        drop(pairing.order.reply.send(linked.map(|()| pairing.device)));
        Ok(())
    }

    fn on_pair_refusal(&mut self, node: &Node) {
        let Phase::Unpaired(unpaired) = &mut self.phase else {
            return;
        };
        let ours = unpaired.pairing.take_if(|pairing| attr(node, "id").as_deref() == Some(&pairing.iq));
        if let Some(pairing) = ours {
            let refusal = PhoneError::Refused("it answered with an error");
            drop(pairing.order.reply.send(Err(refusal)));
        }
    }
}

fn md_set(id: &str, child: Node) -> Node {
    NodeBuilder::new("iq").attr("from", server()).attr("type", "set").attr("id", id).attr("xmlns", "md").children([child]).build()
}
