//! The root actor: which companies run, who may dial, what is restarted, how everything stops.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;

use super::admission::{Admission, Lane, Next};
use super::{CallError, DrainReport, FleetOverview, restore};
use crate::company::{Company, CompanyHandle, CompanyMsg, DeskArgs, Door, Presence, picture};
use crate::ids::{CompanyId, SalonId};
use crate::ports::Ports;
use crate::records::StoredCompany;
use crate::restart::RestartBudget;
use crate::session::SessionMsg;
use crate::settings::FleetSettings;
use crate::task::OwnedTimer;
use crate::view::CompanyView;

/// A question with the way back for its answer; holds the caller's place among what may wait for the fleet.
#[derive(Debug)]
pub(crate) struct Ask<T> {
    reply: oneshot::Sender<T>,
    _admitted: OwnedSemaphorePermit,
}

/// The answer to an [`Ask`].
pub(crate) async fn answered<T>(within: Duration, answer: oneshot::Receiver<T>) -> Result<T, CallError> {
    match tokio::time::timeout(within, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(CallError::Unavailable),
        Err(_) => Err(CallError::Timeout),
    }
}

impl<T> Ask<T> {
    pub(crate) fn new(reply: oneshot::Sender<T>, admitted: OwnedSemaphorePermit) -> Self {
        Self { reply, _admitted: admitted }
    }

    fn answer(self, answer: T) {
        let _ = self.reply.send(answer);
    }
}

/// What the fleet is told.
#[derive(Debug)]
pub(crate) enum FleetMsg {
    /// Start these companies.
    Restore(Vec<StoredCompany>),
    /// Give the running company with this id.
    Find(CompanyId, Ask<Option<CompanyHandle>>),
    /// Give the running company of this salon.
    FindBySalon(SalonId, Ask<Option<CompanyHandle>>),
    /// Give this company, started on this record if it does not run yet.
    Ensure(Box<StoredCompany>, Ask<CompanyHandle>),
    /// Numbers.
    Overview(Ask<FleetOverview>),
    /// Webhooks wait for this company. Holds its sender's place among what may wait for the fleet.
    Mail(CompanyId, OwnedSemaphorePermit),
    /// A session wants to dial.
    DialWanted {
        /// Whose.
        company: CompanyId,
        /// Who waits for it.
        lane: Lane,
        /// Where the permit goes.
        session: ActorRef<SessionMsg>,
    },
    /// A permit came back.
    PermitBack,
    /// The pace allows the next dial.
    DialDue,
    /// The crashed company may be started again.
    RestartDue(CompanyId),
    /// Somebody acts on a parked company.
    Unpark(CompanyId, Ask<()>),
    /// The process ends.
    Drain(Duration, oneshot::Sender<DrainReport>),
    /// The time for it is over.
    GraceOver,
}

/// Leave to dial. Comes back to the fleet when dropped, whatever happens to its holder.
#[derive(Debug)]
pub(crate) struct DialPermit {
    waited: Duration,
    fleet: ActorRef<FleetMsg>,
}

impl DialPermit {
    /// How long its holder waited for it.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for DialPermit {
    fn drop(&mut self) {
        let _ = self.fleet.send_message(FleetMsg::PermitBack);
    }
}

/// One company as its supervisor sees it. Outlives the company's actors.
pub(super) struct Entry {
    pub handle: CompanyHandle,
    pub view: Arc<watch::Sender<CompanyView>>,
    pub actor: watch::Sender<Option<ActorRef<CompanyMsg>>>,
    pub presence: Arc<Presence>,
    pub budget: RestartBudget,
    pub restart: Option<OwnedTimer>,
    pub parked: bool,
}

/// What the fleet begins with.
pub(super) struct RootArgs {
    pub ports: Ports,
    pub settings: Arc<FleetSettings>,
    pub stored: Vec<StoredCompany>,
    /// Dropped with the root's memory: tells `FleetHandle::ended`.
    pub alive: watch::Sender<()>,
}

/// The root's memory.
pub(super) struct Root {
    pub(super) myself: ActorRef<FleetMsg>,
    pub(super) ports: Ports,
    pub(super) settings: Arc<FleetSettings>,
    pub(super) companies: HashMap<CompanyId, Entry>,
    pub(super) salons: HashMap<SalonId, CompanyId>,
    pub(super) actors: HashMap<ActorId, CompanyId>,
    /// Places in the queue for sessions that have not dialled since the start.
    pub(super) ranks: HashMap<CompanyId, u32>,
    pub(super) admission: Admission<ActorRef<SessionMsg>>,
    pub(super) dial_due: Option<OwnedTimer>,
    pub(super) restored: bool,
    pub(super) draining: Option<Drain>,
    pub(super) _alive: watch::Sender<()>,
}

/// A drain under way.
pub(super) struct Drain {
    pub reply: Option<oneshot::Sender<DrainReport>>,
    pub stopped: usize,
    pub _grace: OwnedTimer,
}

/// The root actor.
pub(super) struct Fleet;

impl Actor for Fleet {
    type Msg = FleetMsg;
    type State = Root;
    type Arguments = RootArgs;

    async fn pre_start(&self, myself: ActorRef<FleetMsg>, args: RootArgs) -> Result<Root, ActorProcessingErr> {
        let _ = myself.send_message(FleetMsg::Restore(args.stored));
        Ok(Root {
            myself,
            admission: Admission::new(args.settings.dials_per_second, args.settings.dials_at_once),
            ports: args.ports,
            settings: args.settings,
            companies: HashMap::new(),
            salons: HashMap::new(),
            actors: HashMap::new(),
            ranks: HashMap::new(),
            dial_due: None,
            restored: false,
            draining: None,
            _alive: args.alive,
        })
    }

    async fn handle(&self, _myself: ActorRef<FleetMsg>, message: FleetMsg, root: &mut Root) -> Result<(), ActorProcessingErr> {
        root.handle(message).await;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<FleetMsg>,
        event: SupervisionEvent,
        root: &mut Root,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(child, error) => root.company_ended(child.get_id(), Some(&error)),
            SupervisionEvent::ActorTerminated(child, _, _) => root.company_ended(child.get_id(), None),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(()) // an Err here would end every salon's session
    }
}

impl Root {
    async fn handle(&mut self, message: FleetMsg) {
        match message {
            FleetMsg::Restore(stored) => self.restore(stored).await,
            FleetMsg::Find(id, ask) => ask.answer(self.handle_of(id)),
            FleetMsg::FindBySalon(salon, ask) => {
                let found = self.salons.get(&salon).and_then(|id| self.handle_of(*id));
                ask.answer(found);
            }
            FleetMsg::Ensure(stored, ask) => {
                let handle = self.ensure(*stored).await;
                ask.answer(handle);
            }
            FleetMsg::Overview(ask) => {
                let overview = self.overview();
                ask.answer(overview);
            }
            FleetMsg::Mail(id, _place) => self.mail(id).await,
            FleetMsg::DialWanted { company, lane, session } => {
                let rank = self.ranks.remove(&company);
                self.admission.ask(company, lane, rank, session, Instant::now());
                self.grant();
            }
            FleetMsg::PermitBack => {
                self.admission.give_back();
                self.grant();
            }
            FleetMsg::DialDue => {
                self.dial_due = None;
                self.grant();
            }
            FleetMsg::RestartDue(id) => self.restart(id).await,
            FleetMsg::Unpark(id, ask) => {
                self.unpark(id).await;
                ask.answer(());
            }
            FleetMsg::Drain(grace, reply) => self.drain(grace, reply),
            FleetMsg::GraceOver => self.drained(),
        }
    }

    /// Tells the company, or starts it: it reads its inbox first of all.
    async fn mail(&mut self, id: CompanyId) {
        if let Some(entry) = self.companies.get(&id) {
            return entry.handle.inbox_arrived();
        }
        match self.ports.records.company(id).await {
            Ok(Some(stored)) => drop(self.ensure(stored).await),
            Ok(None) => {}
            Err(error) => tracing::warn!(company.id = %id, error = %error, "a webhook waits: its company can't be loaded"),
        }
    }

    async fn restore(&mut self, stored: Vec<StoredCompany>) {
        let ordered = restore::by_activity(stored);
        self.ranks = restore::ranks(&ordered);
        for company in ordered {
            self.ensure(company).await;
        }
    }

    fn handle_of(&self, id: CompanyId) -> Option<CompanyHandle> {
        self.companies.get(&id).map(|entry| entry.handle.clone())
    }

    /// The company's door, opened once; its actor is started with it.
    async fn ensure(&mut self, stored: StoredCompany) -> CompanyHandle {
        let id = stored.company.company_id;
        if let Some(entry) = self.companies.get(&id) {
            return entry.handle.clone();
        }
        let entry = self.entry(&stored);
        let handle = entry.handle.clone();
        self.salons.insert(stored.company.salon_id, id);
        self.companies.insert(id, entry);
        if self.draining.is_none() {
            self.start(id, Some(Box::new(stored))).await;
        }
        handle
    }

    fn entry(&self, stored: &StoredCompany) -> Entry {
        let picture = picture::before_start(stored, &self.settings, self.ports.clock.now());
        let (view, view_receiver) = watch::channel(picture);
        let (actor, actor_receiver) = watch::channel(None);
        let presence = Arc::new(Presence::default());
        let door = Door {
            company_id: stored.company.company_id,
            salon_id: stored.company.salon_id,
            view: view_receiver,
            actor: actor_receiver,
            admission: Arc::new(Semaphore::new(self.settings.company_queue)),
            presence: presence.clone(),
            fleet: self.myself.clone(),
            records: self.ports.records.clone(),
            settings: self.settings.clone(),
        };
        Entry {
            handle: CompanyHandle::new(Arc::new(door)),
            view: Arc::new(view),
            actor,
            presence,
            budget: RestartBudget::new(self.settings.restarts, self.settings.restart_window),
            restart: None,
            parked: false,
        }
    }

    pub(super) async fn start(&mut self, id: CompanyId, stored: Option<Box<StoredCompany>>) {
        let Some(entry) = self.companies.get(&id) else { return };
        let args = DeskArgs {
            company_id: id,
            salon_id: entry.handle.salon_id(),
            stored,
            fleet: self.myself.clone(),
            ports: self.ports.clone(),
            settings: self.settings.clone(),
            view: entry.view.clone(),
            presence: entry.presence.clone(),
            generation: entry.view.borrow().session.generation,
        };
        match Actor::spawn_linked(None, Company, args, self.myself.get_cell()).await {
            Ok((actor, _)) => {
                self.actors.insert(actor.get_id(), id);
                entry.actor.send_replace(Some(actor));
            }
            Err(error) => {
                tracing::error!(company.id = %id, error = %error, "the company's actor does not start");
                self.company_crashed(id);
            }
        }
    }

    /// Hands out permits as far as pace and number allow.
    fn grant(&mut self) {
        loop {
            match self.admission.next(Instant::now(), rand::random()) {
                Next::Grant(session, waited) => {
                    let permit = DialPermit { waited, fleet: self.myself.clone() };
                    // A session that is gone drops the message and with it the permit, which then comes back.
                    let _ = session.send_message(SessionMsg::Granted(permit));
                }
                Next::At(at) => {
                    let wait = at.duration_since(Instant::now());
                    if self.dial_due.is_none() {
                        self.dial_due = Some(OwnedTimer::start(&self.myself, wait, FleetMsg::DialDue));
                    }
                    return;
                }
                Next::Nothing => return,
            }
        }
    }
}
