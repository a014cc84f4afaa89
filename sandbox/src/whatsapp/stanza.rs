//! Small pieces every stanza is made of.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, NodeContent};

/// The address of the service itself.
pub(crate) fn server() -> &'static str {
    wacore_binary::SERVER_JID
}

/// An attribute as text, whichever way it was encoded.
pub(crate) fn attr(node: &Node, name: &str) -> Option<String> {
    node.attrs.get(name).map(|value| value.as_str().into_owned())
}

/// An attribute as an address.
pub(crate) fn jid_attr(node: &Node, name: &str) -> Option<Jid> {
    node.attrs.get(name)?.to_jid()
}

/// The bytes of a leaf; empty for anything else.
pub(crate) fn bytes_of(node: &Node) -> Vec<u8> {
    match &node.content {
        Some(NodeContent::Bytes(bytes)) => bytes.to_vec(),
        Some(NodeContent::String(text)) => text.as_bytes().to_vec(),
        Some(NodeContent::Nodes(_)) | None => Vec::new(),
    }
}

/// The children of a node, none for a leaf.
pub(crate) fn children(node: &Node) -> &[Node] {
    node.children().unwrap_or_default()
}

/// An empty positive answer to a query.
pub(crate) fn result_to(query: &Node) -> Node {
    answer(query, "result").build()
}

/// A positive answer with content.
pub(crate) fn result_with(query: &Node, content: Node) -> Node {
    answer(query, "result").children([content]).build()
}

/// A negative answer.
pub(crate) fn error_to(query: &Node, code: u16, text: &'static str) -> Node {
    let error = NodeBuilder::new("error").attr("code", code).attr("text", text).build();
    answer(query, "error").children([error]).build()
}

/// A leaf with bytes.
pub(crate) fn leaf(tag: &'static str, bytes: impl Into<Vec<u8>>) -> Node {
    NodeBuilder::new(tag).bytes(bytes).build()
}

/// A notification of the service.
pub(crate) fn notification(kind: &'static str, id: String, children: Vec<Node>) -> Node {
    NodeBuilder::new("notification")
        .attr("from", server())
        .attr("type", kind)
        .attr("id", id)
        .attr("t", super::adv::unix_seconds())
        .children(children)
        .build()
}

/// Key ids travel as three big-endian bytes.
pub(crate) fn key_id(id: u32) -> Vec<u8> {
    id.to_be_bytes()[1..].to_vec()
}

fn answer(query: &Node, kind: &'static str) -> NodeBuilder {
    NodeBuilder::new("iq").attr("from", server()).attr("type", kind).attr("id", attr(query, "id").unwrap_or_default())
}
