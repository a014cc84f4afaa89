//! WhatsApp as a script, or in the test's hand.

#![expect(clippy::disallowed_types, reason = "a fake is shared with the test that scripts it; the lock is never held across an await")]

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::records::MemoryRecords;
use crate::ids::{CompanyId, Generation, OwnIdentity, Phone, Secret};
use crate::ports::{Connector, LinkCommand, LinkEnd, LinkFact, LinkReports, LinkRequest, RecordsError, Vault, VaultOp};

/// Where the fake keeps credentials in the vault.
const TABLE: u8 = 250;
const KEY: &[u8] = b"own";

/// What a scripted link does, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Says a fact. `Paired` stores the credentials first.
    Say(LinkFact),
    /// Waits, obeying commands and the test's hand meanwhile.
    Wait(Duration),
    /// Ends.
    End(LinkEnd),
    /// The link's code panics.
    Panic,
    /// The link's code runs in circles without ever waiting, until the other end of this is dropped. Keeps a thread busy.
    Spin(Arc<()>),
    /// Says that WhatsApp answered, this often and without a pause.
    Flood(usize),
}

/// The life of one link. After the last step it stays until it is told to close or the test ends it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkScript {
    steps: VecDeque<Step>,
    deaf: bool,
    stubborn: bool,
    mute: bool,
}

impl LinkScript {
    /// Says nothing by itself.
    pub fn silent() -> Self {
        Self::default()
    }

    /// Shows six codes as WhatsApp does, the first for 60 s, the others for 20 s each, then ends.
    pub fn qr() -> Self {
        let codes = (1..=6).fold(Self::silent(), |script, attempt| {
            let shown = if attempt == 1 { FIRST_CODE } else { NEXT_CODE };
            script.then(Step::Say(qr_fact(attempt))).then(Step::Wait(shown))
        });
        codes.then(Step::End(LinkEnd::QrExhausted))
    }

    /// Logs in.
    pub fn online(own: OwnIdentity) -> Self {
        Self::silent().then(Step::Say(LinkFact::Online(own)))
    }

    /// Ends at once.
    pub fn ends(end: LinkEnd) -> Self {
        Self::silent().then(Step::End(end))
    }

    /// Adds a step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// Does not answer probes.
    #[must_use]
    pub fn deaf(mut self) -> Self {
        self.deaf = true;
        self
    }

    /// Ignores `Close` and `LogOut`.
    #[must_use]
    pub fn stubborn(mut self) -> Self {
        self.stubborn = true;
        self
    }

    /// Gives no pairing code when asked.
    #[must_use]
    pub fn mute(mut self) -> Self {
        self.mute = true;
        self
    }
}

/// How long WhatsApp shows the first code of a round, and each of the others.
const FIRST_CODE: Duration = Duration::from_secs(60);
const NEXT_CODE: Duration = Duration::from_secs(20);

/// A QR fact with WhatsApp's times and a text of its own for each attempt.
pub fn qr_fact(attempt: u32) -> LinkFact {
    let valid_for = if attempt == 1 { FIRST_CODE } else { NEXT_CODE };
    LinkFact::Qr { text: Secret::new(format!("qr-{attempt}")), valid_for, attempt }
}

/// The code every fake link gives.
pub const PAIRING_CODE: &str = "ABCD-EFGH";

#[derive(Default)]
struct Links {
    scripts: HashMap<CompanyId, VecDeque<LinkScript>>,
    fallback: Option<LinkScript>,
    slots: HashMap<CompanyId, Arc<Semaphore>>,
    open: HashMap<CompanyId, FakeLink>,
    opened: Vec<(CompanyId, Generation, Instant)>,
    said: Vec<(CompanyId, LinkCommand)>,
    overlapping: HashSet<CompanyId>,
}

/// Links that follow a script ([`FakeConnector::script`]) or the test's hand ([`FakeConnector::link`]). Without a script a link logs in when
/// credentials are stored, and shows a QR code when not. Probes are answered, pairing codes given, `Close` obeyed.
pub struct FakeConnector {
    records: Arc<MemoryRecords>,
    links: Mutex<Links>,
}

/// The test's hand on a running link.
#[derive(Clone)]
pub struct FakeLink {
    generation: Generation,
    hand: mpsc::UnboundedSender<Step>,
}

impl FakeLink {
    /// Which link of its company.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Makes the link say a fact.
    pub fn say(&self, fact: LinkFact) {
        let _ = self.hand.send(Step::Say(fact));
    }

    /// Ends the link.
    pub fn end(&self, end: LinkEnd) {
        let _ = self.hand.send(Step::End(end));
    }

    /// Makes the link's code panic.
    pub fn panic(&self) {
        let _ = self.hand.send(Step::Panic);
    }

    /// Makes the link's code run in circles, on one thread, until the returned guard is dropped.
    #[must_use]
    pub fn spin(&self) -> Arc<()> {
        let guard = Arc::new(());
        let _ = self.hand.send(Step::Spin(guard.clone()));
        guard
    }

    /// Makes the link say more than its session can take.
    pub fn flood(&self, facts: usize) {
        let _ = self.hand.send(Step::Flood(facts));
    }

    /// The phone scanned: credentials, then 515, as the real service does after every pairing.
    pub fn scan(&self, own: OwnIdentity) {
        self.say(LinkFact::Paired(own));
        self.end(LinkEnd::RestartRequired);
    }

    fn is_open(&self) -> bool {
        !self.hand.is_closed()
    }
}

impl FakeConnector {
    /// Credentials live in the vault of these records, so that erasing a session erases them.
    pub fn new(records: Arc<MemoryRecords>) -> Self {
        Self { records, links: Mutex::new(Links::default()) }
    }

    /// The company's next link without a script gets this one. May be called several times: one link each, in order.
    pub fn script(&self, company: CompanyId, script: LinkScript) {
        self.lock().scripts.entry(company).or_default().push_back(script);
    }

    /// Every link without a script of its own follows this one from now on.
    pub fn script_all(&self, script: LinkScript) {
        self.lock().fallback = Some(script);
    }

    /// Every link decides by the stored credentials again.
    pub fn unscript_all(&self) {
        self.lock().fallback = None;
    }

    /// Waits for the company's running link.
    pub async fn link(&self, company: CompanyId) -> FakeLink {
        super::wait_until("a running link", || self.running(company)).await;
        self.lock().open.get(&company).cloned().expect("just seen running")
    }

    /// Waits for the company's link after generation `after`.
    pub async fn link_after(&self, company: CompanyId, after: Generation) -> FakeLink {
        let newer = || self.lock().open.get(&company).is_some_and(|link| link.is_open() && link.generation > after);
        super::wait_until("a newer link", newer).await;
        self.link(company).await
    }

    /// Does the company have a running link?
    pub fn running(&self, company: CompanyId) -> bool {
        self.lock().open.get(&company).is_some_and(FakeLink::is_open)
    }

    /// How many links run now.
    pub fn running_links(&self) -> usize {
        self.lock().open.values().filter(|link| link.is_open()).count()
    }

    /// How many links the company began.
    pub fn opened(&self, company: CompanyId) -> usize {
        self.lock().opened.iter().filter(|(whose, _, _)| *whose == company).count()
    }

    /// Every link ever begun: whose, which, when.
    pub fn dials(&self) -> Vec<(CompanyId, Generation, Instant)> {
        self.lock().opened.clone()
    }

    /// Every command the company's links got.
    pub fn commands(&self, company: CompanyId) -> Vec<LinkCommand> {
        let links = self.lock();
        let own = links.said.iter().filter(|(whose, _)| *whose == company);
        own.map(|(_, command)| command.clone()).collect()
    }

    /// Companies that asked for a second link while the first had not let go. Allowed by the port, for a moment, after a crash.
    pub fn overlapped(&self, company: CompanyId) -> bool {
        self.lock().overlapping.contains(&company)
    }

    /// Stores credentials as a pairing would.
    pub async fn store_credentials(&self, company: CompanyId, own: &OwnIdentity) -> Result<(), RecordsError> {
        let value = serde_json::to_vec(own).expect("an identity is JSON");
        let put = VaultOp::Put { table: TABLE, key: KEY.to_vec(), value };
        Vault::write(&*self.records, company, vec![put]).await
    }

    fn stored(&self, company: CompanyId) -> Result<Option<OwnIdentity>, RecordsError> {
        let value = Vault::get(&*self.records, company, TABLE, KEY)?;
        Ok(value.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn next_script(&self, company: CompanyId) -> LinkScript {
        let mut links = self.lock();
        let own = links.scripts.get_mut(&company).and_then(VecDeque::pop_front);
        let scripted = own.or_else(|| links.fallback.clone());
        drop(links);
        scripted.unwrap_or_else(|| match self.stored(company) {
            Ok(Some(own)) => LinkScript::online(own),
            Ok(None) | Err(_) => LinkScript::qr(),
        })
    }

    fn slot(&self, company: CompanyId) -> Arc<Semaphore> {
        let mut links = self.lock();
        let slot = links.slots.entry(company).or_insert_with(|| Arc::new(Semaphore::new(1))).clone();
        if slot.available_permits() == 0 {
            links.overlapping.insert(company);
        }
        slot
    }

    /// One step; `Some` ends the link.
    async fn perform(&self, step: Step, request: &LinkRequest, reports: &LinkReports) -> Option<LinkEnd> {
        match step {
            Step::Say(fact) => {
                if let LinkFact::Paired(own) = &fact
                    && self.store_credentials(request.company, own).await.is_err()
                {
                    return Some(LinkEnd::StorageFailed);
                }
                reports.report(fact);
                None
            }
            Step::Wait(_) => None, // the loop in `run` waits
            Step::End(end) => Some(end),
            Step::Panic => panic!("scripted panic in the link"),
            Step::Flood(facts) => {
                (0..facts).for_each(|_| reports.report(LinkFact::ProbeAnswered));
                None
            }
            Step::Spin(guard) => {
                while Arc::strong_count(&guard) > 1 {
                    std::hint::spin_loop();
                }
                None
            }
        }
    }

    /// Obeys a command; `Some` ends the link.
    fn obey(&self, command: LinkCommand, script: &LinkScript, request: &LinkRequest, reports: &LinkReports) -> Option<LinkEnd> {
        self.lock().said.push((request.company, command.clone()));
        match command {
            LinkCommand::RequestPairingCode(_) if script.mute => None,
            LinkCommand::RequestPairingCode(phone) => {
                reports.report(pairing_fact(phone));
                None
            }
            LinkCommand::Probe if script.deaf => {
                reports.report(LinkFact::ProbeUnanswered);
                None
            }
            LinkCommand::Probe => {
                reports.report(LinkFact::ProbeAnswered);
                None
            }
            LinkCommand::Close | LinkCommand::LogOut if script.stubborn => None,
            LinkCommand::Close => Some(LinkEnd::Closed),
            LinkCommand::LogOut => Some(LinkEnd::LoggedOut),
            // The test answers.
            LinkCommand::CancelPairing | LinkCommand::PasskeyResponse(_) | LinkCommand::PasskeyConfirm => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pairing_fact(phone: Phone) -> LinkFact {
    LinkFact::PairingCode { code: Secret::new(PAIRING_CODE), phone, valid_for: Duration::from_secs(180) }
}

#[async_trait]
impl Connector for FakeConnector {
    async fn run(&self, request: LinkRequest, reports: LinkReports, mut commands: mpsc::Receiver<LinkCommand>) -> LinkEnd {
        let slot = self.slot(request.company);
        let _only_link = slot.acquire().await.expect("never closed");
        let mut script = self.next_script(request.company);
        let (hand, mut steps) = mpsc::unbounded_channel();
        {
            let mut links = self.lock();
            links.opened.push((request.company, request.generation, Instant::now()));
            links.open.insert(request.company, FakeLink { generation: request.generation, hand });
        }
        let mut next_step_at = Instant::now();
        loop {
            let end = tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.obey(command, &script, &request, &reports),
                    None => Some(LinkEnd::Closed),
                },
                step = steps.recv() => match step {
                    Some(step) => self.perform(step, &request, &reports).await,
                    None => Some(LinkEnd::Closed),
                },
                () = tokio::time::sleep_until(next_step_at), if !script.steps.is_empty() => {
                    match script.steps.pop_front() {
                        Some(Step::Wait(time)) => {
                            next_step_at = Instant::now() + time;
                            None
                        }
                        Some(step) => self.perform(step, &request, &reports).await,
                        None => None,
                    }
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    async fn credentials(&self, company: CompanyId) -> Result<Option<OwnIdentity>, RecordsError> {
        self.stored(company)
    }
}
