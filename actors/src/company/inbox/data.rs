//! Data events: handed over in runs, in order; what fails is tried again, and given up after some tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tracing::Instrument;

use super::{InboxNews, Place};
use crate::company::actor::CompanyMsg;
use crate::company::desk::Desk;
use crate::company::{commits, secrets};
use crate::events::Fact;
use crate::inbox::{Failure, Fate, fate};
use crate::ports::CareError;
use crate::records::{Change, CompanyRecord, DeadReason, EventKind, InboxEntry, InboxEvent};
use crate::task::OwnedTask;

/// Longest time for one event.
const EVENT_WITHIN: Duration = Duration::from_secs(30);
/// After this no further event of a run is begun: what came behind it is looked at first.
const RUN_WITHIN: Duration = Duration::from_secs(5);

/// Entries that were handed over.
pub(super) struct Run(Vec<InboxEntry>);

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Handled {
    /// So many from its beginning are done.
    done: usize,
    /// How the one after them failed; `None` when nothing failed, be the run done or interrupted.
    failure: Option<Failure>,
}

impl Desk {
    pub(super) fn hand_over(&mut self, run: Vec<InboxEntry>) {
        let progress = Arc::new(AtomicUsize::new(0));
        let (care, entries, done) = (self.args.ports.care.clone(), run.clone(), progress.clone());
        let (company, salon) = (self.args.company_id, self.args.salon_id);
        let began = Instant::now();
        let work = async move {
            for entry in entries {
                if began.elapsed() > RUN_WITHIN {
                    return None;
                }
                let InboxEvent::Data(event) = &entry.entry.event else { continue };
                let handling = care.handle(company, salon, event, &entry.entry.body);
                match tokio::time::timeout(EVENT_WITHIN, handling).await {
                    Ok(Ok(())) => done.fetch_add(1, Ordering::SeqCst),
                    Ok(Err(CareError::Unreadable)) => return Some(Failure::Unreadable),
                    Ok(Err(CareError::Passing)) | Err(_) => return Some(Failure::Passing),
                };
            }
            None
        };
        let (ticket, myself) = (self.next_ticket(), self.myself.clone());
        let task = OwnedTask::spawn(work.in_current_span(), move |outcome| {
            let failure = outcome.unwrap_or(Some(Failure::Crash));
            let news = InboxNews::Handled(Handled { done: progress.load(Ordering::SeqCst), failure });
            let _ = myself.send_message(CompanyMsg::Inbox { ticket, news });
        });
        self.inbox.at = Place::Handling { run: Run(run), _task: task };
    }

    /// Ticks off what is done and decides about what failed, in one commit.
    pub(super) async fn run_handled(&mut self, Run(run): Run, handled: Handled) {
        let Some(record) = self.record.clone() else { return };
        let (done, rest) = run.split_at(handled.done.min(run.len()));
        let company = self.args.company_id;
        let mut changes: Vec<Change> = done.iter().map(|entry| Change::InboxDone(company, entry.id)).collect();
        let mut next = record;
        if let Some(proven) = done.iter().find_map(|entry| proof(&next, entry)) {
            changes.push(Change::PutCompany(Box::new(proven.clone())));
            next = proven;
        }
        let failed = handled.failure.zip(rest.first());
        let fate = failed.map(|(failure, entry)| (fate(failure, entry.attempts, self.args.settings.webhook_tries), entry));
        if let Some((fate, entry)) = &fate {
            changes.extend(self.of_fate(*fate, entry, &next));
        }
        if changes.is_empty() || !self.handled(changes, next).await {
            return;
        }
        for entry in done {
            self.data_handled(entry);
        }
        match fate {
            Some((Fate::Again(wait), _)) => self.rest(wait),
            Some((Fate::Dead(reason), entry)) => self.gave_up(entry, reason),
            None if rest.is_empty() => {}
            None => self.rest(Duration::ZERO),
        }
    }

    fn rest(&mut self, wait: Duration) {
        self.inbox.at = Place::Resting { _timer: self.due_after(wait) };
    }

    fn of_fate(&self, fate: Fate, entry: &InboxEntry, record: &CompanyRecord) -> Vec<Change> {
        let company = self.args.company_id;
        match fate {
            Fate::Again(_) => vec![Change::InboxFailed(company, entry.id)],
            Fate::Dead(reason) => {
                let data = json!({ "event": entry.entry.event.to_string(), "inbox_id": entry.id.0, "reason": reason.name() });
                let line = commits::event(record, EventKind::WebhookDead, data, self.args.ports.clock.now());
                vec![Change::InboxDead(company, entry.id, reason), line]
            }
        }
    }

    fn data_handled(&self, entry: &InboxEntry) {
        if let InboxEvent::Data(event) = &entry.entry.event {
            let waited = (self.args.ports.clock.now() - entry.entry.received_at).to_std().unwrap_or_default();
            self.publish(&Fact::DataHandled { company: self.args.company_id, resource: event.resource.label(), waited });
        }
    }

    fn gave_up(&self, entry: &InboxEntry, reason: DeadReason) {
        tracing::error!(
            inbox.id = entry.id.0,
            reason = reason.name(),
            "a webhook went to the dead letters; replay it when the cause is gone"
        );
        self.publish(&Fact::WebhookDead { company: self.args.company_id, reason });
    }
}

fn proof(record: &CompanyRecord, entry: &InboxEntry) -> Option<CompanyRecord> {
    match &entry.entry.event {
        InboxEvent::Data(event) => secrets::used(record, &event.secret_mark),
        InboxEvent::Lifecycle(_) | InboxEvent::Legacy(_) => None,
    }
}
