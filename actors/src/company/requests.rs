//! What people ask a company for.

use tokio::time::Instant;

use super::actor::{Ask, CompanyMsg};
use super::desk::Desk;
use super::limits::CodeLimit;
use super::onboarding::{Funnel, Visit, described, welcome, window_ends};
use super::supervision::Child;
use super::{ActivateRequestError, PairingError, PasskeyError, QrError, activation, commits, picture};
use crate::events::{Fact, FunnelStep};
use crate::fleet::CallError;
use crate::ids::Phone;
use crate::ports::{PasskeyAssertion, RecordsError};
use crate::records::{Change, EventKind, IntegrationStatus};
use crate::session::SessionReport;
use crate::session::machine::{Note, Snapshot, Wish};
use crate::task::OwnedTimer;
use crate::view::{ActivationView, PairingView, PasskeyStage, SessionState, StateReason};

/// The one request for a pairing code that may be under way.
#[derive(Default)]
pub(super) struct CodeDesk {
    limit: CodeLimit,
    pending: Option<PendingCode>,
    number: u64,
}

struct PendingCode {
    number: u64,
    /// The code that was shown before: not the answer.
    before: Option<PairingView>,
    ask: Ask<Result<(), PairingError>>,
    _overdue: OwnedTimer,
}

impl CodeDesk {
    fn busy(&mut self) -> bool {
        if self.pending.as_ref().is_some_and(|pending| pending.ask.reply.is_closed()) {
            self.pending = None; // the caller gave up
        }
        self.pending.is_some()
    }

    fn answer(&mut self, answer: Result<(), PairingError>) {
        if let Some(pending) = self.pending.take() {
            pending.ask.answer(answer);
        }
    }

    pub(super) fn fail(&mut self) {
        self.answer(Err(PairingError::Failed));
    }

    /// Answers when the picture holds the answer.
    fn look(&mut self, snapshot: &Snapshot) {
        let Some(pending) = &self.pending else { return };
        let view = &snapshot.view;
        if view.pairing.is_some() && view.pairing != pending.before {
            self.answer(Ok(()));
        } else if snapshot.linked {
            self.answer(Err(PairingError::AlreadyConnected));
        } else if view.state == SessionState::Idle || view.state.is_final() {
            self.fail();
        }
    }
}

impl Desk {
    pub(super) async fn session_said(&mut self, epoch: u64, report: SessionReport) {
        if epoch != self.child.epoch() {
            return;
        }
        match report {
            SessionReport::Moved(snapshot) if matches!(self.child, Child::Running { .. }) => {
                self.snapshot = *snapshot;
                self.session_moved();
                let snapshot = &self.snapshot;
                self.codes.look(snapshot);
            }
            // The last words of a crashed one: only the number of its link still matters.
            SessionReport::Moved(late) => {
                let known = self.snapshot.view.generation;
                self.snapshot.view.generation = known.max(late.view.generation);
            }
            SessionReport::Note(note) => self.session_noted(note),
            SessionReport::Stopped => self.session_stopped().await,
        }
        self.settle().await;
    }

    fn session_noted(&mut self, note: Note) {
        let company = self.args.company_id;
        match note {
            Note::LinkEnded(_, _) => {}
            Note::PairingRefused => self.publish(&Fact::PairingRefused { company }),
            Note::Passkey(step) => self.publish(&Fact::PasskeyMoved { company, step }),
            Note::Measured(numbers) => self.publish(&Fact::LinkMeasured { company, numbers }),
            Note::RoundShown => {
                self.note(EventKind::QrShown, serde_json::Value::Null);
                self.step_taken(FunnelStep::QrShown);
            }
            Note::FirstQr(after) => self.publish(&Fact::FirstQr { company, after }),
            Note::PairingCodeShown => self.note(EventKind::PairingCodeShown, serde_json::Value::Null),
            Note::PairingCodeFailed { throttled } => {
                self.publish(&Fact::PairingCodeFailed { company, throttled });
                self.codes.answer(Err(if throttled { PairingError::TooMany { retry_after: None } } else { PairingError::Failed }));
            }
            Note::Paired => {
                self.note(EventKind::WhatsappPaired, serde_json::Value::Null);
                self.step_taken(FunnelStep::Paired);
            }
            Note::PairedToOnline(after) => {
                self.note(EventKind::WhatsappConnected, serde_json::Value::Null);
                self.publish(&Fact::PairedToOnline { company, after });
            }
        }
    }

    pub(super) async fn attach(&mut self) {
        self.page_seen = true;
        if self.funnel.first(FunnelStep::PageOpened) {
            self.note(EventKind::PageOpened, serde_json::Value::Null);
            let company = self.args.company_id;
            self.publish(&Fact::FunnelStep { company, step: FunnelStep::PageOpened });
        }
        self.viewers_changed();
        self.settle().await;
    }

    pub(super) fn viewers_changed(&mut self) {
        self.wish(Wish::Viewers(self.args.presence.watched()));
    }

    pub(super) fn request_qr(&mut self) -> Result<(), QrError> {
        if self.held().is_some() {
            return Err(QrError::NotAllowed);
        }
        match (&self.child, self.snapshot.view.state) {
            (Child::Parked { .. }, _) => return Err(QrError::NotAllowed),
            (Child::None | Child::Down { .. }, _) => return Err(QrError::Unavailable(CallError::Unavailable)),
            (Child::Running { .. }, _) if self.snapshot.linked => return Err(QrError::AlreadyConnected),
            (Child::Running { .. }, SessionState::Banned | SessionState::Outdated) => return Err(QrError::NotAllowed),
            (Child::Running { .. }, _) => {}
        }
        if self.wish(Wish::ShowQr) { Ok(()) } else { Err(QrError::Unavailable(CallError::Unavailable)) }
    }

    pub(super) fn request_pairing_code(&mut self, phone: Phone, ask: Ask<Result<(), PairingError>>) {
        if let Err(refusal) = self.may_pair() {
            return ask.answer(Err(refusal));
        }
        self.codes.number += 1;
        let number = self.codes.number;
        let within = super::code_within(&self.args.settings);
        let overdue = OwnedTimer::start(&self.myself, within, CompanyMsg::PairingCodeOverdue(number));
        let before = self.snapshot.view.pairing.clone();
        self.codes.pending = Some(PendingCode { number, before, ask, _overdue: overdue });
        self.wish(Wish::PairingCode(phone));
    }

    fn may_pair(&mut self) -> Result<(), PairingError> {
        match self.request_of_code_state() {
            Ok(()) => {}
            Err(refusal) => return Err(refusal),
        }
        if self.codes.busy() {
            return Err(PairingError::InProgress);
        }
        self.codes.limit.admit(Instant::now()).map_err(|wait| PairingError::TooMany { retry_after: Some(wait) })
    }

    fn request_of_code_state(&self) -> Result<(), PairingError> {
        if self.held().is_some() || matches!(self.child, Child::Parked { .. }) {
            return Err(PairingError::NotAllowed);
        }
        if self.snapshot.linked {
            return Err(PairingError::AlreadyConnected);
        }
        match (&self.child, self.snapshot.view.state) {
            (Child::None | Child::Down { .. } | Child::Parked { .. }, _) => Err(PairingError::Unavailable(CallError::Unavailable)),
            (Child::Running { .. }, SessionState::Banned | SessionState::Outdated) => Err(PairingError::NotAllowed),
            (Child::Running { .. }, _) => Ok(()),
        }
    }

    pub(super) fn pairing_code_overdue(&mut self, number: u64) {
        if self.codes.pending.as_ref().is_some_and(|pending| pending.number == number) {
            self.codes.fail();
        }
    }

    pub(super) fn cancel_pairing(&mut self) {
        self.codes.fail();
        self.wish(Wish::CancelPairing);
    }

    pub(super) fn passkey_response(&mut self, assertion: PasskeyAssertion) -> Result<(), PasskeyError> {
        self.passkey_awaits(PasskeyStage::Requested)?;
        if self.wish(Wish::PasskeyResponse(assertion)) { Ok(()) } else { Err(CallError::Unavailable.into()) }
    }

    pub(super) fn passkey_confirm(&mut self) -> Result<(), PasskeyError> {
        self.passkey_awaits(PasskeyStage::Comparing)?;
        if self.wish(Wish::PasskeyConfirm) { Ok(()) } else { Err(CallError::Unavailable.into()) }
    }

    fn passkey_awaits(&self, stage: PasskeyStage) -> Result<(), PasskeyError> {
        let present = self.snapshot.view.passkey.as_ref().map(|passkey| passkey.stage);
        if present == Some(stage) { Ok(()) } else { Err(PasskeyError::NotExpected) }
    }

    pub(super) async fn reconnect(&mut self) {
        if self.held().is_none() && !self.unpark().await {
            self.wish(Wish::Reconnect);
        }
    }

    pub(super) async fn restart(&mut self) {
        if self.held().is_none() && !self.unpark().await {
            self.wish(Wish::Restart);
        }
    }

    pub(super) fn stop_session(&mut self) -> Result<(), CallError> {
        let rests = self.held().is_some() || matches!(self.child, Child::Parked { .. });
        if rests || self.wish(Wish::Stop(StateReason::Stopped)) { Ok(()) } else { Err(CallError::Unavailable) }
    }

    pub(super) fn log_out(&mut self) -> Result<(), CallError> {
        if self.held().is_some() || self.wish(Wish::LogOut) { Ok(()) } else { Err(CallError::Unavailable) }
    }

    pub(super) async fn activate(&mut self) -> Result<ActivationView, ActivateRequestError> {
        let Some(record) = &self.record else { return Err(CallError::Unavailable.into()) };
        match record.integration_status {
            IntegrationStatus::Frozen | IntegrationStatus::Uninstalled => return Err(ActivateRequestError::NotAllowed),
            IntegrationStatus::Active => return Ok(ActivationView::Active),
            IntegrationStatus::ActivationFailed => return Ok(ActivationView::Failed),
            IntegrationStatus::Activating | IntegrationStatus::Pending | IntegrationStatus::PendingWhatsapp => {}
        }
        if self.saga.machine.under_way() {
            self.drive_saga(activation::Input::Hurry).await;
            return Ok(self.saga.machine.view().unwrap_or(ActivationView::Failed));
        }
        let now = self.args.ports.clock.now();
        if let Some(minutes_ago) = picture::minutes_over(record, &self.args.settings, now) {
            return Err(ActivateRequestError::Expired { minutes_ago });
        }
        if self.snapshot.view.state != SessionState::Online {
            return Err(ActivateRequestError::NotConnected);
        }
        self.settle().await;
        Ok(self.saga.machine.view().unwrap_or(ActivationView::Activating))
    }

    /// A checked redirect for this company: durable before it is answered.
    pub(super) async fn register(&mut self, visit: &Visit) -> Result<(), RecordsError> {
        let Some(record) = &self.record else { return Err(RecordsError::Closed) };
        let welcome = welcome(record, visit);
        let event = commits::event(&welcome.record, EventKind::RegistrationStarted, serde_json::Value::Null, visit.registered_at);
        let changes = vec![Change::PutCompany(Box::new(welcome.record.clone())), event];
        self.commit(changes, welcome.record).await?;
        self.funnel = Funnel::default();
        self.step_taken(FunnelStep::Redirected);
        self.ask_first = if welcome.ask_first { activation::AskFirst::Yes } else { activation::AskFirst::No };
        self.page_seen = self.args.presence.watched();
        let until = window_ends(visit.registered_at, &self.args.settings);
        self.drive_saga(activation::Input::Extend(until)).await;
        self.arm_window();
        if self.held().is_none() && !self.unpark().await {
            self.wish(Wish::Renew);
        }
        self.settle().await;
        Ok(())
    }

    /// What the first registration told about salon and owner. Not worth failing it: a later one tells again.
    pub(super) async fn describe(&mut self, visit: &Visit) {
        let Some(record) = &self.record else { return };
        let next = described(record, visit);
        if next != *record {
            let _ = self.commit(vec![Change::PutCompany(Box::new(next.clone()))], next).await;
        }
        if visit.installation == crate::ports::Installation::Active {
            self.ask_first = activation::AskFirst::Yes;
        }
        // Told once, by whoever created the company; the timeline already says so.
        self.funnel.first(FunnelStep::Redirected);
        let company = self.args.company_id;
        self.publish(&Fact::FunnelStep { company, step: FunnelStep::Redirected });
        self.settle().await;
    }
}
