//! Everything the links share: phones, open pairings, live links, faults, counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wacore_binary::{Jid, Server};

use super::fault::{FaultBook, FaultTarget};
use super::link::LinkRef;
use super::lock::Lock;
use super::media::MediaStore;
use super::noise::ServerIdentity;
use super::phone::{KeptPhone, Phone};
use super::view::{PhoneError, WhatsappStats};

/// Phones the world has room for.
const MAX_PHONES: usize = 20_000;
/// References handed out per connection.
pub(crate) const REFS_PER_LINK: u32 = 6;
/// Clients show the first reference this long …
const FIRST_REF: Duration = Duration::from_secs(60);
/// … and each further one this long.
const NEXT_REF: Duration = Duration::from_secs(20);
/// A scan may come this much after the client moved on.
const REF_GRACE: Duration = Duration::from_secs(10);
/// How long a pairing code may be typed.
const CODE_VALIDITY: Duration = Duration::from_secs(180);

/// The shared state. No lock is held across an await.
pub(crate) struct World {
    pub(crate) identity: ServerIdentity,
    pub(crate) faults: FaultBook,
    pub(crate) count: Counters,
    pub(crate) media: MediaStore,
    /// Cancelled when the service stops.
    pub(crate) stop: CancellationToken,
    /// Owns every task of the service; it has ended when they have.
    pub(crate) tasks: TaskTracker,
    directory: RwLock<Directory>,
    refs: Lock<HashMap<String, RefSlot>>,
    codes: Lock<HashMap<String, CodeSlot>>,
    links: Lock<HashMap<u64, (LinkRef, Option<String>)>>,
    next_link: AtomicU64,
}

#[derive(Default)]
struct Directory {
    by_number: HashMap<String, Arc<Phone>>,
    by_lid: HashMap<String, Arc<Phone>>,
}

impl Directory {
    fn add(&mut self, phone: Phone) {
        let phone = Arc::new(phone);
        self.by_lid.insert(phone.lid.clone(), phone.clone());
        self.by_number.insert(phone.number.clone(), phone);
    }
}

/// Monotonic counters for [`WhatsappStats`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) logins: AtomicU64,
    pub(crate) pairings: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) replaced: AtomicU64,
    pub(crate) messages_in: AtomicU64,
    pub(crate) messages_out: AtomicU64,
    pub(crate) undecryptable: AtomicU64,
    pub(crate) faults: AtomicU64,
}

/// A reference from a QR code that is shown somewhere.
#[derive(Clone)]
struct RefSlot {
    link: LinkRef,
    noise_key: [u8; 32],
    identity: [u8; 32],
    expires: Instant,
}

/// A pairing code that a client shows and the phone may type.
#[derive(Clone)]
pub(crate) struct CodeSlot {
    pub(crate) link: LinkRef,
    /// The client's ephemeral key, encrypted with the code.
    pub(crate) wrapped_ephemeral: Vec<u8>,
    pub(crate) reference: Vec<u8>,
    expires: Instant,
}

/// Adds one.
pub(crate) fn tick(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            identity: ServerIdentity::fixed(),
            faults: FaultBook::default(),
            count: Counters::default(),
            media: MediaStore::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            directory: RwLock::default(),
            refs: Lock::default(),
            codes: Lock::default(),
            links: Lock::default(),
            next_link: AtomicU64::new(1),
        }
    }

    pub(crate) fn add_phone(&self, number: String) -> Result<(), PhoneError> {
        let mut directory = self.directory.write().expect("no holder panics");
        if directory.by_number.contains_key(&number) {
            return Ok(());
        }
        if directory.by_number.len() >= MAX_PHONES {
            return Err(PhoneError::TooManyPhones);
        }
        directory.add(Phone::new(number));
        Ok(())
    }

    /// Describes all phones.
    pub(crate) fn keep(&self) -> anyhow::Result<Vec<KeptPhone>> {
        self.phones().iter().map(|phone| phone.keep()).collect()
    }

    /// Puts phones of an earlier run in place. Before any link.
    pub(crate) fn revive(&self, phones: Vec<KeptPhone>) -> anyhow::Result<()> {
        let mut directory = self.directory.write().expect("no holder panics");
        for kept in phones.into_iter().take(MAX_PHONES) {
            directory.add(Phone::revive(kept)?);
        }
        Ok(())
    }

    pub(crate) fn phone(&self, number: &str) -> Option<Arc<Phone>> {
        let directory = self.directory.read().expect("no holder panics");
        directory.by_number.get(number).cloned()
    }

    /// The phone an address means, by number or hidden id.
    pub(crate) fn phone_at(&self, jid: &Jid) -> Option<Arc<Phone>> {
        let directory = self.directory.read().expect("no holder panics");
        let phones = match jid.server {
            Server::Pn => &directory.by_number,
            Server::Lid => &directory.by_lid,
            _ => return None,
        };
        phones.get(jid.user_base()).cloned()
    }

    /// All phones, by number.
    pub(crate) fn phones(&self) -> Vec<Arc<Phone>> {
        let directory = self.directory.read().expect("no holder panics");
        let mut phones: Vec<_> = directory.by_number.values().cloned().collect();
        phones.sort_by(|left, right| left.number.cmp(&right.number));
        phones
    }

    pub(crate) fn next_link_id(&self) -> u64 {
        self.next_link.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn register(&self, link: &LinkRef, number: Option<String>) {
        let mut links = self.links.hold();
        links.insert(link.id, (link.clone(), number));
    }

    /// Forgets a link that ended, with the pairings it offered.
    pub(crate) fn deregister(&self, link: u64) {
        self.links.hold().remove(&link);
        self.withdraw(link);
    }

    /// Ends the pairings a link offered.
    pub(crate) fn withdraw(&self, link: u64) {
        self.refs.hold().retain(|_, slot| slot.link.id != link);
        self.codes.hold().retain(|_, slot| slot.link.id != link);
    }

    pub(crate) fn links_of(&self, target: &FaultTarget) -> Vec<LinkRef> {
        let links = self.links.hold();
        links
            .values()
            .filter(|(_, number)| match target {
                FaultTarget::All => true,
                FaultTarget::Number(wanted) => number.as_ref() == Some(wanted),
            })
            .map(|(link, _)| link.clone())
            .collect()
    }

    /// Makes the references for one connection's QR codes. They expire as the client moves on to the next.
    pub(crate) fn offer_refs(&self, link: &LinkRef, noise_key: [u8; 32], identity: [u8; 32]) -> Vec<String> {
        let start = Instant::now() + FIRST_REF + REF_GRACE;
        let offered: Vec<(String, Instant)> = (0..REFS_PER_LINK).map(|index| (new_reference(), start + NEXT_REF * index)).collect();
        let mut refs = self.refs.hold();
        for (reference, expires) in &offered {
            let slot = RefSlot { link: link.clone(), noise_key, identity, expires: *expires };
            refs.insert(reference.clone(), slot);
        }
        offered.into_iter().map(|(reference, _)| reference).collect()
    }

    /// The connection behind a scanned code, if the keys in the code are the connection's.
    pub(crate) fn find_ref(&self, reference: &str, noise_key: &[u8; 32], identity: &[u8; 32]) -> Result<LinkRef, PhoneError> {
        let refs = self.refs.hold();
        let slot = refs.get(reference).filter(|slot| slot.expires > Instant::now()).ok_or(PhoneError::NoSuchQr)?;
        if slot.noise_key == *noise_key && slot.identity == *identity { Ok(slot.link.clone()) } else { Err(PhoneError::ForeignQr) }
    }

    /// Notes that a client shows a pairing code for a number; a newer one takes the place of an older.
    pub(crate) fn offer_code(&self, number: String, link: LinkRef, wrapped_ephemeral: Vec<u8>) -> Vec<u8> {
        let reference = new_reference().into_bytes();
        let slot = CodeSlot { link, wrapped_ephemeral, reference: reference.clone(), expires: Instant::now() + CODE_VALIDITY };
        self.codes.hold().insert(number, slot);
        reference
    }

    pub(crate) fn find_code(&self, number: &str) -> Result<CodeSlot, PhoneError> {
        let codes = self.codes.hold();
        codes.get(number).filter(|slot| slot.expires > Instant::now()).cloned().ok_or(PhoneError::NoSuchCode)
    }

    pub(crate) fn stats(&self) -> WhatsappStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let phones = self.phones();
        let (mut linked_devices, mut links) = (0, 0);
        for phone in &phones {
            let state = phone.state();
            linked_devices += state.companions.len();
            links += state.companions.values().filter(|device| device.link.is_some()).count();
        }
        WhatsappStats {
            phones: phones.len(),
            linked_devices,
            sockets: self.links.hold().len(),
            links,
            logins: read(&self.count.logins),
            pairings: read(&self.count.pairings),
            refused: read(&self.count.refused),
            replaced: read(&self.count.replaced),
            messages_in: read(&self.count.messages_in),
            messages_out: read(&self.count.messages_out),
            undecryptable: read(&self.count.undecryptable),
            faults: read(&self.count.faults),
        }
    }
}

/// A reference as the real service makes them: a version, then random characters without a comma.
pub(crate) fn new_reference() -> String {
    use base64::Engine as _;
    let bytes: [u8; 48] = rand::rng().random();
    format!("2@{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}
