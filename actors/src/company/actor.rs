//! The company's actor: messages in, one handler each. Its memory and deeds are [`Desk`].

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::Instrument;

use super::desk::{Desk, DeskArgs};
use super::inbox::InboxNews;
use super::keys::Enrolment;
use super::onboarding::Visit;
use super::saga::SagaNews;
use super::{ActivateRequestError, PairingError, PasskeyError, QrError};
use crate::fleet::CallError;
use crate::ids::{Phone, Secret};
use crate::ports::{PasskeyAssertion, RecordsError};
use crate::records::Erasure;
use crate::session::SessionReport;
use crate::view::ActivationView;

/// A question with the way back for its answer. Holds the caller's place among what may wait for this company.
#[derive(Debug)]
pub(crate) struct Ask<T> {
    pub(super) reply: oneshot::Sender<T>,
    pub(super) _admitted: OwnedSemaphorePermit,
}

impl Ask<()> {
    /// What was asked for is done.
    fn done(self) {
        self.answer(());
    }
}

impl<T> Ask<T> {
    /// Answers; a caller who gave up does not matter.
    pub(crate) fn answer(self, answer: T) {
        let _ = self.reply.send(answer);
    }
}

/// What somebody outside asks for and waits for. Admitted: only so many wait at once.
#[derive(Debug)]
pub(crate) enum Request {
    /// A viewer came.
    Attach(Ask<()>),
    /// See `CompanyHandle::request_qr`.
    Qr(Ask<Result<(), QrError>>),
    /// See `CompanyHandle::request_pairing_code`.
    PairingCode(Phone, Ask<Result<(), PairingError>>),
    /// See `CompanyHandle::cancel_pairing`.
    CancelPairing(Ask<()>),
    /// See `CompanyHandle::passkey_response`.
    PasskeyResponse(PasskeyAssertion, Ask<Result<(), PasskeyError>>),
    /// See `CompanyHandle::passkey_confirm`.
    PasskeyConfirm(Ask<Result<(), PasskeyError>>),
    /// See `CompanyHandle::reconnect`.
    Reconnect(Ask<()>),
    /// See `CompanyHandle::restart`.
    Restart(Ask<()>),
    /// See `CompanyHandle::stop`.
    StopSession(Ask<Result<(), CallError>>),
    /// See `CompanyHandle::log_out`.
    LogOut(Ask<Result<(), CallError>>),
    /// See `CompanyHandle::activate`.
    Activate(Ask<Result<ActivationView, ActivateRequestError>>),
    /// See `CompanyHandle::erase`.
    Erase(Erasure, Ask<Result<(), RecordsError>>),
    /// See `CompanyHandle::rotate_webhook_secret`.
    RotateWebhook(Ask<Result<Option<Secret>, RecordsError>>),
    /// See `CompanyHandle::enroll`.
    Enroll(Box<Enrolment>, Ask<Result<Secret, RecordsError>>),
    /// A registration of this company; answered when it is durable.
    Register(Box<Visit>, Ask<Result<(), RecordsError>>),
}

/// What a company is told.
#[derive(Debug)]
pub(crate) enum CompanyMsg {
    /// First message: load, resume, begin.
    Begin,
    /// A word of the session actor number `epoch`.
    Session {
        /// Which session actor.
        epoch: u64,
        /// What it says.
        report: SessionReport,
    },
    /// Somebody asks.
    Request(Request),
    /// The crashed session may be started again.
    SessionDue,
    /// Viewers came or left.
    ViewersChanged,
    /// The pairing code with this number took too long.
    PairingCodeOverdue(u64),
    /// What the first registration told beyond the record it created.
    Describe(Box<Visit>),
    /// Webhooks wait in the store.
    InboxArrived,
    /// More may wait in the store than was worked through at once.
    ReadOn,
    /// A word of the activation saga's task or timer number `ticket`.
    Saga {
        /// Which task or timer.
        ticket: u64,
        /// What it says.
        news: SagaNews,
    },
    /// A word of the inbox's task or timer number `ticket`.
    Inbox {
        /// Which task or timer.
        ticket: u64,
        /// What it says.
        news: InboxNews,
    },
    /// Try what could not be stored again.
    CommitAgain,
    /// The activation window closed.
    WindowOver,
    /// The process ends: stop in good order.
    Drain,
}

impl CompanyMsg {
    /// Sent by whoever holds a handle, within a span of theirs; never by an actor.
    fn is_from_outside(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Describe(_) | Self::InboxArrived)
    }
}

/// The actor.
pub(crate) struct Company;

impl Actor for Company {
    type Msg = CompanyMsg;
    type State = Desk;
    type Arguments = DeskArgs;

    async fn pre_start(&self, myself: ActorRef<CompanyMsg>, args: DeskArgs) -> Result<Desk, ActorProcessingErr> {
        let _ = myself.send_message(CompanyMsg::Begin);
        Ok(Desk::new(args, myself))
    }

    async fn handle(&self, _myself: ActorRef<CompanyMsg>, message: CompanyMsg, desk: &mut Desk) -> Result<(), ActorProcessingErr> {
        let outside = message.is_from_outside();
        let span = if outside { desk.span_within() } else { desk.span() };
        let handled = async {
            if outside {
                tracing::debug!("the company is asked");
            }
            handle(desk, message).await
        };
        handled.instrument(span).await
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<CompanyMsg>,
        event: SupervisionEvent,
        desk: &mut Desk,
    ) -> Result<(), ActorProcessingErr> {
        let span = desk.span();
        match event {
            SupervisionEvent::ActorFailed(child, error) => {
                desk.session_ended(child.get_id(), Some(&error)).instrument(span).await;
            }
            SupervisionEvent::ActorTerminated(child, _, _) => desk.session_ended(child.get_id(), None).instrument(span).await,
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(()) // an Err here would take every child down
    }
}

async fn handle(desk: &mut Desk, message: CompanyMsg) -> Result<(), ActorProcessingErr> {
    match message {
        CompanyMsg::Begin => return desk.begin().await,
        CompanyMsg::Drain => desk.drain(),
        message if !desk.is_loaded() => desk.postpone(message),
        message @ CompanyMsg::Request(Request::Register(..) | Request::Enroll(..)) if desk.webhook_comes_first() => desk.postpone(message),
        CompanyMsg::Request(request) => answer(desk, request).await,
        CompanyMsg::Session { epoch, report } => desk.session_said(epoch, report).await,
        CompanyMsg::SessionDue => desk.start_session_again().await,
        CompanyMsg::ViewersChanged => desk.viewers_changed(),
        CompanyMsg::PairingCodeOverdue(number) => desk.pairing_code_overdue(number),
        CompanyMsg::Describe(visit) => desk.describe(&visit).await,
        CompanyMsg::InboxArrived | CompanyMsg::ReadOn => desk.read_inbox().await,
        CompanyMsg::Saga { ticket, news } => desk.saga_news(ticket, news).await,
        CompanyMsg::Inbox { ticket, news } => desk.inbox_news(ticket, news).await,
        CompanyMsg::CommitAgain => desk.commit_again().await,
        CompanyMsg::WindowOver => desk.settle().await,
    }
    Ok(())
}

async fn answer(desk: &mut Desk, request: Request) {
    match request {
        Request::Attach(ask) => {
            desk.attach().await;
            ask.done();
        }
        Request::Qr(ask) => ask.answer(desk.request_qr()),
        Request::PairingCode(phone, ask) => desk.request_pairing_code(phone, ask),
        Request::CancelPairing(ask) => {
            desk.cancel_pairing();
            ask.done();
        }
        Request::PasskeyResponse(assertion, ask) => ask.answer(desk.passkey_response(assertion)),
        Request::PasskeyConfirm(ask) => ask.answer(desk.passkey_confirm()),
        Request::Reconnect(ask) => {
            desk.reconnect().await;
            ask.done();
        }
        Request::Restart(ask) => {
            desk.restart().await;
            ask.done();
        }
        Request::StopSession(ask) => ask.answer(desk.stop_session()),
        Request::LogOut(ask) => ask.answer(desk.log_out()),
        Request::Activate(ask) => ask.answer(desk.activate().await),
        Request::Register(visit, ask) => ask.answer(desk.register(&visit).await),
        Request::Enroll(enrolment, ask) => ask.answer(desk.enroll(&enrolment).await),
        Request::Erase(plan, ask) => ask.answer(desk.erase(&plan).await),
        Request::RotateWebhook(ask) => ask.answer(desk.rotate_webhook_secret().await),
    }
}
