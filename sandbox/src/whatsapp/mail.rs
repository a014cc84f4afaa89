//! Messages between phones and linked devices: encryption on the phones' side, routing, receipts.

mod receipts;

use std::sync::Arc;

use rand::RngExt as _;
use wacore::messages::MessageUtils;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, Server};
use waproto::buffa::Message as _;
use waproto::whatsapp::Message;

use super::adv::unix_seconds;
use super::link::Command;
use super::phone::{MailKind, Phone, SentMessage};
use super::signal::Sealed;
use super::stanza::{attr, bytes_of, children, jid_attr, leaf};
use super::view::{Direction, PhoneError, PhoneMessage};
use super::world::{World, tick};

pub(crate) use receipts::accept_receipt;
use receipts::{receipt, retry_request};

/// Longest text a phone sends, in bytes.
const MAX_TEXT: usize = 65_536;

/// Sends a text from a phone to all devices of another; returns the message id.
pub(crate) async fn send_text(world: &World, from: &Arc<Phone>, to: &Arc<Phone>, text: &str) -> Result<String, PhoneError> {
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(PhoneError::InvalidText);
    }
    let message = Message { conversation: Some(text.to_owned()), ..Default::default() };
    let sent = SentMessage { id: new_message_id(), kind: MailKind::Chat, plaintext: message.encode_to_vec() };
    let id = sent.id.clone();
    from.remember(entry(&id, from, &to.number, text, Direction::Out));
    // From phone to phone nothing of interest crosses a wire; devices get the real thing.
    to.remember(entry(&id, from, &to.number, text, Direction::In));
    from.remember_sent(sent.clone());
    for device in to.devices() {
        post(world, from, to, device, &sent).await?;
    }
    Ok(id)
}

/// Gives a new device the account's app-state key. Without it clients wait seconds before they call themselves online.
pub(crate) async fn share_app_key(world: &World, phone: &Arc<Phone>, device: u16) {
    let sent = SentMessage { id: new_message_id(), kind: MailKind::Peer, plaintext: phone.key_share().encode_to_vec() };
    phone.remember_sent(sent.clone());
    if let Err(error) = post(world, phone, phone, device, &sent).await {
        tracing::warn!(error = %error, "the app-state key couldn't be shared");
    }
}

/// Takes a message of a linked device to everyone it is encrypted for. Returns what the sender is told.
pub(crate) async fn accept(world: &World, sender: &Arc<Phone>, device: u16, node: &Node) -> Vec<Node> {
    let mut answers = vec![ack(node, "message")];
    let (Some(id), Some(to)) = (attr(node, "id"), jid_attr(node, "to")) else {
        return answers;
    };
    let mut delivered = false;
    for (target, sealed) in recipients(node, &to) {
        let Some(phone) = world.phone_at(&target) else {
            continue;
        };
        if target.device != 0 {
            let stanza = forwarded(sender, device, node, &target, &to, sealed);
            deliver(world, &phone, target.device, &id, stanza).await;
            continue;
        }
        match open(sender, device, &phone, sealed) {
            Some(message) => {
                let foreign = phone.number != sender.number;
                delivered |= foreign;
                receive(world, &phone, sender, device, &id, message).await;
            }
            None => {
                tick(&world.count.undecryptable);
                answers.push(retry_request(&id, &target, &phone));
            }
        }
    }
    if delivered {
        answers.push(receipt(&id, &to, None));
        answers.push(receipt(&id, &to, Some("read")));
    }
    answers
}

/// The service's word that it has taken a stanza.
pub(crate) fn ack(node: &Node, class: &'static str) -> Node {
    let mut ack = NodeBuilder::new("ack").attr("class", class).attr("id", attr(node, "id").unwrap_or_default()).attr("t", unix_seconds());
    if let Some(to) = jid_attr(node, "to") {
        ack = ack.attr("from", to);
    }
    if let Some(kind) = attr(node, "type").filter(|_| class == "receipt") {
        ack = ack.attr("type", kind);
    }
    ack.build()
}

/// Encrypts a plaintext of a phone for one device and sends it there.
async fn post(world: &World, from: &Arc<Phone>, to: &Arc<Phone>, device: u16, sent: &SentMessage) -> Result<(), PhoneError> {
    let sealed = seal(from, to, device, &sent.plaintext)?;
    let mut stanza =
        NodeBuilder::new("message").attr("from", from.jid(0)).attr("id", sent.id.as_str()).attr("type", "text").attr("t", unix_seconds());
    stanza = match sent.kind {
        MailKind::Chat => stanza.attr("notify", from.push_name()).attr("sender_lid", from.lid_jid(0)),
        MailKind::Peer => stanza.attr("category", "peer"),
    };
    let enc = NodeBuilder::new("enc").attr("v", 2_u16).attr("type", sealed.kind).bytes(sealed.bytes).build();
    deliver(world, to, device, &sent.id, stanza.children([enc]).build()).await;
    Ok(())
}

/// Keeps a message for a device and hands it over if the device is there.
async fn deliver(world: &World, phone: &Phone, device: u16, id: &str, stanza: Node) {
    tick(&world.count.messages_out);
    if let Some(link) = phone.keep_for(device, id, &stanza) {
        link.tell(Command::Deliver(stanza)).await;
    }
}

/// Hands over a stanza that isn't worth keeping for a device that is away.
async fn hand_over(phone: &Phone, device: u16, stanza: Node) {
    if let Some(link) = phone.live_link(device) {
        link.tell(Command::Deliver(stanza)).await;
    }
}

fn seal(from: &Phone, to: &Phone, device: u16, plaintext: &[u8]) -> Result<Sealed, PhoneError> {
    let peer = to.address(device);
    let known = from.state().signal.has_session(&peer);
    let bundle = if known {
        None
    } else {
        let mut state = to.state();
        let companion = state.companions.get_mut(&device).ok_or(PhoneError::NotLinked)?;
        Some(companion.bundle(device).map_err(|_| PhoneError::Encryption)?)
    };
    let mut state = from.state();
    if let Some(bundle) = bundle {
        state.signal.start_session(&peer, &bundle).map_err(|_| PhoneError::Encryption)?;
    }
    let padded = MessageUtils::pad_message_v2(plaintext.to_vec());
    state.signal.encrypt(&peer, &padded).map_err(|_| PhoneError::Encryption)
}

/// Everyone a message is encrypted for, with the encrypted part.
fn recipients<'a>(node: &'a Node, to: &Jid) -> Vec<(Jid, &'a Node)> {
    let participants = node.get_optional_child("participants").map(children).unwrap_or_default();
    let mut found: Vec<(Jid, &Node)> =
        participants.iter().filter_map(|part| Some((jid_attr(part, "jid")?, part.get_optional_child("enc")?))).collect();
    if let Some(enc) = node.get_optional_child("enc") {
        found.push((to.clone(), enc));
    }
    found
}

/// Decrypts what a linked device encrypted for a phone.
fn open(sender: &Phone, device: u16, phone: &Phone, sealed: &Node) -> Option<Message> {
    let kind = attr(sealed, "type")?;
    let opened = phone.state().signal.decrypt(&sender.address(device), &kind, &bytes_of(sealed));
    let padded = match opened {
        Ok(padded) => padded,
        Err(error) => {
            tracing::debug!(error = %error, "a phone can't decrypt a message");
            return None;
        }
    };
    let plaintext = MessageUtils::unpad_message_ref(&padded, 2).ok()?;
    Message::decode_from_slice(plaintext).ok()
}

/// What a phone does with a decrypted message.
async fn receive(world: &World, phone: &Arc<Phone>, sender: &Arc<Phone>, device: u16, id: &str, message: Message) {
    if phone.number != sender.number {
        let text = text_of(&message);
        phone.remember(entry(id, sender, &phone.number, &text, Direction::In));
        return;
    }
    if let Some(copy) = message.device_sent_message.as_option() {
        let to = copy.destination_jid.as_deref().and_then(|jid| jid.parse::<Jid>().ok());
        let to = to.and_then(|jid| world.phone_at(&jid).map(|phone| phone.number.clone()));
        let text = copy.message.as_option().map(text_of).unwrap_or_default();
        phone.remember(entry(id, sender, &to.unwrap_or_default(), &text, Direction::Out));
        return;
    }
    let asks_for_key = message.protocol_message.as_option().is_some_and(|protocol| protocol.app_state_sync_key_request.is_set());
    if asks_for_key {
        Box::pin(share_app_key(world, phone, device)).await;
    }
}

/// A message of one device, as another device gets it.
fn forwarded(sender: &Phone, device: u16, node: &Node, target: &Jid, to: &Jid, sealed: &Node) -> Node {
    let own_account = target.user_base() == sender.number || target.user_base() == sender.lid;
    let mut stanza = NodeBuilder::new("message")
        .attr("from", own_address(sender, device, target.server))
        .attr("id", attr(node, "id").unwrap_or_default())
        .attr("type", attr(node, "type").unwrap_or_else(|| "text".to_owned()))
        .attr("t", unix_seconds())
        .attr("notify", sender.push_name());
    if own_account {
        stanza = stanza.attr("recipient", to.to_non_ad());
    } else if target.server == Server::Lid {
        stanza = stanza.attr("sender_pn", sender.jid(device));
    } else {
        stanza = stanza.attr("sender_lid", sender.lid_jid(device));
    }
    if let Some(category) = attr(node, "category") {
        stanza = stanza.attr("category", category);
    }
    let identity = node.get_optional_child("device-identity").map(bytes_of);
    let identity = identity.map(|bytes| leaf("device-identity", bytes));
    stanza.children(std::iter::once(sealed.clone()).chain(identity)).build()
}

fn own_address(phone: &Phone, device: u16, server: Server) -> Jid {
    match server {
        Server::Lid => phone.lid_jid(device),
        _ => phone.jid(device),
    }
}

fn entry(id: &str, from: &Phone, to: &str, text: &str, direction: Direction) -> PhoneMessage {
    PhoneMessage {
        id: id.to_owned(),
        from: from.number.clone(),
        to: to.to_owned(),
        text: text.to_owned(),
        direction,
        at: chrono::Utc::now(),
    }
}

fn text_of(message: &Message) -> String {
    if let Some(text) = &message.conversation {
        return text.clone();
    }
    if let Some(text) = message.extended_text_message.as_option().and_then(|text| text.text.clone()) {
        return text;
    }
    if message.image_message.is_set() { "[image]".to_owned() } else { "[message]".to_owned() }
}

fn new_message_id() -> String {
    let bytes: [u8; 9] = rand::rng().random();
    format!("3EB0{}", hex::encode_upper(bytes))
}
