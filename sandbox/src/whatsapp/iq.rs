//! Answers to the queries of a linked device.

use wacore::prekeys::compute_key_bundle_digest;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use super::companion::{SignedKeyPart, big_endian};
use super::limits;
use super::link::LinkRef;
use super::phone::Phone;
use super::stanza::{attr, bytes_of, children, error_to, jid_attr, key_id, leaf, result_to, result_with};
use super::usync;
use super::world::World;

/// Signal keys of type Curve25519.
const KEY_TYPE: u8 = 5;
/// What the real service says for a device that isn't registered.
const NOT_REGISTERED: u16 = 406;
/// Privacy settings of a new account.
const PRIVACY: [(&str, &str); 8] = [
    ("readreceipts", "all"),
    ("last", "all"),
    ("status", "all"),
    ("profile", "all"),
    ("groupadd", "all"),
    ("online", "all"),
    ("calladd", "all"),
    ("messages", "all"),
];

/// What follows from a query.
pub(crate) enum Answer {
    Reply(Node),
    /// The device wants its stanzas from now on.
    Activate(Node),
    /// Devices were removed from the account; `others` are the live links that must end.
    Removed {
        answer: Node,
        others: Vec<LinkRef>,
    },
}

/// Answers a query. What the clients can do without gets an empty result, as they accept.
pub(crate) fn answer(world: &World, phone: &Phone, device: u16, query: &Node) -> Answer {
    let namespace = attr(query, "xmlns").unwrap_or_default();
    let Some(request) = children(query).first() else {
        return Answer::Reply(without_content(&namespace, query));
    };
    Answer::Reply(match (namespace.as_str(), request.tag.as_ref()) {
        ("passive", "active") => return Answer::Activate(result_to(query)),
        ("md", "remove-companion-device") => return remove_devices(phone, device, query, request),
        ("encrypt", _) => encryption(world, phone, device, query),
        ("usync", "usync") => result_with(query, usync::answer(world, request)),
        ("w:sync:app:state", "sync") => result_with(query, sync(phone, request)),
        ("w:mex", "query") => limits::answer(phone, query, request),
        ("w:m", "media_conn") => result_with(query, media_connection(query)),
        ("abt" | "w", "props") => result_with(query, properties()),
        ("privacy", "privacy") if attr(query, "type").as_deref() == Some("get") => result_with(query, privacy()),
        ("w:profile:picture", _) => error_to(query, 404, "item-not-found"),
        ("w:g2", "participating") => result_with(query, NodeBuilder::new("groups").build()),
        _ => result_to(query),
    })
}

fn without_content(namespace: &str, query: &Node) -> Node {
    match namespace {
        "blocklist" => result_with(query, NodeBuilder::new("list").build()),
        "privacy" => result_with(query, privacy()),
        _ => result_to(query),
    }
}

fn properties() -> Node {
    NodeBuilder::new("props").attr("protocol", 1_u16).attr("ab_key", "sandbox").attr("hash", "sandbox").attr("refresh", 86_400_u32).build()
}

fn privacy() -> Node {
    let categories = PRIVACY.map(|(name, value)| NodeBuilder::new("category").attr("name", name).attr("value", value).build());
    NodeBuilder::new("privacy").children(categories).build()
}

/// Clients build `https://{host}{path}` from this; tests map it back to the service's own port.
fn media_connection(query: &Node) -> Node {
    let host = NodeBuilder::new("host").attr("hostname", "mmg.whatsapp.net").build();
    NodeBuilder::new("media_conn")
        .attr("auth", attr(query, "id").unwrap_or_default())
        .attr("ttl", 3600_u32)
        .attr("auth_ttl", 21_600_u32)
        .attr("max_buckets", 12_u16)
        .children([host])
        .build()
}

fn remove_devices(phone: &Phone, device: u16, query: &Node, request: &Node) -> Answer {
    let all = attr(request, "all").as_deref() == Some("true");
    let named = jid_attr(request, "jid").map_or(device, |jid| jid.device);
    let doomed = if all { phone.devices() } else { vec![named] };
    let mut others = Vec::new();
    for gone in doomed {
        let (_, link) = phone.unlink(gone);
        if gone != device {
            others.extend(link);
        }
    }
    Answer::Removed { answer: result_to(query), others }
}

/// `xmlns="encrypt"`: the Signal keys of devices.
fn encryption(world: &World, phone: &Phone, device: u16, query: &Node) -> Node {
    if attr(query, "type").as_deref() == Some("set") {
        return store_keys(phone, device, query);
    }
    if let Some(request) = query.get_optional_child("key") {
        let users = children(request).iter().filter(|child| child.tag == "user");
        let users = users.map(|user| keys_of(world, user));
        return result_with(query, NodeBuilder::new("list").children(users).build());
    }
    let state = phone.state();
    let Some(companion) = state.companions.get(&device) else {
        return error_to(query, 404, "item-not-found");
    };
    if query.get_optional_child("count").is_some() {
        let count = NodeBuilder::new("count").attr("value", companion.one_time.len()).build();
        return result_with(query, count);
    }
    if query.get_optional_child("digest").is_some() {
        if companion.one_time.is_empty() {
            return error_to(query, 404, "item-not-found");
        }
        let registration = &companion.registration;
        let keys: Vec<&[u8]> = companion.one_time.iter().map(|(_, key)| key.as_slice()).collect();
        let hash = compute_key_bundle_digest(&registration.identity, &registration.signed.public, &registration.signed.signature, &keys);
        let ids = companion.one_time.iter().map(|(id, _)| leaf("id", key_id(*id)));
        let digest = NodeBuilder::new("digest").children([
            leaf("registration", registration.registration_id.to_be_bytes()),
            leaf("type", [KEY_TYPE]),
            leaf("identity", registration.identity),
            signed_key(&registration.signed),
            NodeBuilder::new("list").children(ids).build(),
            leaf("hash", hash),
        ]);
        return result_with(query, digest.build());
    }
    result_to(query)
}

/// The device uploads one-time keys, or a new signed key.
fn store_keys(phone: &Phone, device: u16, query: &Node) -> Node {
    let mut state = phone.state();
    let Some(companion) = state.companions.get_mut(&device) else {
        return error_to(query, 404, "item-not-found");
    };
    let signed = query.get_optional_child("skey").or_else(|| query.get_optional_child_by_tag(&["rotate", "skey"]));
    if let Some(signed) = signed {
        let Some(part) = read_signed_key(signed) else {
            return error_to(query, NOT_REGISTERED, "not-acceptable");
        };
        if !super::adv::is_signed_by(&companion.registration.identity, &part.public, &part.signature) {
            return error_to(query, NOT_REGISTERED, "not-acceptable");
        }
        companion.registration.signed = part;
    }
    if let Some(list) = query.get_optional_child("list") {
        companion.add_one_time_keys(children(list).iter().filter_map(read_key).collect());
    }
    result_to(query)
}

fn read_key(node: &Node) -> Option<(u32, [u8; 32])> {
    let id = big_endian(&bytes_of(node.get_optional_child("id")?));
    let value = bytes_of(node.get_optional_child("value")?);
    Some((id, value.try_into().ok()?))
}

fn read_signed_key(node: &Node) -> Option<SignedKeyPart> {
    let (id, public) = read_key(node)?;
    let signature = bytes_of(node.get_optional_child("signature")?);
    Some(SignedKeyPart { id, public, signature })
}

/// The keys somebody needs to write to a device.
fn keys_of(world: &World, user: &Node) -> Node {
    let Some(jid) = jid_attr(user, "jid") else {
        return NodeBuilder::new("user").build();
    };
    let node = NodeBuilder::new("user").attr("jid", &jid);
    let keys =
        world.phone_at(&jid).and_then(|phone| if jid.device == 0 { Some(phone_keys(&phone)) } else { companion_keys(&phone, jid.device) });
    match keys {
        Some(keys) => node.attr("t", super::adv::unix_seconds()).children(keys).build(),
        None => {
            let error = NodeBuilder::new("error").attr("code", NOT_REGISTERED).build();
            node.children([error]).build()
        }
    }
}

fn phone_keys(phone: &Phone) -> Vec<Node> {
    let mut state = phone.state();
    let (id, key) = state.signal.one_time_key();
    let signed = state.signal.signed_key();
    let signed = SignedKeyPart { id: signed.id, public: signed.public, signature: signed.signature.clone() };
    let identity = phone.account.public_key.public_key_bytes().to_vec();
    bundle(phone.registration_id, identity, &signed, Some((id, key)))
}

fn companion_keys(phone: &Phone, device: u16) -> Option<Vec<Node>> {
    let mut state = phone.state();
    let companion = state.companions.get_mut(&device)?;
    let one_time = companion.one_time.pop_front();
    let registration = &companion.registration;
    let identity = registration.identity.to_vec();
    let mut keys = bundle(registration.registration_id, identity, &registration.signed, one_time);
    keys.push(leaf("device-identity", companion.device_identity.clone()));
    Some(keys)
}

fn bundle(registration_id: u32, identity: Vec<u8>, signed: &SignedKeyPart, one_time: Option<(u32, [u8; 32])>) -> Vec<Node> {
    let mut nodes =
        vec![leaf("registration", registration_id.to_be_bytes()), leaf("type", [KEY_TYPE]), leaf("identity", identity), signed_key(signed)];
    nodes.extend(one_time.map(|(id, key)| NodeBuilder::new("key").children([leaf("id", key_id(id)), leaf("value", key)]).build()));
    nodes
}

fn signed_key(signed: &SignedKeyPart) -> Node {
    NodeBuilder::new("skey")
        .children([leaf("id", key_id(signed.id)), leaf("value", signed.public), leaf("signature", signed.signature.clone())])
        .build()
}

/// App-state collections: what the device lacks, after what it adds.
fn sync(phone: &Phone, request: &Node) -> Node {
    let collections = children(request).iter().filter(|child| child.tag == "collection");
    let answers = collections.map(|asked| sync_collection(phone, asked));
    NodeBuilder::new("sync").children(answers).build()
}

fn sync_collection(phone: &Phone, asked: &Node) -> Node {
    let name = attr(asked, "name").unwrap_or_default();
    let version: u64 = attr(asked, "version").and_then(|version| version.parse().ok()).unwrap_or(0);
    let uploads: Vec<Vec<u8>> = children(asked).iter().filter(|child| child.tag == "patch").map(bytes_of).collect();
    let answer = NodeBuilder::new("collection").attr("name", name.as_str());
    phone.with_collection(&name, |collection| {
        for (base, patch) in (version..).zip(&uploads) {
            if collection.push(base, patch).is_err() {
                let error = NodeBuilder::new("error").attr("code", 409_u16).attr("text", "conflict");
                return answer.attr("type", "error").children([error.build()]).build();
            }
        }
        let answer = answer.attr("type", "result").attr("version", collection.version()).attr("has_more_patches", "false");
        let missing = if uploads.is_empty() { collection.since(version) } else { Vec::new() };
        if missing.is_empty() {
            return answer.build();
        }
        let patches = missing.into_iter().map(|patch| leaf("patch", patch));
        answer.children([NodeBuilder::new("patches").children(patches).build()]).build()
    })
}
