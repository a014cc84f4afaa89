//! One session: the shell around [`machine`], owner of the link and of the timers.
//!
//! The shell carries the machine's effects out in order. A commit that fails holds back everything after it and is tried again, 100 ms
//! doubling to 5 s, for as long as it takes: nothing is shown that is not stored, and the link stays up meanwhile, because
//! a full disk must not take every salon off line. Only when [`HELD_AT_MOST`] effects wait does the actor give up and let the company
//! restart it. What the store refuses [`REFUSED_AT_MOST`] times it refuses for good: the actor ends as [`Unstorable`] and the company parks it. One
//! thing is told meanwhile: a session that was shown online and is not any more.

mod link;
pub(crate) mod machine;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use crate::company::CompanyMsg;
use crate::events::Fact;
use crate::fleet::{DialPermit, FleetMsg, Lane};
use crate::ids::{CompanyId, Generation, OwnIdentity, SalonId};
use crate::ports::{LinkEnd, LinkFact, LinkRequest, Ports, RecordsError};
use crate::records::{Change, SessionRecord};
use crate::restart::doubled;
use crate::session::link::Link;
use crate::session::machine::{Effect, Input, Machine, Moment, Note, Origin, Snapshot, Timer, TimerKind, Wish};
use crate::settings::FleetSettings;
use crate::task::OwnedTimer;
use crate::view::{NextStep, SessionState, SessionView, StateReason};

/// First wait before a failed commit is tried again, and the longest.
pub(crate) const COMMIT_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Effects that may wait behind a failing commit. A session that loses and finds its link every second for minutes stays below.
const HELD_AT_MOST: usize = 1024;
/// Refusals of one commit after which the store is taken at its word.
const REFUSED_AT_MOST: u32 = 3;
/// Wait before the credentials are looked up again after the store failed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a session is told.
#[derive(Debug)]
pub(crate) enum SessionMsg {
    /// First message: look up credentials, begin.
    Begin,
    /// Somebody wants something.
    Wish(Wish),
    /// The fleet's permit to dial.
    Granted(DialPermit),
    /// A link said something; holds its place among what may wait for the session.
    Fact(Generation, LinkFact, OwnedSemaphorePermit),
    /// A link ended.
    Ended(Generation, LinkEnd),
    /// A timer ran out.
    Due(Timer),
    /// Try the failed commit again.
    CommitAgain,
}

/// What a session tells its company.
#[derive(Debug)]
pub(crate) enum SessionReport {
    /// A new picture; what it shows is durable.
    Moved(Box<Snapshot>),
    /// Something happened.
    Note(Note),
    /// After `Wish::Stop`: no link is left, and all of it is durable.
    Stopped,
}

/// Everything a session needs.
pub(crate) struct SessionArgs {
    pub company_id: CompanyId,
    pub salon_id: SalonId,
    pub company: ActorRef<CompanyMsg>,
    /// Which session actor of this company; its reports carry it.
    pub epoch: u64,
    pub fleet: ActorRef<FleetMsg>,
    pub ports: Ports,
    pub settings: Arc<FleetSettings>,
    pub stored: Option<SessionRecord>,
    pub held: Option<StateReason>,
    pub generation: Generation,
    pub viewers: bool,
}

/// How a session ends whose record the store refuses: starting it again would end the same way.
#[derive(Debug, Error)]
#[error("the store refuses the session's record")]
pub(crate) struct Unstorable;

/// The actor. Its memory is [`Shell`].
pub(crate) struct Session;

/// A session's memory.
pub(crate) struct Shell {
    args: SessionArgs,
    /// `None` until the credentials were looked up.
    machine: Option<Machine>,
    link: Option<Link>,
    permit: Option<DialPermit>,
    timers: HashMap<TimerKind, OwnedTimer>,
    /// Wishes that came before the machine.
    early: Vec<Wish>,
    held: VecDeque<Effect>,
    commit_again: Option<OwnedTimer>,
    failures: u32,
    /// Of those, the latest that were refusals.
    refusals: u32,
    stopping: bool,
    /// What the company was told last.
    told: Option<Box<Snapshot>>,
}

impl Actor for Session {
    type Msg = SessionMsg;
    type State = Shell;
    type Arguments = SessionArgs;

    async fn pre_start(&self, myself: ActorRef<SessionMsg>, args: SessionArgs) -> Result<Shell, ActorProcessingErr> {
        let _ = myself.send_message(SessionMsg::Begin);
        Ok(Shell {
            args,
            machine: None,
            link: None,
            permit: None,
            timers: HashMap::new(),
            early: Vec::new(),
            held: VecDeque::new(),
            commit_again: None,
            failures: 0,
            refusals: 0,
            stopping: false,
            told: None,
        })
    }

    async fn handle(&self, myself: ActorRef<SessionMsg>, message: SessionMsg, shell: &mut Shell) -> Result<(), ActorProcessingErr> {
        let generation = shell.machine.as_ref().map_or(shell.args.generation, Machine::generation);
        let span = tracing::info_span!(
            parent: None,
            "session",
            company.id = %shell.args.company_id,
            session.id = %crate::ids::SessionId::of(shell.args.salon_id),
            session.generation = generation.get(),
        );
        shell.handle(myself, message).instrument(span).await
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<SessionMsg>,
        _event: SupervisionEvent,
        _shell: &mut Shell,
    ) -> Result<(), ActorProcessingErr> {
        Ok(()) // a session has no children
    }
}

impl Shell {
    async fn handle(&mut self, myself: ActorRef<SessionMsg>, message: SessionMsg) -> Result<(), ActorProcessingErr> {
        let input = match message {
            SessionMsg::Begin => return self.begin(&myself).await,
            SessionMsg::CommitAgain => {
                self.commit_again = None;
                return self.flush(&myself).await;
            }
            SessionMsg::Wish(wish) if self.machine.is_none() => {
                self.early.push(wish);
                return Ok(());
            }
            SessionMsg::Wish(wish) => {
                self.stopping |= matches!(wish, Wish::Stop(_));
                Input::Wish(wish)
            }
            SessionMsg::Granted(permit) => {
                self.permit = Some(permit);
                Input::DialGranted
            }
            SessionMsg::Fact(generation, fact, _place) => Input::Fact(generation, fact),
            SessionMsg::Ended(generation, end) => {
                if self.link.as_ref().is_some_and(|link| link.generation() == generation) {
                    self.link = None;
                }
                Input::Ended(generation, end)
            }
            SessionMsg::Due(timer) => Input::Due(timer),
        };
        self.step(input, &myself).await
    }

    async fn begin(&mut self, myself: &ActorRef<SessionMsg>) -> Result<(), ActorProcessingErr> {
        let Ok(credentials) = self.unrecorded_credentials().await else {
            tracing::error!("the store can't tell whether this session has credentials; asking again");
            self.commit_again = Some(OwnedTimer::start(myself, LOOK_AGAIN, SessionMsg::Begin));
            return Ok(());
        };
        self.commit_again = None;
        self.machine = Some(Machine::new(Origin {
            company: self.args.company_id,
            settings: self.args.settings.clone(),
            stored: self.args.stored.take(),
            credentials,
            held: self.args.held,
            generation: self.args.generation,
            viewers: self.args.viewers,
            now: self.args.ports.clock.now(),
        }));
        self.step(Input::Begin, myself).await?;
        for wish in std::mem::take(&mut self.early) {
            self.stopping |= matches!(wish, Wish::Stop(_));
            self.step(Input::Wish(wish), myself).await?;
        }
        Ok(())
    }

    /// Credentials of a pairing whose record a crash cut off. Not asked for when the record names the account, or nothing may run.
    async fn unrecorded_credentials(&self) -> Result<Option<OwnIdentity>, RecordsError> {
        let recorded = self.args.stored.as_ref().is_some_and(|record| record.own.is_some());
        if recorded || self.args.held.is_some() {
            return Ok(None);
        }
        self.args.ports.connector.credentials(self.args.company_id).await
    }

    async fn step(&mut self, input: Input, myself: &ActorRef<SessionMsg>) -> Result<(), ActorProcessingErr> {
        let Some(machine) = &mut self.machine else { return Ok(()) };
        let at = Moment { now: self.args.ports.clock.now(), dice: rand::random() };
        self.held.extend(machine.step(input, at));
        let dialling = machine.dialling();
        self.flush(myself).await?;
        if !dialling {
            self.permit = None;
        }
        Ok(())
    }

    /// Performs what waits, up to the first commit that fails.
    async fn flush(&mut self, myself: &ActorRef<SessionMsg>) -> Result<(), ActorProcessingErr> {
        if self.commit_again.is_some() {
            if self.held.len() > HELD_AT_MOST {
                return Err("the store has been failing for too long".into());
            }
            return Ok(());
        }
        while let Some(effect) = self.held.front() {
            if let Some(changes) = durable(effect, self.args.company_id)
                && let Err(error) = self.args.ports.records.commit(changes).await
            {
                return Ok(self.failed(&error, myself)?);
            }
            (self.failures, self.refusals) = (0, 0);
            if let Some(effect) = self.held.pop_front() {
                self.perform(effect, myself);
            }
        }
        self.report_rest(myself);
        Ok(())
    }

    fn failed(&mut self, error: &RecordsError, myself: &ActorRef<SessionMsg>) -> Result<(), Unstorable> {
        tracing::error!(error = %error, "the session's record can't be stored; trying again");
        self.args.ports.events.publish(&Fact::CommitFailed { company: self.args.company_id });
        self.refusals = match error {
            RecordsError::Refused(_) => self.refusals.saturating_add(1),
            RecordsError::Overloaded | RecordsError::Closed | RecordsError::Failed(_) => 0,
        };
        if self.refusals >= REFUSED_AT_MOST {
            return Err(Unstorable);
        }
        let wait = doubled(COMMIT_AGAIN.0, COMMIT_AGAIN.1, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.commit_again = Some(OwnedTimer::start(myself, wait, SessionMsg::CommitAgain));
        self.admit_silence();
        Ok(())
    }

    /// What comes next can't be stored, so it can't be shown; but what is shown must not say `Online` when WhatsApp does not answer.
    fn admit_silence(&mut self) {
        let Some(machine) = self.machine.as_ref().filter(|machine| !machine.answers()) else { return };
        let Some(told) = self.told.as_ref().filter(|told| told.view.state == SessionState::Online) else { return };
        let (state, reason, action) = (SessionState::Backoff, Some(StateReason::StoreFailed), Some(NextStep::Wait));
        let view =
            SessionView { state, reason, action, since: self.args.ports.clock.now(), retry_at: None, calm: None, ..told.view.clone() };
        let snapshot = Snapshot { view, linked: told.linked, link_gone: machine.at_rest() };
        self.show(Box::new(snapshot));
    }

    fn show(&mut self, snapshot: Box<Snapshot>) {
        self.told = Some(snapshot.clone());
        self.report(SessionReport::Moved(snapshot));
    }

    fn perform(&mut self, effect: Effect, myself: &ActorRef<SessionMsg>) {
        match effect {
            Effect::Persist(_) | Effect::EraseCredentials(_) => {} // committed by `flush`
            Effect::Publish(snapshot) => self.show(snapshot),
            Effect::RequestDial => self.request_dial(myself),
            Effect::OpenLink(generation) => self.open(generation, myself),
            Effect::Command(command) => {
                if let Some(link) = &self.link {
                    link.command(command);
                }
            }
            Effect::DropLink => self.link = None,
            Effect::SetTimer(timer, after) => {
                let due = OwnedTimer::start(myself, after, SessionMsg::Due(timer));
                self.timers.insert(timer.kind, due);
            }
            Effect::ClearTimer(kind) => {
                self.timers.remove(&kind);
            }
            Effect::Note(note) => self.note(note),
        }
    }

    fn request_dial(&self, myself: &ActorRef<SessionMsg>) {
        let linked = self.machine.as_ref().is_some_and(Machine::linked);
        let lane = if linked { Lane::Restore } else { Lane::Owner };
        let company = self.args.company_id;
        let _ = self.args.fleet.send_message(FleetMsg::DialWanted { company, lane, session: myself.clone() });
    }

    fn open(&mut self, generation: Generation, myself: &ActorRef<SessionMsg>) {
        let company = self.args.company_id;
        let waited = self.permit.as_ref().map_or(Duration::ZERO, DialPermit::waited);
        self.args.ports.events.publish(&Fact::LinkDialled { company, generation, waited });
        let request = LinkRequest { company, salon: self.args.salon_id, generation };
        // The old link, if any, is cut before the new one is opened.
        self.link = None;
        self.link = Some(Link::open(self.args.ports.connector.clone(), request, myself));
    }

    fn note(&mut self, note: Note) {
        if let Note::LinkEnded(generation, end) = &note {
            let ended = Fact::LinkEnded { company: self.args.company_id, generation: *generation, end: *end };
            self.args.ports.events.publish(&ended);
        }
        self.report(SessionReport::Note(note));
    }

    /// Tells the company when a stop is complete, and ends after a drain. Called when nothing is held back.
    fn report_rest(&mut self, myself: &ActorRef<SessionMsg>) {
        let Some(machine) = &self.machine else { return };
        let (at_rest, drained) = (machine.at_rest(), machine.drained());
        if self.stopping && at_rest {
            self.stopping = false;
            self.report(SessionReport::Stopped);
        }
        if drained {
            myself.stop(None);
        }
    }

    fn report(&self, report: SessionReport) {
        let _ = self.args.company.send_message(CompanyMsg::Session { epoch: self.args.epoch, report });
    }
}

/// The commit an effect stands for.
fn durable(effect: &Effect, company: CompanyId) -> Option<Vec<Change>> {
    match effect {
        Effect::Persist(record) => Some(vec![Change::PutSession(record.clone())]),
        Effect::EraseCredentials(record) => {
            let put = record.clone().map(Change::PutSession);
            Some(std::iter::once(Change::EraseSession(company)).chain(put).collect())
        }
        Effect::Publish(_)
        | Effect::RequestDial
        | Effect::OpenLink(_)
        | Effect::Command(_)
        | Effect::DropLink
        | Effect::SetTimer(_, _)
        | Effect::ClearTimer(_)
        | Effect::Note(_) => None,
    }
}
