//! Carries the activation saga's effects out: commits here, calls in tasks, waits on timers.

use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument;

use super::activation::{Activation, AskFirst, Deed, Effect, Input};
use super::actor::CompanyMsg;
use super::commits;
use super::desk::Desk;
use super::onboarding::window_ends;
use crate::events::{ActivationResult, Fact, FunnelStep};
use crate::ids::Secret;
use crate::ports::{ActivateError, Callback, Installation, MarketplaceError};
use crate::records::{ActivationRecord, IntegrationStatus};
use crate::task::{OwnedTask, OwnedTimer};
use crate::view::SessionState;

/// The machine and whatever it waits for: one task or one timer.
pub(super) struct SagaDesk {
    pub(super) machine: Activation,
    task: Option<OwnedTask>,
    timer: Option<OwnedTimer>,
    ticket: u64,
}

/// What a task or timer of the saga says.
#[derive(Debug)]
pub(crate) enum SagaNews {
    /// The call ended; `None` = it panicked.
    Called(Option<Result<(), ActivateError>>, Duration),
    /// The status was asked; `None` = that panicked.
    Answered(Option<Result<Installation, MarketplaceError>>),
    /// The wait is over.
    Due,
}

impl SagaDesk {
    pub(super) fn new(machine: Activation) -> Self {
        Self { machine, task: None, timer: None, ticket: 0 }
    }

    /// Stops waiting; what is stored decides after the next start, or the company's own commit cleared it.
    pub(super) fn abandon(&mut self) {
        self.ticket += 1;
        self.task = None;
        self.timer = None;
    }
}

impl Desk {
    /// Begins the saga when its conditions hold: online, registered within the window, not active, none under way, and no webhook that ends the
    /// installation comes first.
    pub(super) async fn consider_activation(&mut self) {
        let Some(record) = &self.record else { return };
        let wanted = match record.integration_status {
            IntegrationStatus::Pending | IntegrationStatus::PendingWhatsapp | IntegrationStatus::Activating => true,
            IntegrationStatus::Active
            | IntegrationStatus::ActivationFailed
            | IntegrationStatus::Frozen
            | IntegrationStatus::Uninstalled => false,
        };
        let given_up = record.integration_status == IntegrationStatus::Activating;
        let window_ends_at = window_ends(record.registered_at, &self.args.settings);
        let open = self.args.ports.clock.now() <= window_ends_at;
        let online = self.snapshot.view.state == SessionState::Online;
        if wanted && open && online && !self.webhook_comes_first() && !self.saga.machine.under_way() {
            let asked_for = std::mem::replace(&mut self.ask_first, AskFirst::No);
            // One that was given up for a webhook which did not hold after all may have reached YClients.
            let ask_first = if given_up { AskFirst::Yes } else { asked_for };
            let webhook_secret = self.args.settings.webhook_base.is_some().then(new_secret);
            self.drive_saga(Input::Begin { key: new_secret(), webhook_secret, window_ends_at, ask_first }).await;
        }
    }

    /// Goes on with what had begun. A registration since then may have opened the window again.
    pub(super) async fn resume_saga(&mut self, mut activation: ActivationRecord) {
        if let Some(record) = &self.record {
            let open_until = window_ends(record.registered_at, &self.args.settings);
            activation.window_ends_at = activation.window_ends_at.max(open_until);
        }
        self.drive_saga(Input::Resume(activation)).await;
    }

    pub(super) async fn saga_news(&mut self, ticket: u64, news: SagaNews) {
        if ticket != self.saga.ticket || self.draining {
            return;
        }
        self.saga.task = None;
        self.saga.timer = None;
        let company = self.args.company_id;
        let input = match news {
            SagaNews::Called(result, took) => {
                let result = result.unwrap_or(Err(ActivateError::AskStatus { status: None }));
                let result_kind = kind_of(&result);
                self.publish(&Fact::ActivationCalled { company, result: result_kind, took });
                Input::Called(result)
            }
            SagaNews::Answered(answer) => {
                let answer = answer.unwrap_or(Err(MarketplaceError::Retryable { after: None }));
                if answer == Ok(Installation::Active) {
                    let result = ActivationResult::AlreadyActive;
                    self.publish(&Fact::ActivationCalled { company, result, took: Duration::ZERO });
                }
                Input::Answered(answer)
            }
            SagaNews::Due => Input::Due,
        };
        self.drive_saga(input).await;
        self.settle().await;
    }

    /// Steps the machine and carries its effects out, until it waits for something.
    pub(super) async fn drive_saga(&mut self, input: Input) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let now = self.args.ports.clock.now();
            match self.saga.machine.step(input, now, rand::random()) {
                None => {}
                Some(Effect::Store(deed)) => next = Some(Input::Stored(self.carry_out(&deed).await)),
                Some(Effect::Call { key, webhook_secret }) => self.call(key, webhook_secret),
                Some(Effect::Ask) => self.ask_status(),
                Some(Effect::Wait(wait)) => {
                    self.saga.abandon();
                    let due = CompanyMsg::Saga { ticket: self.saga.ticket, news: SagaNews::Due };
                    self.saga.timer = Some(OwnedTimer::start(&self.myself, wait, due));
                }
            }
        }
    }

    /// One commit of the saga; tells if it is durable.
    async fn carry_out(&mut self, deed: &Deed) -> bool {
        let Some(record) = &self.record else { return false };
        let (next, changes) = commits::of_deed(deed, record, self.args.ports.clock.now());
        if self.commit(changes, next).await.is_err() {
            return false;
        }
        let company = self.args.company_id;
        match deed {
            Deed::Begin(_, _) | Deed::Attempt(_) => {}
            Deed::Succeed(_) => {
                tracing::info!("the integration is active");
                self.publish(&Fact::ActivationEnded { company, active: true });
                self.step_taken(FunnelStep::Active);
            }
            Deed::Fail(_, reason) => {
                tracing::error!(reason = ?reason, "the activation failed");
                self.publish(&Fact::ActivationEnded { company, active: false });
            }
        }
        self.show();
        true
    }

    fn call(&mut self, api_key: Secret, webhook_secret: Option<Secret>) {
        self.saga.abandon();
        let (ticket, myself) = (self.saga.ticket, self.myself.clone());
        let (marketplace, salon) = (self.args.ports.marketplace.clone(), self.args.salon_id);
        let began = Instant::now();
        let webhook_urls = webhook_secret.and_then(|secret| self.webhook_url(&secret)).into_iter().collect();
        let callback = Callback { api_key, webhook_urls };
        let call = async move { marketplace.activate(salon, &callback).await };
        self.saga.task = Some(OwnedTask::spawn(call.in_current_span(), move |result| {
            let news = SagaNews::Called(result, began.elapsed());
            let _ = myself.send_message(CompanyMsg::Saga { ticket, news });
        }));
    }

    /// The address of the salon's data webhook.
    pub(super) fn webhook_url(&self, secret: &Secret) -> Option<Secret> {
        let base = self.args.settings.webhook_base.as_ref()?;
        Some(Secret::new(format!("{base}/webhook/yclients/data/{}/{}", self.args.salon_id, secret.expose())))
    }

    fn ask_status(&mut self) {
        self.saga.abandon();
        let (ticket, myself) = (self.saga.ticket, self.myself.clone());
        let (marketplace, salon) = (self.args.ports.marketplace.clone(), self.args.salon_id);
        let question = async move { marketplace.installation(salon).await };
        self.saga.task = Some(OwnedTask::spawn(question.in_current_span(), move |answer| {
            let _ = myself.send_message(CompanyMsg::Saga { ticket, news: SagaNews::Answered(answer) });
        }));
    }
}

/// 32 random bytes in hex.
pub(super) fn new_secret() -> Secret {
    let bytes: [u8; 32] = rand::random();
    Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn kind_of(result: &Result<(), ActivateError>) -> ActivationResult {
    match result {
        Ok(()) => ActivationResult::Success,
        Err(ActivateError::AskStatus { .. }) => ActivationResult::StatusAsked,
        Err(ActivateError::Retryable { .. } | ActivateError::NotConfigured) => ActivationResult::Retry,
        Err(ActivateError::Final { .. }) => ActivationResult::Refused,
    }
}
