//! Carries out the company's stored webhooks, one after the other, in order.

use serde_json::json;

use super::actor::CompanyMsg;
use super::desk::Desk;
use super::{activation, commits};
use crate::events::Fact;
use crate::inbox::{BATCH, Deed, Ending, decide};
use crate::records::{Change, EventKind, InboxEntry, LifecycleEvent};
use crate::session::machine::Wish;

/// The webhook whose session is being stopped.
#[derive(Default)]
pub(super) struct InboxDesk {
    stopping: Option<(InboxEntry, Ending)>,
    /// What it means could not be stored; it is read again.
    again: bool,
}

impl Desk {
    /// Works through what waits, until one has to wait for the session or a commit fails (which is tried again later).
    pub(super) async fn read_inbox(&mut self) {
        self.args.presence.inbox_heard();
        while self.inbox.stopping.is_none() && !self.draining {
            let waiting = self.args.ports.records.pending_inbox(self.args.company_id, BATCH).await;
            let waiting = match waiting {
                Ok(waiting) if waiting.is_empty() => return,
                Ok(waiting) => waiting,
                Err(error) => {
                    tracing::error!(error = %error, "the inbox can't be read; trying again");
                    return self.later(CompanyMsg::CommitAgain);
                }
            };
            for entry in waiting {
                if !self.act_on(entry).await || self.inbox.stopping.is_some() {
                    break;
                }
            }
            if self.commit_pending() {
                return;
            }
        }
    }

    /// Acts on one webhook; `false` when its commit failed.
    async fn act_on(&mut self, entry: InboxEntry) -> bool {
        let Some(record) = &self.record else { return false };
        match decide(&entry.entry.event, record.integration_status) {
            Deed::StopSession(ending) => {
                self.inbox.stopping = Some((entry, ending));
                self.codes.fail();
                self.drive_saga(activation::Input::Abandon).await;
                self.saga.abandon();
                if !self.wish(Wish::Stop(ending.reason())) {
                    self.session_stopped_once().await;
                }
                true
            }
            Deed::TickOff => self.tick_off(&entry, Vec::new()).await,
            Deed::Remember => {
                let name = match &entry.entry.event {
                    LifecycleEvent::Unknown(name) => name.clone(),
                    LifecycleEvent::Uninstall | LifecycleEvent::Freeze => String::new(),
                };
                let now = self.args.ports.clock.now();
                let line = commits::event(record, EventKind::UnknownWebhook, json!({ "event": name }), now);
                self.tick_off(&entry, vec![line]).await
            }
        }
    }

    async fn tick_off(&mut self, entry: &InboxEntry, mut changes: Vec<Change>) -> bool {
        let Some(record) = self.record.clone() else { return false };
        changes.push(Change::InboxDone(self.args.company_id, entry.id));
        self.handled(changes, record).await
    }

    /// A webhook that came before it ends a session and is not carried out yet: a registration now would be taken back by it.
    pub(super) fn webhook_comes_first(&self) -> bool {
        self.inbox.stopping.is_some() || self.inbox.again
    }

    /// The session is down for certain: commit what the webhook means, then go on with the next one.
    pub(super) async fn session_stopped(&mut self) {
        if self.inbox.stopping.is_some() {
            self.session_stopped_once().await;
            self.read_inbox().await;
        }
    }

    async fn session_stopped_once(&mut self) {
        let Some((entry, ending)) = self.inbox.stopping.take() else { return };
        let Some(record) = &self.record else { return };
        let now = self.args.ports.clock.now();
        let (next, changes) = match ending {
            Ending::Uninstalled => commits::of_uninstall(record, entry.id, now),
            Ending::Frozen => commits::of_freeze(record, entry.id, now),
        };
        // A failed commit leaves the webhook in the inbox: it is read again, and stopping what is stopped is harmless.
        self.inbox.again = !self.handled(changes, next).await;
        self.show();
        if !self.inbox.again {
            self.take_up_postponed();
        }
    }

    async fn handled(&mut self, changes: Vec<Change>, next: crate::records::CompanyRecord) -> bool {
        let ok = self.commit(changes, next).await.is_ok();
        self.publish(&Fact::WebhookHandled { company: self.args.company_id, ok });
        ok
    }
}
