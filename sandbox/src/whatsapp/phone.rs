//! A simulated phone: the account, its keys, its linked devices and its message history.

mod kept;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::MutexGuard;

use rand::RngExt as _;
use wacore_binary::{Jid, Node};
use wacore_libsignal::protocol::{KeyPair, PrivateKey, ProtocolAddress};

use super::adv::{self, Invitation};
use super::appstate::{AppStateKey, CRITICAL_BLOCK, Collection};
use super::companion::{Companion, Registration};
use super::limits::Limits;
use super::link::LinkRef;
use super::lock::Lock;
use super::passkey::{Passkey, PasskeySettings, PasskeyStage, PasskeyView};
use super::signal::SignalPeer;
use super::view::{Direction, LinkedDevice, PhoneError, PhoneMessage, PhoneView};

pub(crate) use kept::KeptPhone;

/// WhatsApp allows four linked devices per account.
const MAX_COMPANIONS: usize = 4;
/// Messages kept in the history of a phone; the oldest go first.
const MAX_HISTORY: usize = 1000;
/// Sent plaintexts kept for devices that ask for a message again.
const MAX_SENT: usize = 64;

/// A phone. Everything that changes is behind one lock, held only for the moment of the change.
pub(crate) struct Phone {
    pub(crate) number: String,
    /// The account's hidden id; contacts may be addressed by it instead of the number.
    pub(crate) lid: String,
    /// Identity of the account: signs its devices, and is the phone's own Signal identity.
    pub(crate) account: KeyPair,
    pub(crate) registration_id: u32,
    pub(crate) app_key: AppStateKey,
    raw_id: u32,
    state: Lock<PhoneState>,
}

pub(crate) struct PhoneState {
    pub(crate) companions: BTreeMap<u16, Companion>,
    pub(crate) signal: SignalPeer,
    pub(crate) limits: Limits,
    passkey: (PasskeySettings, PasskeyStage),
    last_device: u16,
    devices_changed: u64,
    collections: HashMap<String, Collection>,
    history: VecDeque<PhoneMessage>,
    sent: VecDeque<SentMessage>,
}

/// A plaintext the phone sent, kept for retries.
#[derive(Clone)]
pub(crate) struct SentMessage {
    pub(crate) id: String,
    pub(crate) kind: MailKind,
    /// Encoded and not padded.
    pub(crate) plaintext: Vec<u8>,
}

/// What a stanza carries, which decides how it is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailKind {
    /// A message of a chat.
    Chat,
    /// Between the devices of one account.
    Peer,
}

impl Phone {
    pub(crate) fn new(number: String) -> Self {
        let mut random = rand::rng();
        let account = KeyPair::generate(&mut random);
        let registration_id = random.random_range(1..=16_380);
        Self {
            lid: lid_of(&number),
            number,
            registration_id,
            app_key: AppStateKey::generate(),
            raw_id: random.random_range(1..=u32::from(u16::MAX)),
            state: Lock::new(PhoneState {
                companions: BTreeMap::new(),
                signal: SignalPeer::new(&account, registration_id),
                limits: Limits::default(),
                passkey: Default::default(),
                last_device: 0,
                devices_changed: adv::unix_seconds(),
                collections: HashMap::new(),
                history: VecDeque::new(),
                sent: VecDeque::new(),
            }),
            account,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, PhoneState> {
        self.state.hold()
    }

    pub(crate) fn push_name(&self) -> String {
        let tail = &self.number[self.number.len().saturating_sub(4)..];
        format!("Phone {tail}")
    }

    pub(crate) fn jid(&self, device: u16) -> Jid {
        Jid::pn_device(self.number.as_str(), device)
    }

    pub(crate) fn lid_jid(&self, device: u16) -> Jid {
        Jid::lid_device(self.lid.as_str(), device)
    }

    /// How other phones name one of this account's devices in their Signal sessions.
    pub(crate) fn address(&self, device: u16) -> ProtocolAddress {
        ProtocolAddress::new(&self.number, u32::from(device).into())
    }

    pub(crate) fn view(&self) -> PhoneView {
        let state = self.state();
        let linked =
            state.companions.iter().map(|(device, companion)| LinkedDevice { device: *device, online: companion.link.is_some() }).collect();
        PhoneView { number: self.number.clone(), linked }
    }

    /// Why no further device can be linked, if so.
    pub(crate) fn slot_error(&self) -> Option<PhoneError> {
        (self.state().companions.len() >= MAX_COMPANIONS).then_some(PhoneError::TooManyDevices)
    }

    /// The number for the next linked device.
    pub(crate) fn reserve_device(&self) -> Result<u16, PhoneError> {
        let mut state = self.state();
        if state.companions.len() >= MAX_COMPANIONS {
            return Err(PhoneError::TooManyDevices);
        }
        state.last_device = state.last_device.checked_add(1).ok_or(PhoneError::TooManyDevices)?;
        Ok(state.last_device)
    }

    pub(crate) fn invite(&self, device: u16, secret: &[u8; 32], identity: &[u8; 32]) -> Invitation {
        adv::invite(&self.account, self.raw_id, device, secret, identity)
    }

    /// Adds a device whose signature was verified.
    pub(crate) fn link(&self, device: u16, registration: Registration, identity: Vec<u8>) -> Result<(), PhoneError> {
        let mut state = self.state();
        if state.companions.len() >= MAX_COMPANIONS {
            return Err(PhoneError::TooManyDevices);
        }
        state.companions.insert(device, Companion::new(registration, identity));
        state.devices_changed = adv::unix_seconds();
        let peer = self.address(device);
        state.signal.forget(&peer);
        Ok(())
    }

    /// Removes one device; returns its live link, if any, and whether there was such a device.
    pub(crate) fn unlink(&self, device: u16) -> (bool, Option<LinkRef>) {
        let mut state = self.state();
        let removed = state.companions.remove(&device);
        state.devices_changed = adv::unix_seconds();
        (removed.is_some(), removed.and_then(|companion| companion.link))
    }

    pub(crate) fn devices(&self) -> Vec<u16> {
        self.state().companions.keys().copied().collect()
    }

    /// The signed list of devices for contacts, with its time.
    pub(crate) fn key_index_list(&self) -> (u64, Vec<u8>) {
        let (timestamp, devices) = {
            let state = self.state();
            let devices: Vec<u16> = state.companions.keys().copied().collect();
            (state.devices_changed, devices)
        };
        let list = adv::key_index_list(&self.account, self.raw_id, timestamp, &devices);
        (timestamp, list)
    }

    pub(crate) fn key_share(&self) -> waproto::whatsapp::Message {
        self.app_key.share(self.raw_id)
    }

    /// Works on a collection; `critical_block` starts with the push name in it.
    pub(crate) fn with_collection<T>(&self, name: &str, work: impl FnOnce(&mut Collection) -> T) -> T {
        let mut state = self.state();
        let collection = state.collections.entry(name.to_owned()).or_insert_with(|| {
            if name == CRITICAL_BLOCK { self.app_key.push_name_collection(&self.push_name()) } else { Collection::default() }
        });
        work(collection)
    }

    /// Keeps a stanza until the device acknowledges it; returns the link it can be handed to now.
    pub(crate) fn keep_for(&self, device: u16, id: &str, stanza: &Node) -> Option<LinkRef> {
        let mut state = self.state();
        let companion = state.companions.get_mut(&device)?;
        companion.keep(id, stanza);
        companion.link.clone().filter(|_| companion.receiving)
    }

    /// The link of a device that takes stanzas now.
    pub(crate) fn live_link(&self, device: u16) -> Option<LinkRef> {
        let state = self.state();
        let companion = state.companions.get(&device)?;
        companion.link.clone().filter(|_| companion.receiving)
    }

    /// The device has got these stanzas.
    pub(crate) fn acknowledge<'a>(&self, device: u16, ids: impl IntoIterator<Item = &'a str>) {
        let mut state = self.state();
        if let Some(companion) = state.companions.get_mut(&device) {
            for id in ids {
                companion.acknowledge(id);
            }
        }
    }

    pub(crate) fn remember(&self, message: PhoneMessage) {
        let mut state = self.state();
        // A device that sends a message again (after a retry request) doesn't make it two.
        if state
            .history
            .iter()
            .rev()
            .take(MAX_SENT)
            .any(|known| known.id == message.id && known.direction == message.direction && known.from == message.from)
        {
            return;
        }
        push_bounded(&mut state.history, message, MAX_HISTORY);
    }

    pub(crate) fn history(&self) -> Vec<PhoneMessage> {
        self.state().history.iter().cloned().collect()
    }

    /// Whether somebody has written to this phone.
    pub(crate) fn has_heard_from(&self, number: &str) -> bool {
        self.state().history.iter().any(|message| message.direction == Direction::In && message.from == number)
    }

    pub(crate) fn passkey(&self) -> Passkey {
        Passkey::of(&self.number)
    }

    pub(crate) fn passkey_settings(&self) -> PasskeySettings {
        self.state().passkey.0
    }

    pub(crate) fn set_passkey_settings(&self, settings: PasskeySettings) {
        self.state().passkey.0 = settings;
    }

    pub(crate) fn set_passkey_stage(&self, stage: PasskeyStage) {
        self.state().passkey.1 = stage;
    }

    pub(crate) fn passkey_view(&self) -> PasskeyView {
        let (settings, stage) = self.state().passkey.clone();
        PasskeyView { settings, credential_id: self.passkey().shown_id(), stage }
    }

    pub(crate) fn remember_sent(&self, message: SentMessage) {
        push_bounded(&mut self.state().sent, message, MAX_SENT);
    }

    pub(crate) fn sent(&self, id: &str) -> Option<SentMessage> {
        self.state().sent.iter().find(|message| message.id == id).cloned()
    }
}

/// Digits of a phone number in international form, with or without a plus.
pub(crate) fn parse_number(text: &str) -> Result<String, PhoneError> {
    let digits = text.trim();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let valid = (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    if valid { Ok(digits.to_owned()) } else { Err(PhoneError::InvalidNumber) }
}

/// The account behind a private key.
fn account_of(private: &[u8; 32]) -> anyhow::Result<KeyPair> {
    let private = PrivateKey::deserialize(private)?;
    Ok(KeyPair::new(private.public_key()?, private))
}

/// A stable hidden id: 15 digits that don't show the number.
fn lid_of(number: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(number.as_bytes());
    let head: [u8; 8] = digest[..8].try_into().expect("a digest has 32 bytes");
    format!("1{:014}", u64::from_be_bytes(head) % 100_000_000_000_000)
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, limit: usize) {
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_and_without_a_plus() {
        assert_eq!(parse_number("+79001234567").as_deref(), Ok("79001234567"));
        assert_eq!(parse_number("79001234567").as_deref(), Ok("79001234567"));
        for wrong in ["", "123", "0900123456", "7900abc4567", "1234567890123456"] {
            assert_eq!(parse_number(wrong), Err(PhoneError::InvalidNumber), "{wrong}");
        }
    }

    #[test]
    fn a_fifth_device_finds_no_slot() {
        let phone = Phone::new("79001234567".into());
        for _ in 0..MAX_COMPANIONS {
            let device = phone.reserve_device().expect("a free slot");
            phone.link(device, Registration::for_tests(), Vec::new()).expect("a free slot");
        }
        assert_eq!(phone.reserve_device(), Err(PhoneError::TooManyDevices));
        phone.unlink(1);
        assert_eq!(phone.reserve_device(), Ok(5));
    }
}
