//! Carries out the company's stored webhooks, one after the other, in order.
//!
//! ```text
//!          ┌──────────── ticked off, remembered ────────────┐
//!  Free ───┼─ an ending ─▶ Asking ─ act ─▶ Stopping ────────┼─▶ Free: read on
//!          │                 │ ▲ └─ contradicted ───────────┤
//!          │                 ▼ │ once more                  │
//!          │               Doubting                         │
//!          └─ data ──────▶ Handling ─ handled, given up ────┘
//!                            └─ failed, took its time ─▶ Resting ─▶ Free
//! ```
//!
//! Between two portions of a backlog others have their turn. An ending overtakes data before it, also while that rests. A run of data that takes long
//! rests for a moment between two events, so that an ending behind it is seen.
//!
//! What a step means is committed together with its tick in the inbox. A crash or a failed commit before that leaves the webhook where it was: it is
//! read again, and doing it twice is harmless.

mod data;

use std::time::Duration;

use serde_json::json;
use tracing::Instrument;

use super::actor::CompanyMsg;
use super::desk::Desk;
use super::{activation, commits};
use crate::events::Fact;
use crate::inbox::{BATCH, Confirmation, Deed, Ending, LOOKED_THROUGH, QUESTIONS, confirm, decide, first};
use crate::ports::{Installation, MarketplaceError};
use crate::records::{Change, CompanyRecord, EventKind, InboxEntry};
use crate::session::machine::Wish;
use crate::task::{OwnedTask, OwnedTimer};
use crate::view::StateReason;

/// YClients' word is waited for this long; without it the webhook holds.
const CONFIRM_WITHIN: Duration = Duration::from_secs(3);
/// Before a contradiction is asked about again. The whole doubt takes less than a caller waits for a registration.
const DOUBT: Duration = Duration::from_millis(700);

/// Where the company stands with its webhooks.
#[derive(Default)]
pub(super) struct InboxDesk {
    at: Place,
    /// What the last one means could not be stored; it is read again.
    again: bool,
    /// Number of the task or timer whose word counts.
    ticket: u64,
}

#[derive(Default)]
enum Place {
    #[default]
    Free,
    Asking {
        question: Question,
        _task: OwnedTask,
    },
    Doubting {
        question: Question,
        _timer: OwnedTimer,
    },
    Stopping(InboxEntry, Ending),
    Handling {
        run: data::Run,
        _task: OwnedTask,
    },
    Resting {
        _timer: OwnedTimer,
    },
}

/// A webhook that ends the installation, while YClients is asked about it.
struct Question {
    entry: InboxEntry,
    ending: Ending,
    /// How often it was asked.
    asked: u32,
}

/// What a task or timer of the inbox says.
#[derive(Debug)]
pub(crate) enum InboxNews {
    /// YClients' word on the installation; `None` = none in time, or the question panicked.
    Answered(Option<Result<Installation, MarketplaceError>>),
    /// Data events were handed over.
    Handled(data::Handled),
    /// The wait is over.
    Due,
}

impl Desk {
    /// Works through the next of what waits, until one has to wait for somebody or a commit fails (which is tried again later).
    pub(super) async fn read_inbox(&mut self) {
        self.args.presence.inbox_heard();
        let resting = matches!(self.inbox.at, Place::Resting { .. });
        if self.draining || self.commit_pending() || !(resting || matches!(self.inbox.at, Place::Free)) {
            return; // a commit that waits for its next try has the inbox read with it
        }
        let limit = if resting { LOOKED_THROUGH } else { BATCH };
        let waiting = self.args.ports.records.pending_inbox(self.args.company_id, limit).await;
        let mut waiting = match waiting {
            Ok(waiting) if waiting.is_empty() => return,
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::error!(error = %error, "the inbox can't be read; trying again");
                return self.later(CompanyMsg::CommitAgain);
            }
        };
        let first = first(waiting.iter().map(|entry| &entry.entry.event));
        if first == 0 && resting {
            return; // only what overtakes disturbs the rest
        }
        self.inbox.at = Place::Free;
        waiting[..=first].rotate_right(1);
        waiting.truncate(BATCH);
        self.work_through(waiting).await;
        if matches!(self.inbox.at, Place::Free) && !self.commit_pending() {
            // However long the backlog, callers and a drain have their turn.
            let _ = self.myself.send_message(CompanyMsg::ReadOn);
        }
    }

    async fn work_through(&mut self, waiting: Vec<InboxEntry>) {
        let mut waiting = waiting.into_iter().peekable();
        while let Some(entry) = waiting.next() {
            let Some(status) = self.record.as_ref().map(|record| record.integration_status) else { return };
            let go_on = match decide(&entry.entry.event, status) {
                Deed::End(ending) => {
                    self.ask_whether(Question { entry, ending, asked: 0 });
                    false
                }
                Deed::Handle => {
                    let mut run = vec![entry];
                    while let Some(next) = waiting.next_if(|next| decide(&next.entry.event, status) == Deed::Handle) {
                        run.push(next);
                    }
                    self.hand_over(run);
                    false
                }
                Deed::Resume => self.unfreeze(&entry).await,
                Deed::TickOff => self.tick_off(&entry, Vec::new()).await,
                Deed::Remember => self.remember(&entry, EventKind::UnknownWebhook).await,
            };
            if !go_on {
                return;
            }
        }
    }

    async fn remember(&mut self, entry: &InboxEntry, kind: EventKind) -> bool {
        let Some(record) = &self.record else { return false };
        let data = json!({ "event": entry.entry.event.to_string(), "source": entry.entry.event.source() });
        let line = commits::event(record, kind, data, self.args.ports.clock.now());
        self.tick_off(entry, vec![line]).await
    }

    /// Paid again: durable first, then the session goes on as after a restart.
    async fn unfreeze(&mut self, entry: &InboxEntry) -> bool {
        let Some(record) = &self.record else { return false };
        let (next, changes) = commits::of_unfreeze(record, entry.id, self.args.ports.clock.now());
        let done = self.handled(changes, next).await;
        if done && self.held().is_none() && !self.unpark().await {
            self.wish(Wish::Renew);
        }
        self.show();
        done
    }

    async fn tick_off(&mut self, entry: &InboxEntry, mut changes: Vec<Change>) -> bool {
        let Some(record) = self.record.clone() else { return false };
        changes.push(Change::InboxDone(self.args.company_id, entry.id));
        self.handled(changes, record).await
    }

    /// The session's link is being closed for this reason, and nobody may open another.
    pub(super) fn stopping_for(&self) -> Option<StateReason> {
        match &self.inbox.at {
            Place::Stopping(_, ending) => Some(ending.reason()),
            Place::Free | Place::Asking { .. } | Place::Doubting { .. } | Place::Handling { .. } | Place::Resting { .. } => None,
        }
    }

    /// A webhook that came before it ends a session and is not carried out yet: a registration now would be taken back by it.
    pub(super) fn webhook_comes_first(&self) -> bool {
        match self.inbox.at {
            Place::Asking { .. } | Place::Doubting { .. } | Place::Stopping(..) => true,
            Place::Free | Place::Handling { .. } | Place::Resting { .. } => self.inbox.again,
        }
    }

    pub(super) async fn inbox_news(&mut self, ticket: u64, news: InboxNews) {
        if ticket != self.inbox.ticket || self.draining {
            return;
        }
        match (std::mem::take(&mut self.inbox.at), news) {
            (Place::Asking { question, .. }, InboxNews::Answered(answer)) => self.answered(question, answer).await,
            (Place::Doubting { question, .. }, InboxNews::Due) => self.ask_whether(question),
            (Place::Handling { run, .. }, InboxNews::Handled(handled)) => self.run_handled(run, handled).await,
            (Place::Resting { .. }, InboxNews::Due) => {}
            (place, InboxNews::Answered(_) | InboxNews::Handled(_) | InboxNews::Due) => self.inbox.at = place,
        }
        self.read_inbox().await;
        self.settle().await;
    }

    fn ask_whether(&mut self, mut question: Question) {
        question.asked += 1;
        let (marketplace, salon) = (self.args.ports.marketplace.clone(), self.args.salon_id);
        let asking = async move { tokio::time::timeout(CONFIRM_WITHIN, marketplace.installation(salon)).await };
        let (ticket, myself) = (self.next_ticket(), self.myself.clone());
        let task = OwnedTask::spawn(asking.in_current_span(), move |answer| {
            let news = InboxNews::Answered(answer.and_then(Result::ok));
            let _ = myself.send_message(CompanyMsg::Inbox { ticket, news });
        });
        self.inbox.at = Place::Asking { question, _task: task };
    }

    async fn answered(&mut self, question: Question, answer: Option<Result<Installation, MarketplaceError>>) {
        let Some(status) = self.record.as_ref().map(|record| record.integration_status) else { return };
        let answer = answer.unwrap_or(Err(MarketplaceError::Retryable { after: None }));
        match confirm(question.ending, status, &answer) {
            Confirmation::Act => self.end(question.entry, question.ending).await,
            Confirmation::Contradicted if question.asked < QUESTIONS => {
                self.inbox.at = Place::Doubting { question, _timer: self.due_after(DOUBT) };
            }
            Confirmation::Contradicted => {
                tracing::warn!(inbox.id = question.entry.id.0, "YClients' status contradicts a webhook: it is not acted on");
                self.inbox.again = !self.remember(&question.entry, EventKind::WebhookContradicted).await;
                self.go_on_after_all();
                self.let_postponed_in();
            }
        }
    }

    /// The session was stopped for the webhook when it was first read; what that means could not be stored, and now it does not hold.
    fn go_on_after_all(&mut self) {
        let stopped = matches!(self.snapshot.view.reason, Some(StateReason::Frozen | StateReason::Uninstalled));
        if stopped && !self.inbox.again && self.held().is_none() {
            self.wish(Wish::Renew);
        }
    }

    /// The session goes down first; what it means is committed when that is certain.
    async fn end(&mut self, entry: InboxEntry, ending: Ending) {
        self.inbox.at = Place::Stopping(entry, ending);
        self.codes.fail();
        self.give_up_activation().await;
        if !self.wish(Wish::Stop(ending.reason())) {
            self.session_stopped_once().await;
        }
    }

    /// The session is down for certain: commit what the webhook means, then go on with the next one.
    pub(super) async fn session_stopped(&mut self) {
        if matches!(self.inbox.at, Place::Stopping(..)) {
            self.session_stopped_once().await;
            self.read_inbox().await;
        }
    }

    async fn session_stopped_once(&mut self) {
        let Place::Stopping(entry, ending) = std::mem::take(&mut self.inbox.at) else { return };
        let Some(record) = &self.record else { return };
        let now = self.args.ports.clock.now();
        let (next, changes) = match ending {
            Ending::Uninstalled => commits::of_uninstall(record, entry.id, now, self.args.settings.erase_after),
            Ending::Frozen => commits::of_freeze(record, entry.id, now),
        };
        // A failed commit leaves the webhook in the inbox: it is read again, and stopping what is stopped is harmless.
        self.inbox.again = !self.handled(changes, next).await;
        if !self.inbox.again {
            self.give_up_activation().await; // whatever came between, nothing builds on what is over
        }
        self.show();
        self.let_postponed_in();
    }

    async fn give_up_activation(&mut self) {
        self.drive_saga(activation::Input::Abandon).await;
        self.saga.abandon();
    }

    fn let_postponed_in(&mut self) {
        if !self.inbox.again {
            self.take_up_postponed();
        }
    }

    fn next_ticket(&mut self) -> u64 {
        self.inbox.ticket += 1;
        self.inbox.ticket
    }

    fn due_after(&mut self, wait: Duration) -> OwnedTimer {
        let ticket = self.next_ticket();
        OwnedTimer::start(&self.myself, wait, CompanyMsg::Inbox { ticket, news: InboxNews::Due })
    }

    async fn handled(&mut self, changes: Vec<Change>, next: CompanyRecord) -> bool {
        let ok = self.commit(changes, next).await.is_ok();
        self.publish(&Fact::WebhookHandled { company: self.args.company_id, ok });
        ok
    }
}
