//! What becomes of messages: receipts between the sides, and requests to send again.

use std::sync::Arc;

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, Server};

use super::{hand_over, own_address, post};
use crate::whatsapp::adv::unix_seconds;
use crate::whatsapp::phone::Phone;
use crate::whatsapp::stanza::{attr, children, jid_attr, leaf};
use crate::whatsapp::world::World;

/// How often a phone answers a request to send a message again.
const MAX_RETRIES: u32 = 5;

/// A linked device tells what became of messages it got.
pub(crate) async fn accept_receipt(world: &World, sender: &Arc<Phone>, device: u16, node: &Node) {
    let Some(to) = jid_attr(node, "to") else {
        return;
    };
    let kind = attr(node, "type");
    let Some(phone) = world.phone_at(&to) else {
        return;
    };
    if kind.as_deref() == Some("retry") {
        send_again(world, sender, device, &phone, to.device, node).await;
        return;
    }
    let ids = std::iter::once(attr(node, "id"))
        .chain(node.get_optional_child("list").map(children).unwrap_or_default().iter().map(|item| attr(item, "id")))
        .flatten()
        .collect::<Vec<_>>();
    sender.acknowledge(device, ids.iter().map(String::as_str));
    let shown = matches!(kind.as_deref(), None | Some("inactive" | "read" | "played"));
    if shown && phone.number != sender.number {
        // An inactive device's receipt counts as delivery for the other side.
        let kind = kind.filter(|kind| kind != "inactive");
        for id in &ids {
            let mut stanza = receipt(id, &own_address(sender, 0, to.server), None);
            if let Some(kind) = &kind {
                stanza.attrs.insert("type", kind.as_str());
            }
            for target in phone.devices() {
                hand_over(&phone, target, stanza.clone()).await;
            }
        }
    }
}

/// A device couldn't decrypt a message and asks for it again.
async fn send_again(world: &World, asker: &Arc<Phone>, device: u16, phone: &Arc<Phone>, from: u16, node: &Node) {
    let id = attr(node, "id").unwrap_or_default();
    if from != 0 {
        let mut request = node.clone();
        request.attrs.0.retain(|(name, _)| name != "to");
        request.attrs.insert("from", own_address(asker, device, Server::Pn));
        hand_over(phone, from, request).await;
        return;
    }
    let count = node.get_optional_child("retry").and_then(|retry| attr(retry, "count")).and_then(|count| count.parse().ok()).unwrap_or(1);
    asker.acknowledge(device, [id.as_str()]);
    let Some(sent) = phone.sent(&id).filter(|_| count <= MAX_RETRIES) else {
        return;
    };
    phone.state().signal.forget(&asker.address(device));
    if let Err(error) = post(world, phone, asker, device, &sent).await {
        tracing::debug!(error = %error, "a message couldn't be sent again");
    }
}

pub(super) fn receipt(id: &str, from: &Jid, kind: Option<&'static str>) -> Node {
    let receipt = NodeBuilder::new("receipt").attr("from", from).attr("id", id).attr("t", unix_seconds());
    match kind {
        Some(kind) => receipt.attr("type", kind).build(),
        None => receipt.build(),
    }
}

/// A phone couldn't decrypt a message and asks the device for it again.
pub(super) fn retry_request(id: &str, from: &Jid, phone: &Phone) -> Node {
    let retry = NodeBuilder::new("retry").attr("count", 1_u16).attr("id", id).attr("t", unix_seconds()).attr("v", 1_u16).build();
    let mut request = receipt(id, from, Some("retry"));
    request.content = Some(wacore_binary::NodeContent::Nodes(vec![retry, leaf("registration", phone.registration_id.to_be_bytes())]));
    request
}
