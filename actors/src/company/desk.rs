//! The company's memory, and what every handler ends with: store what is new, begin what is due, show what is durable.
//!
//! Commits never kill the actor. What a caller waits for (a registration) fails towards the caller; a step of the saga is repeated by the
//! saga; everything else (timeline, the record's copy of the session) stays in memory, bounded by [`NEWS_AT_MOST`], and is tried again until it is
//! stored. The picture is made of the committed record, so nothing is shown that is not durable, and the link lives on.

use std::collections::VecDeque;
use std::sync::Arc;

use ractor::{ActorProcessingErr, ActorRef};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::activation::{Activation, AskFirst};
use super::actor::CompanyMsg;
use super::course::Course;
use super::inbox::InboxDesk;
use super::onboarding::{Funnel, window_ends};
use super::requests::CodeDesk;
use super::saga::SagaDesk;
use super::supervision::Child;
use super::{commits, picture};
use crate::company::Presence;
use crate::events::{Fact, FunnelStep};
use crate::fleet::FleetMsg;
use crate::ids::{CompanyId, Generation, SalonId};
use crate::ports::{Ports, RecordsError};
use crate::records::{Change, CompanyRecord, EventKind, IntegrationStatus, StoredCompany};
use crate::restart::{RestartBudget, doubled};
use crate::session::COMMIT_AGAIN;
use crate::session::machine::{Snapshot, Wish};
use crate::settings::FleetSettings;
use crate::task::OwnedTimer;
use crate::view::{CompanyView, LimitKind, Limits, RestartsView, SessionState, SessionView};

/// Timeline lines that may wait for a failing store; older ones are given up first.
const NEWS_AT_MOST: usize = 64;
/// Timeline lines read back to know which onboarding steps were taken.
const TIMELINE: usize = 128;

/// Everything a company needs.
pub(crate) struct DeskArgs {
    pub company_id: CompanyId,
    pub salon_id: SalonId,
    /// What was loaded already; `None` = load it (after a restart).
    pub stored: Option<Box<StoredCompany>>,
    pub fleet: ActorRef<FleetMsg>,
    pub ports: Ports,
    pub settings: Arc<FleetSettings>,
    pub view: Arc<watch::Sender<CompanyView>>,
    pub presence: Arc<Presence>,
    /// The last link's number, when the actor is a restarted one.
    pub generation: Generation,
}

/// The company's memory.
pub(crate) struct Desk {
    pub(super) args: DeskArgs,
    pub(super) myself: ActorRef<CompanyMsg>,
    /// As committed. `None` until loaded.
    pub(super) record: Option<CompanyRecord>,
    postponed: Vec<CompanyMsg>,
    pub(super) child: Child,
    pub(super) budget: RestartBudget,
    pub(super) snapshot: Snapshot,
    /// The last state told to observers.
    told: Option<SessionState>,
    course: Course,
    /// The limits told to observers.
    told_limits: Limits,
    pub(super) saga: SagaDesk,
    pub(super) funnel: Funnel,
    pub(super) codes: CodeDesk,
    pub(super) inbox: InboxDesk,
    /// The page was opened since the registration.
    pub(super) page_seen: bool,
    /// YClients is active, we are not: ask before calling.
    pub(super) ask_first: AskFirst,
    pub(super) draining: bool,
    news: VecDeque<Change>,
    commit_again: Option<OwnedTimer>,
    commit_failures: u32,
    window: Option<OwnedTimer>,
}

impl Desk {
    pub(super) fn new(args: DeskArgs, myself: ActorRef<CompanyMsg>) -> Self {
        let now = args.ports.clock.now();
        let mut view = SessionView::at_rest(now);
        view.generation = args.generation;
        let settings = &args.settings;
        let saga = Activation::new(args.company_id, (settings.activation_backoff_min, settings.activation_backoff_max));
        let budget = RestartBudget::new(settings.restarts, settings.restart_window);
        Self {
            myself,
            record: None,
            postponed: Vec::new(),
            child: Child::None,
            budget,
            snapshot: Snapshot { view, linked: false, link_gone: true },
            told: None,
            course: Course::default(),
            told_limits: Limits::default(),
            saga: SagaDesk::new(saga),
            funnel: Funnel::default(),
            codes: CodeDesk::default(),
            inbox: InboxDesk::default(),
            page_seen: false,
            ask_first: AskFirst::No,
            draining: false,
            news: VecDeque::new(),
            commit_again: None,
            commit_failures: 0,
            window: None,
            args,
        }
    }

    /// A root span: spans of actors that talk to each other must not nest ever deeper.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::info_span!(parent: None, "company", company.id = %self.args.company_id, salon.id = %self.args.salon_id)
    }

    /// A span within the one of whoever sent the message: for what comes from outside the tree, so that its request can be followed.
    pub(super) fn span_within(&self) -> tracing::Span {
        tracing::info_span!("company", company.id = %self.args.company_id, salon.id = %self.args.salon_id)
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.record.is_some()
    }

    /// Keeps a message for later: for after the load, or after the webhook that came before it. Bounded by what may wait for a company.
    pub(super) fn postpone(&mut self, message: CompanyMsg) {
        self.postponed.push(message);
    }

    /// Loads what is stored, resumes the saga and the session, reads the inbox.
    pub(super) async fn begin(&mut self) -> Result<(), ActorProcessingErr> {
        let Ok(stored) = self.load().await else {
            tracing::error!("the store can't give the company; asking again");
            self.later(CompanyMsg::Begin);
            return Ok(());
        };
        self.commit_again = None;
        let Some(stored) = stored else {
            return Err("the company is not in the store".into());
        };
        self.page_seen = self.args.presence.watched();
        self.record = Some(stored.company);
        self.arm_window();
        if let Some(activation) = stored.activation {
            self.resume_saga(activation).await;
        }
        self.start_session(stored.session).await;
        self.read_inbox().await;
        self.settle().await;
        self.take_up_postponed();
        Ok(())
    }

    /// Sends itself what was postponed, in order.
    pub(super) fn take_up_postponed(&mut self) {
        for message in std::mem::take(&mut self.postponed) {
            let _ = self.myself.send_message(message);
        }
    }

    async fn load(&mut self) -> Result<Option<StoredCompany>, RecordsError> {
        let stored = match self.args.stored.take() {
            Some(stored) => Some(*stored),
            None => self.args.ports.records.company(self.args.company_id).await?,
        };
        let onboarding = stored.as_ref().is_some_and(|stored| match stored.company.integration_status {
            IntegrationStatus::Pending
            | IntegrationStatus::PendingWhatsapp
            | IntegrationStatus::Activating
            | IntegrationStatus::ActivationFailed => true,
            IntegrationStatus::Active | IntegrationStatus::Frozen | IntegrationStatus::Uninstalled => false,
        });
        if onboarding {
            let timeline = self.args.ports.records.events(self.args.company_id, TIMELINE).await?;
            self.funnel = Funnel::of(&timeline);
        }
        Ok(stored)
    }

    /// What every handler ends with.
    pub(super) async fn settle(&mut self) {
        if !self.draining {
            self.store_news().await;
            self.consider_activation().await;
        }
        self.show();
    }

    /// Stores what the session changed in the record, and the timeline. Kept and tried again when it fails.
    async fn store_news(&mut self) {
        let Some(record) = &self.record else { return };
        let now = self.args.ports.clock.now();
        let mut next = commits::with_session(record, &self.snapshot, now);
        if self.page_seen && next.integration_status == IntegrationStatus::Pending {
            next.integration_status = IntegrationStatus::PendingWhatsapp;
            next.updated_at = now;
        }
        let changed = next != *record;
        if (changed || !self.news.is_empty()) && self.commit_again.is_none() {
            let put = changed.then(|| Change::PutCompany(Box::new(next.clone())));
            let _ = self.commit(put.into_iter().collect(), next).await;
        }
    }

    /// Commits together with the news that wait; the record becomes `next` only when all of it is durable.
    pub(super) async fn commit(&mut self, changes: Vec<Change>, next: CompanyRecord) -> Result<(), RecordsError> {
        let all = self.news.iter().cloned().chain(changes).collect();
        match self.args.ports.records.commit(all).await {
            Ok(()) => {
                self.news.clear();
                self.commit_failures = 0;
                if self.commit_again.take().is_some() {
                    // What waited for its next try is more than this commit: a webhook may have to be read again.
                    let _ = self.myself.send_message(CompanyMsg::CommitAgain);
                }
                self.record = Some(next);
                Ok(())
            }
            Err(error) => {
                tracing::error!(error = %error, "the company can't be stored; trying again");
                self.publish(&Fact::CommitFailed { company: self.args.company_id });
                self.later(CompanyMsg::CommitAgain);
                Err(error)
            }
        }
    }

    /// Sends itself a message after a wait that grows with each failed commit.
    pub(super) fn later(&mut self, message: CompanyMsg) {
        let wait = doubled(COMMIT_AGAIN.0, COMMIT_AGAIN.1, self.commit_failures);
        self.commit_failures = self.commit_failures.saturating_add(1);
        self.commit_again = Some(OwnedTimer::start(&self.myself, wait, message));
    }

    /// A commit failed and will be tried again.
    pub(super) fn commit_pending(&self) -> bool {
        self.commit_again.is_some()
    }

    pub(super) async fn commit_again(&mut self) {
        self.commit_again = None;
        self.read_inbox().await;
        self.settle().await;
    }

    /// Adds a line to the timeline, stored with the next commit.
    pub(super) fn note(&mut self, kind: EventKind, data: Value) {
        let Some(record) = &self.record else { return };
        let line = commits::event(record, kind, data, self.args.ports.clock.now());
        if self.news.len() >= NEWS_AT_MOST {
            tracing::warn!("the timeline can't be stored; its oldest waiting line is given up");
            self.news.pop_front();
        }
        self.news.push_back(line);
    }

    /// An owner's step: counted once per registration.
    pub(super) fn step_taken(&mut self, step: FunnelStep) {
        if self.funnel.first(step) {
            self.publish(&Fact::FunnelStep { company: self.args.company_id, step });
        }
    }

    /// Makes the picture public. Only of what is durable: the session's snapshot and the record both are.
    pub(super) fn show(&mut self) {
        let Some(record) = &self.record else { return };
        let now = self.args.ports.clock.now();
        self.args.view.send_if_modified(|shown| {
            // The fleet's word stays.
            let restarts = RestartsView { session: self.budget.shown(), company: shown.restarts.company.clone() };
            let session = (self.snapshot.view.clone(), restarts);
            let view = picture::company(record, session, self.saga.machine.view(), &self.args.settings, now);
            let changed = *shown != view;
            *shown = view;
            changed
        });
    }

    /// Tells observers and the timeline about a change of the session's state.
    pub(super) fn session_moved(&mut self) {
        self.limits_moved();
        let view = &self.snapshot.view;
        let (state, reason) = (view.state, view.reason);
        if self.told == Some(state) {
            return;
        }
        let moved = Fact::SessionMoved { company: self.args.company_id, salon: self.args.salon_id, from: self.told, to: state, reason };
        let first = self.told.is_none();
        self.told = Some(state);
        self.publish(&moved);
        let (company, lesson) = (self.args.company_id, self.course.moved(state, self.args.ports.clock.now()));
        if let Some(lasted) = lesson.was_deaf {
            self.publish(&Fact::WasDeaf { company, lasted });
        }
        if let Some(after) = lesson.came_back {
            self.publish(&Fact::CameBack { company, after });
        }
        if state.is_final() && !first {
            self.note(EventKind::SessionEnded, json!({ "state": state.name(), "reason": reason }));
        }
        if state == SessionState::Online {
            self.step_taken(FunnelStep::Online);
        }
    }

    fn limits_moved(&mut self) {
        let (before, now) = (std::mem::replace(&mut self.told_limits, self.snapshot.view.limits), self.snapshot.view.limits);
        for kind in LimitKind::ALL {
            if before.has(kind) != now.has(kind) {
                self.publish(&Fact::SessionLimited { company: self.args.company_id, kind, limited: now.has(kind) });
            }
        }
    }

    /// (Re)arms the timer that makes the page say that the registration is too old.
    pub(super) fn arm_window(&mut self) {
        let Some(record) = &self.record else { return };
        let left = window_ends(record.registered_at, &self.args.settings) - self.args.ports.clock.now();
        let left = left.to_std().ok();
        // One second later, so that it is over for certain.
        self.window = left.map(|left| OwnedTimer::start(&self.myself, left + std::time::Duration::from_secs(1), CompanyMsg::WindowOver));
    }

    pub(super) fn publish(&self, fact: &Fact) {
        self.args.ports.events.publish(fact);
    }

    /// Passes a wish on; nobody hears it while the session is down.
    pub(super) fn wish(&self, wish: Wish) -> bool {
        self.child.tell(wish)
    }

    pub(super) fn drain(&mut self) {
        self.draining = true;
        self.saga.abandon();
        if !self.wish(Wish::Drain) {
            self.myself.stop(None);
        }
    }
}
