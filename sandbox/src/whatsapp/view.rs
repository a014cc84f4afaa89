//! What callers of the service see: phones, messages, counters, errors.

use serde::{Deserialize, Serialize};

/// A phone with an account, and the devices linked to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhoneView {
    /// E.164 digits without the plus.
    pub number: String,
    /// Linked devices, oldest first.
    pub linked: Vec<LinkedDevice>,
}

/// A device linked to a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkedDevice {
    /// Number of the device within its account; the phone itself is 0 and isn't listed.
    pub device: u16,
    /// Whether the device is logged in now.
    pub online: bool,
}

/// Whether a message reached the phone or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The phone received and decrypted it.
    In,
    /// The phone, or one of its linked devices, sent it.
    Out,
}

/// A text in the history of a phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneMessage {
    /// The message id on the wire.
    pub id: String,
    /// Number of the sender.
    pub from: String,
    /// Number of the recipient.
    pub to: String,
    /// The decrypted text; other kinds of messages appear as `[kind]`.
    pub text: String,
    /// Seen from the phone whose history this is.
    pub direction: Direction,
    /// When the phone saw it, RFC 3339.
    pub at: chrono::DateTime<chrono::Utc>,
}

/// Counters of the service since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WhatsappStats {
    /// Phones known.
    pub phones: usize,
    /// Devices linked to phones.
    pub linked_devices: usize,
    /// Sockets open now, unpaired ones included.
    pub sockets: usize,
    /// Devices logged in now.
    pub links: usize,
    /// Accepted logins.
    pub logins: u64,
    /// Devices linked by QR or code.
    pub pairings: u64,
    /// Logins refused: unknown device, wrong key, or a fault.
    pub refused: u64,
    /// Links that ended because the same device logged in again.
    pub replaced: u64,
    /// Encrypted messages received from linked devices.
    pub messages_in: u64,
    /// Encrypted messages sent to linked devices.
    pub messages_out: u64,
    /// Messages a phone could not decrypt.
    pub undecryptable: u64,
    /// Faults that took effect.
    pub faults: u64,
}

/// Why a phone couldn't do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// No such phone was added.
    #[error("no phone has this number")]
    UnknownPhone,
    /// Not 7 to 15 digits, or a leading zero.
    #[error("the number must be 7 to 15 digits in international form")]
    InvalidNumber,
    /// The world is full.
    #[error("too many phones")]
    TooManyPhones,
    /// The text isn't a pairing QR code.
    #[error("the text isn't a pairing QR code")]
    InvalidQr,
    /// The code's reference is unknown, expired, or its connection is gone.
    #[error("the QR code is unknown or has expired")]
    NoSuchQr,
    /// The keys in the QR code aren't those of the connection that got the reference.
    #[error("the QR code doesn't belong to the device that shows it")]
    ForeignQr,
    /// The text isn't a pairing code.
    #[error("a pairing code is 8 letters and digits")]
    InvalidCode,
    /// Nobody asked for a pairing code for this number, or it has expired.
    #[error("no pairing code is waiting for this number")]
    NoSuchCode,
    /// The code isn't the one that is waiting.
    #[error("the pairing code is wrong")]
    WrongCode,
    /// The account already has as many linked devices as WhatsApp allows.
    #[error("the phone has no free slot for another linked device")]
    TooManyDevices,
    /// The new device refused the pairing, or signed it wrongly.
    #[error("the new device didn't complete the pairing: {0}")]
    Refused(&'static str),
    /// The phone has no linked device.
    #[error("the phone has no linked device")]
    NotLinked,
    /// The message text is empty or over 64 kB.
    #[error("the text must be 1 byte to 64 kB")]
    InvalidText,
    /// A message couldn't be encrypted for a device.
    #[error("the message can't be encrypted")]
    Encryption,
    /// The text isn't what a device is asked for a passkey with.
    #[error("the text isn't the options of a passkey request")]
    InvalidPasskeyOptions,
    /// The new device went away or didn't answer in time.
    #[error("the new device didn't answer in time")]
    Timeout,
}
