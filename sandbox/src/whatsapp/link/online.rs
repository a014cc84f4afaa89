//! A linked device: who may log in, the welcome, and what it sends afterwards.

use std::ops::ControlFlow;
use std::sync::Arc;

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use super::{Ending, Link, LinkRef, Phase, Step};
use crate::whatsapp::adv;
use crate::whatsapp::companion::Registration;
use crate::whatsapp::fault::LoginRefusal;
use crate::whatsapp::iq::{self, Answer};
use crate::whatsapp::limits;
use crate::whatsapp::mail;
use crate::whatsapp::noise::Caller;
use crate::whatsapp::phone::Phone;
use crate::whatsapp::stanza::{attr, server};
use crate::whatsapp::wire::WireError;
use crate::whatsapp::world::{World, tick};

/// What a caller may do.
pub(super) enum Admission {
    /// Pair.
    Unpaired(Registration),
    /// Go online; another link of the same device must end.
    Login { phone: Arc<Phone>, device: u16, replaced: Option<LinkRef> },
}

impl LoginRefusal {
    const UNKNOWN_DEVICE: Self = Self::new(401, None);
    const BAD_REGISTRATION: Self = Self::new(400, None);

    pub(super) fn stanza(self) -> Node {
        let mut failure = NodeBuilder::new("failure").attr("reason", self.code).attr("location", "sandbox");
        if self.code == 402 {
            failure = failure.attr("code", self.ban_reason).attr("expire", self.expire_s.unwrap_or(3600));
        }
        failure.build()
    }
}

/// Checks the caller's credentials as the real service does.
pub(super) fn admit(world: &World, me: &LinkRef, caller: &Caller) -> Result<Admission, LoginRefusal> {
    let payload = &caller.payload;
    let Some(username) = payload.username else {
        return payload
            .device_pairing_data
            .as_option()
            .and_then(|data| Registration::read(caller.noise_key, data))
            .map(Admission::Unpaired)
            .ok_or(LoginRefusal::BAD_REGISTRATION);
    };
    let number = username.to_string();
    if let Some(refusal) = world.faults.refuses_login(Some(&number)) {
        return Err(refusal);
    }
    let phone = world.phone(&number).ok_or(LoginRefusal::UNKNOWN_DEVICE)?;
    let device = payload.device.and_then(|device| u16::try_from(device).ok()).ok_or(LoginRefusal::UNKNOWN_DEVICE)?;
    let replaced = {
        let mut state = phone.state();
        let companion = state
            .companions
            .get_mut(&device)
            .filter(|companion| companion.registration.noise_key == caller.noise_key)
            .ok_or(LoginRefusal::UNKNOWN_DEVICE)?;
        companion.receiving = false;
        companion.link.replace(me.clone())
    };
    tick(&world.count.logins);
    Ok(Admission::Login { phone, device, replaced })
}

impl Link {
    pub(super) async fn welcome(&mut self) -> Result<(), WireError> {
        let Phase::Online { phone, device } = &self.phase else {
            return Ok(());
        };
        let success = NodeBuilder::new("success")
            .attr("t", adv::unix_seconds())
            .attr("props", 27_u16)
            .attr("location", "sandbox")
            .attr("lid", phone.lid_jid(*device))
            .build();
        self.send(success).await
    }

    pub(super) async fn on_online(&mut self, phone: &Arc<Phone>, device: u16, node: &Node) -> Step {
        match node.tag.as_ref() {
            "iq" => return self.on_query(phone, device, node).await,
            "message" => {
                tick(&self.world.count.messages_in);
                if let Some(code) = limits::refusal(&self.world, phone, node).await {
                    return self.refuse_message(node, code).await;
                }
                for answer in mail::accept(&self.world, phone, device, node).await {
                    self.send(answer).await?;
                }
            }
            "receipt" => {
                let ack = mail::ack(node, "receipt");
                self.send(ack).await?;
                mail::accept_receipt(&self.world, phone, device, node).await;
            }
            "ack" if attr(node, "class").as_deref() == Some("message") => {
                let id = attr(node, "id").unwrap_or_default();
                phone.acknowledge(device, [id.as_str()]);
            }
            "call" => {
                let ack = mail::ack(node, "call");
                self.send(ack).await?;
            }
            // Presence, typing and client telemetry: nobody looks at them.
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Tells the device that its message isn't delivered, and why by number.
    async fn refuse_message(&mut self, node: &Node, code: u16) -> Step {
        let mut nack = mail::ack(node, "message");
        nack.attrs.insert("error", code.to_string());
        self.send(nack).await?;
        Ok(ControlFlow::Continue(()))
    }

    async fn on_query(&mut self, phone: &Arc<Phone>, device: u16, query: &Node) -> Step {
        if !matches!(attr(query, "type").as_deref(), Some("get" | "set")) {
            return Ok(ControlFlow::Continue(()));
        }
        match iq::answer(&self.world, phone, device, query) {
            Answer::Reply(answer) => self.send(answer).await?,
            Answer::Activate(answer) => {
                self.send(answer).await?;
                self.deliver_waiting(phone, device).await?;
            }
            Answer::Removed { answer, others } => {
                self.send(answer).await?;
                for link in others {
                    link.tell(super::Command::End(Ending::DeviceRemoved)).await;
                }
                return self.end_if_removed(phone, device).await;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn end_if_removed(&mut self, phone: &Phone, device: u16) -> Step {
        let gone = !phone.state().companions.contains_key(&device);
        if gone {
            return self.end(Ending::DeviceRemoved).await;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Hands over what waited while the device was away, between the two markers clients wait for.
    async fn deliver_waiting(&mut self, phone: &Phone, device: u16) -> Result<(), WireError> {
        let waiting = {
            let mut state = phone.state();
            let Some(companion) = state.companions.get_mut(&device) else {
                return Ok(());
            };
            companion.receiving = true;
            companion.unacknowledged()
        };
        let count = waiting.len();
        let preview = NodeBuilder::new("offline_preview")
            .attr("count", count)
            .attr("message", count)
            .attr("notification", 0_u16)
            .attr("receipt", 0_u16)
            .attr("appdata", 0_u16)
            .build();
        self.send(information(preview)).await?;
        for mut stanza in waiting {
            stanza.attrs.insert("offline", "0");
            self.send(stanza).await?;
        }
        let end = NodeBuilder::new("offline").attr("count", count).build();
        self.send(information(end)).await
    }
}

fn information(child: Node) -> Node {
    NodeBuilder::new("ib").attr("from", server()).children([child]).build()
}
