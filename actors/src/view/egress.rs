//! A company's way out to WhatsApp.

use serde::Serialize;

/// Where a company's way out comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressKind {
    /// No proxy.
    Direct,
    /// The default proxy.
    Default,
    /// A proxy of the pool.
    Pool,
    /// A proxy of its own.
    Own,
}

/// A company's way out as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressView {
    /// Where it comes from.
    pub kind: EgressKind,
    /// `socks5://host:port`, never with a login. `None`: directly.
    pub proxy: Option<String>,
}
