//! Who has an account, and with which devices.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use super::phone::Phone;
use super::stanza::{attr, bytes_of, children, jid_attr};
use super::world::World;

/// Answers `<usync>`: one entry per asked user, with the protocols the query named.
pub(crate) fn answer(world: &World, request: &Node) -> Node {
    let protocols: Vec<String> =
        request.get_optional_child("query").map(children).unwrap_or_default().iter().map(|protocol| protocol.tag.to_string()).collect();
    let asked = request.get_optional_child("list").map(children).unwrap_or_default();
    let users = asked.iter().filter(|child| child.tag == "user").map(|user| describe(world, user, &protocols));
    let states = protocols.iter().map(|protocol| NodeBuilder::new_dynamic(protocol.clone()).build());
    let mut usync = NodeBuilder::new("usync");
    for (name, fallback) in [("sid", ""), ("mode", "query"), ("context", "interactive")] {
        usync = usync.attr(name, attr(request, name).unwrap_or_else(|| fallback.to_owned()));
    }
    usync
        .attr("index", "0")
        .attr("last", "true")
        .children([NodeBuilder::new("result").children(states).build(), NodeBuilder::new("list").children(users).build()])
        .build()
}

fn describe(world: &World, user: &Node, protocols: &[String]) -> Node {
    let contact = user.get_optional_child("contact").map(text_of);
    let jid = jid_attr(user, "jid").or_else(|| {
        let digits: String = contact.as_deref()?.chars().filter(char::is_ascii_digit).collect();
        (!digits.is_empty()).then(|| Jid::pn(digits))
    });
    let phone = jid.as_ref().and_then(|jid| world.phone_at(jid));
    let mut entry = NodeBuilder::new("user");
    if let Some(jid) = &jid {
        entry = entry.attr("jid", jid.to_non_ad());
    }
    let results = protocols.iter().filter_map(|protocol| result(protocol, phone.as_deref(), contact.as_deref()));
    entry.children(results).build()
}

fn result(protocol: &str, phone: Option<&Phone>, contact: Option<&str>) -> Option<Node> {
    match (protocol, phone) {
        ("contact", phone) => {
            let kind = if phone.is_some() { "in" } else { "out" };
            let node = NodeBuilder::new("contact").attr("type", kind);
            Some(match contact {
                Some(text) => node.bytes(text.as_bytes().to_vec()).build(),
                None => node.build(),
            })
        }
        ("devices", Some(phone)) => Some(devices(phone)),
        ("lid", Some(phone)) => Some(NodeBuilder::new("lid").attr("val", phone.lid_jid(0)).build()),
        _ => None,
    }
}

fn devices(phone: &Phone) -> Node {
    let linked = phone.devices();
    let primary = NodeBuilder::new("device").attr("id", 0_u16).build();
    let companions = linked.iter().map(|device| NodeBuilder::new("device").attr("id", *device).attr("key-index", *device).build());
    let list = NodeBuilder::new("device-list").children(std::iter::once(primary).chain(companions)).build();
    let mut parts = vec![list];
    if !linked.is_empty() {
        let (timestamp, signed) = phone.key_index_list();
        parts.push(NodeBuilder::new("key-index-list").attr("ts", timestamp).bytes(signed).build());
    }
    NodeBuilder::new("devices").children(parts).build()
}

fn text_of(node: &Node) -> String {
    String::from_utf8_lossy(&bytes_of(node)).into_owned()
}
