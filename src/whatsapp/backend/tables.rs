//! The rooms of a company in the vault. A number, once used, never gets another meaning.

/// One room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::whatsapp) struct Table {
    /// Its number in the vault.
    pub(super) id: u8,
    /// Whether values may be larger than the vault takes. They then start with a count of further parts.
    pub(super) large: bool,
}

pub(super) const fn small(id: u8) -> Table {
    Table { id, large: false }
}

const fn large(id: u8) -> Table {
    Table { id, large: true }
}

/// The device itself: keys, identity, counters (JSON). Key: empty.
pub(in crate::whatsapp) const DEVICE: Table = large(1);
/// Identity keys by Signal address.
pub(super) const IDENTITY: Table = small(2);
/// Signal sessions by address.
pub(super) const SESSION: Table = large(3);
/// One-time pre-keys by number (big-endian).
pub(super) const PREKEY: Table = small(4);
/// Signed pre-keys by number (big-endian).
pub(super) const SIGNED_PREKEY: Table = small(5);
/// Group sender keys by address.
pub(super) const SENDER_KEY: Table = large(6);
/// App-state keys by id (JSON).
pub(super) const SYNC_KEY: Table = small(7);
/// Id of the newest app-state key. Key: empty.
pub(super) const LATEST_SYNC_KEY: Table = small(8);
/// App-state versions by collection (JSON).
pub(super) const SYNC_VERSION: Table = large(9);
/// App-state value MACs by collection and index MAC.
pub(super) const MUTATION_MAC: Table = small(10);
/// Who has our sender key (one byte) by group and device.
pub(super) const SENDER_KEY_DEVICE: Table = small(11);
/// LID to phone number (JSON).
pub(super) const LID: Table = small(12);
/// Phone number to LID.
pub(super) const PHONE: Table = small(13);
/// Base keys by address and message.
pub(super) const BASE_KEY: Table = small(14);
/// Devices of a user (JSON).
pub(super) const DEVICE_LIST: Table = large(15);
/// Groups as the library packs them.
pub(super) const GROUP: Table = large(16);
/// Privacy tokens by contact (JSON).
pub(super) const PRIVACY_TOKEN: Table = small(17);
/// Sent messages by chat and id: seconds, payload.
pub(super) const SENT_MESSAGE: Table = large(18);
/// Received messages not yet handed over, by chat, sender and id: seconds, payload.
pub(super) const PENDING_INBOUND: Table = large(19);
/// Message secrets by chat, sender and id: expiry, time, secret.
pub(super) const MESSAGE_SECRET: Table = small(20);
/// Further parts of large values: table, key, part number.
pub(super) const PART: Table = small(21);
