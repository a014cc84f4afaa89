//! A simulated service, a store in memory, and links whose facts a test waits for.

use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::ids::{CompanyId, Generation, OwnIdentity, SalonId};
use frontdesk_actors::ports::{Connector, LinkCommand, LinkEnd, LinkFact, LinkReports, LinkRequest, Vault as _};
use frontdesk_actors::testing::MemoryRecords;
use frontdesk_sandbox::whatsapp::{FaultTarget, Service, WhatsappFault, WhatsappStats};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::{WhatsappConnector, WhatsappSettings};

pub(super) const NUMBER: &str = "79161234567";

/// Whose links these are, where one company is enough.
const COMPANY: u64 = 1;

/// Nothing here takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(25);

/// What the simulated client names itself; any number works there.
const VERSION: (u32, u32, u32) = (2, 3000, 1_023_456_789);

pub(super) struct Rig {
    pub(super) service: Service,
    pub(super) records: Arc<MemoryRecords>,
    connector: Arc<WhatsappConnector>,
}

impl Rig {
    /// One service with one phone.
    pub(super) async fn start() -> Self {
        let service = Service::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
        service.add_phone(NUMBER).unwrap();
        let records = Arc::new(MemoryRecords::new());
        let connector = connector(&service, &records);
        Self { service, records, connector }
    }

    /// The same, with a device linked to the phone and its link closed.
    pub(super) async fn paired() -> Self {
        let rig = Self::start().await;
        let mut link = rig.link();
        let qr = link.qr().await;
        rig.service.scan(NUMBER, &qr).await.unwrap();
        assert_eq!(link.end().await, LinkEnd::RestartRequired);
        rig
    }

    /// Forgets everything that isn't stored, as a restart of the process does.
    pub(super) fn restart(&mut self) {
        self.records = Arc::new(self.records.crash());
        self.connector = connector(&self.service, &self.records);
    }

    pub(super) fn link(&self) -> Link {
        self.link_of(COMPANY)
    }

    pub(super) fn link_of(&self, company: u64) -> Link {
        let (facts_in, facts) = mpsc::unbounded_channel();
        let (commands, wishes) = mpsc::channel(8);
        let reports = LinkReports::new(
            Generation::default(),
            Arc::new(move |_, fact| {
                // A test that has ended listens no more.
                let _ = facts_in.send(fact);
            }),
        );
        let request = LinkRequest { company: id(company), salon: SalonId::try_from(company).unwrap(), generation: Generation::default() };
        let connector = Arc::clone(&self.connector);
        let run = tokio::spawn(async move { connector.run(request, reports, wishes).await });
        Link { facts, commands, run }
    }

    /// A link that is online.
    pub(super) async fn online(&self) -> Link {
        let mut link = self.link();
        link.online().await;
        link
    }

    pub(super) async fn credentials(&self) -> Option<OwnIdentity> {
        self.connector.credentials(id(COMPANY)).await.unwrap()
    }

    /// What an uninstall does to the credentials.
    pub(super) async fn erase(&self) {
        self.records.erase(id(COMPANY)).await.unwrap();
    }

    pub(super) fn is_forgotten(&self) -> bool {
        !self.records.has_vault(id(COMPANY))
    }

    /// Waits until every link has closed what it held.
    pub(super) async fn closed(&self) {
        timeout(PATIENCE, self.connector.closed()).await.expect("every link is closed");
    }

    pub(super) fn fault(&self, fault: WhatsappFault) {
        self.service.set_fault(FaultTarget::All, fault).unwrap();
    }

    pub(super) fn has_devices(&self) -> bool {
        self.service.phones().iter().any(|phone| !phone.linked.is_empty())
    }

    /// Waits until the counters of the service look like that.
    pub(super) async fn until(&self, what: &str, reached: impl Fn(WhatsappStats) -> bool) {
        let waiting = async {
            while !reached(self.service.stats()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: {:?}", self.service.stats()));
    }

    /// No test leaves a connection or a closing task behind.
    pub(super) async fn finish(self) {
        self.closed().await;
        self.until("all sockets are closed", |stats| stats.sockets == 0).await;
        self.service.shutdown().await;
    }
}

fn id(company: u64) -> CompanyId {
    CompanyId::try_from(company).unwrap()
}

fn connector(service: &Service, records: &Arc<MemoryRecords>) -> Arc<WhatsappConnector> {
    let endpoint = format!("ws://{}/ws/chat", service.local_addr()).parse().unwrap();
    let settings = WhatsappSettings { endpoint: Some(endpoint), client_version: Some(VERSION), ..WhatsappSettings::default() };
    Arc::new(WhatsappConnector::new(settings, Arc::<MemoryRecords>::clone(records)).unwrap())
}

pub(super) struct Link {
    facts: mpsc::UnboundedReceiver<LinkFact>,
    pub(super) commands: mpsc::Sender<LinkCommand>,
    pub(super) run: JoinHandle<LinkEnd>,
}

impl Link {
    /// The next fact about the link's state.
    pub(super) async fn fact(&mut self) -> LinkFact {
        loop {
            let fact = self.any_fact().await;
            if !matches!(fact, LinkFact::Timelock(_) | LinkFact::NewChatCap(_) | LinkFact::Measured(_)) {
                return fact;
            }
        }
    }

    pub(super) async fn any_fact(&mut self) -> LinkFact {
        let fact = timeout(PATIENCE, self.facts.recv()).await.expect("a fact in time");
        fact.expect("the link is running")
    }

    /// Waits for a fact like that; what comes before it is passed over.
    pub(super) async fn fact_like<T>(&mut self, mut wanted: impl FnMut(LinkFact) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.any_fact().await) {
                return found;
            }
        }
    }

    pub(super) async fn qr(&mut self) -> String {
        loop {
            if let LinkFact::Qr { text, .. } = self.fact().await {
                return text.expose().to_owned();
            }
        }
    }

    pub(super) async fn online(&mut self) -> OwnIdentity {
        loop {
            if let LinkFact::Online(identity) = self.fact().await {
                return identity;
            }
        }
    }

    pub(super) async fn wish(&self, command: LinkCommand) {
        self.commands.send(command).await.unwrap();
    }

    pub(super) async fn probe(&mut self) -> LinkFact {
        self.wish(LinkCommand::Probe).await;
        self.fact().await
    }

    pub(super) async fn end(self) -> LinkEnd {
        self.end_and_facts().await.0
    }

    /// The end, and what was said before it that nobody has read.
    pub(super) async fn end_and_facts(mut self) -> (LinkEnd, Vec<LinkFact>) {
        let end = timeout(PATIENCE, self.run).await.expect("an end in time").unwrap();
        let facts = std::iter::from_fn(|| self.facts.try_recv().ok()).collect();
        (end, facts)
    }
}
