//! The one thread that writes: takes what waits, makes one commit of it, makes it durable, then answers everyone in it.
//!
//! ```text
//! callers ──▶ bounded queue ──▶ plan each request on a Draft ──▶ one batch ──▶ flush + sync ──▶ answers
//!                                 refused: answered with its error, the others go on
//!                                 commit failed: everyone in it fails, and everyone after it, until the process is started anew
//! ```
//!
//! A backup is copied between the commits, a portion after each, and on and on while nobody asks for anything. Its file is never waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use frontdesk_actors::ports::{Clock, RecordsError};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::Span;

use crate::store::backup::{CopyOrder, CopyWord, Copying, Turn};
use crate::store::commit;
use crate::store::counters::Counters;
use crate::store::disk::Disk;
use crate::store::draft::{Draft, Group};
use crate::store::fault::{Fault, guarded};
use crate::store::health::Health;
use crate::store::observe::{CommitReport, StoreObserver};
use crate::store::roster::Roster;
use crate::store::seal::Seal;

/// Requests waiting for the writer; more are answered `Overloaded`.
pub(super) const QUEUE_REQUESTS: usize = 4_096;

/// Requests in one commit: bounds the time until the first of them is answered.
const GROUP_REQUESTS: usize = 512;

/// Units of [`WEIGHT_UNIT_BYTES`] in one commit after which no further request joins (4 MiB).
const GROUP_UNITS: usize = 4 * 1024;

/// What requests weigh is counted in KiB.
pub(super) const WEIGHT_UNIT_BYTES: usize = 1024;

/// Units of all requests that wait (64 MiB); more are answered `Overloaded`.
pub(super) const QUEUE_UNITS: usize = 64 * 1024;

/// How often the writer, with nothing else to do, looks whether the file of a backup takes something again. A commit may come so much later meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A request whose type of answer is known only to itself.
pub(super) trait Request: Send {
    /// Puts its changes on the draft and keeps its answer for later.
    fn plan(&mut self, draft: &mut Draft<'_>) -> Result<(), Fault>;

    /// The span of whoever asks.
    fn span(&self) -> &Span;

    /// Answers: with what was planned, or with the error.
    fn settle(self: Box<Self>, outcome: Result<(), RecordsError>);
}

/// A request made of a function.
pub(super) struct Job<T, F> {
    work: Option<F>,
    answer: Option<T>,
    reply: oneshot::Sender<Result<T, RecordsError>>,
    /// Of whoever asks: what is said about the request on this thread belongs to it.
    span: Span,
}

impl<T, F> Job<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Draft<'_>) -> Result<T, Fault> + Send + 'static,
{
    pub(super) fn new(work: F) -> (Box<Self>, oneshot::Receiver<Result<T, RecordsError>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { work: Some(work), answer: None, reply, span: Span::current() }), answer)
    }
}

impl<T, F> Request for Job<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Draft<'_>) -> Result<T, Fault> + Send + 'static,
{
    fn plan(&mut self, draft: &mut Draft<'_>) -> Result<(), Fault> {
        if let Some(work) = self.work.take() {
            self.answer = Some(work(draft)?);
        }
        Ok(())
    }

    fn span(&self) -> &Span {
        &self.span
    }

    fn settle(self: Box<Self>, outcome: Result<(), RecordsError>) {
        let Self { answer, reply, .. } = *self;
        let answer = outcome.and_then(|()| answer.ok_or(RecordsError::Closed));
        let _ = reply.send(answer); // the caller may have given up; the commit stands
    }
}

/// What travels to the writer.
pub(super) enum Message {
    /// A request, with its share of the bytes that may wait.
    Request(Box<dyn Request>, OwnedSemaphorePermit),
    /// Copy everything as of this moment.
    Copy(CopyOrder),
    /// Answer what is queued before this, then end.
    Close,
}

/// The writer's memory; lives on its thread.
pub(super) struct Writer {
    pub(super) disk: Arc<Disk>,
    pub(super) seal: Seal,
    pub(super) counters: Counters,
    pub(super) shown: watch::Sender<Counters>,
    pub(super) roster: Arc<Roster>,
    pub(super) health: Arc<Health>,
    pub(super) observer: Arc<dyn StoreObserver>,
    pub(super) clock: Arc<dyn Clock>,
    /// The backup being copied.
    pub(super) copying: Option<Copying>,
}

/// What ends a group of requests.
enum Then {
    Wait,
    Copy(CopyOrder),
    Close,
}

impl Writer {
    /// Runs until told to close or until nobody is left to ask. `done` learns when the engine is let go.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>, done: watch::Sender<bool>) {
        while let Some(first) = self.next(&mut queue) {
            let (requests, then) = gather(first, &mut queue);
            self.serve(requests, &queue);
            match then {
                Then::Wait => {
                    self.copy_on();
                }
                Then::Copy(order) => self.begin_copy(order),
                Then::Close => break,
            }
        }
        self.end(queue);
        let _ = done.send(true);
    }

    /// The next message. Until it comes, a copy in progress goes on.
    fn next(&mut self, queue: &mut mpsc::Receiver<Message>) -> Option<Message> {
        while self.copying.is_some() {
            match queue.try_recv() {
                Ok(message) => return Some(message),
                Err(mpsc::error::TryRecvError::Empty) => {
                    if self.copy_on() == Turn::Waits {
                        thread::park_timeout(LOOK_AGAIN);
                    }
                }
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
            }
        }
        queue.blocking_recv()
    }

    /// There is one copy at a time: the store lets in no second order, and a leftover one is told by its closed channel.
    fn begin_copy(&mut self, order: CopyOrder) {
        if self.copying.is_some() || self.health.check().is_err() {
            return;
        }
        let out = order.out.clone();
        match Copying::begin(order, &self.disk, &self.counters, self.clock.now()) {
            Ok(copying) => self.copying = Some(copying),
            Err(fault) => drop(out.try_send(CopyWord::Failed(fault.describe()))),
        }
    }

    fn copy_on(&mut self) -> Turn {
        let Some(copying) = &mut self.copying else { return Turn::Over };
        let began = Instant::now();
        let turn = if self.health.failure().is_some() { Turn::Over } else { copying.go_on(&self.disk) };
        match turn {
            Turn::Waits => return turn,
            Turn::Over => self.copying = None,
            Turn::Copied => {}
        }
        self.observer.copied(began.elapsed());
        turn
    }

    fn serve(&mut self, requests: Vec<Box<dyn Request>>, queue: &mpsc::Receiver<Message>) {
        if let Some(failure) = self.health.failure() {
            requests.into_iter().for_each(|request| request.settle(Err(failure.clone())));
            return;
        }
        let began = Instant::now();
        let mut planned = Vec::with_capacity(requests.len());
        let outcome = catch_unwind(AssertUnwindSafe(|| self.commit(requests, &mut planned)));
        let outcome = outcome.unwrap_or(Err(Fault::Panicked { step: "preparing a commit" }));
        let requests = planned.len();
        let result = match &outcome {
            Ok(_) => Ok(()),
            Err(fault) => Err(self.fail(fault)),
        };
        planned.into_iter().for_each(|request| request.settle(result.clone()));
        if let Ok((keys, bytes)) = outcome {
            let report = CommitReport { took: began.elapsed(), requests, keys, bytes, waiting: queue.len() };
            self.observer.committed(report);
        }
    }

    /// Plans every request and commits them together. Refused ones are answered here, the others are left in `planned`.
    fn commit(&mut self, requests: Vec<Box<dyn Request>>, planned: &mut Vec<Box<dyn Request>>) -> Result<(usize, usize), Fault> {
        let mut group = Group::default();
        let mut counters = self.counters.clone();
        let now = self.clock.now();
        for mut request in requests {
            let mut draft = Draft::new(&self.disk, &self.seal, &group, &counters, now);
            match guarded("preparing a request", || request.plan(&mut draft)) {
                Ok(()) => {
                    let accepted = draft.accept();
                    counters = accepted.join(&mut group);
                    request.span().in_scope(|| tracing::trace!("store.request_joined"));
                    planned.push(request);
                }
                Err(fault) => {
                    request.span().in_scope(|| tracing::warn!(reason = %fault.describe(), "store.request_refused"));
                    request.settle(Err(fault.refusal()));
                }
            }
        }
        if group.is_empty() {
            return Ok((0, 0));
        }
        let size = (group.len(), group.bytes());
        let companies = group.take_companies();
        commit::commit(&self.disk, group, &mut counters, self.copying.as_mut())?;
        self.counters = counters.clone();
        self.shown.send_replace(counters);
        self.roster.committed(companies);
        Ok(size)
    }

    fn fail(&self, fault: &Fault) -> RecordsError {
        let why = fault.describe();
        tracing::error!(reason = %why, "store.commit_failed: nothing is written or read any more; check the disk and start again");
        self.health.fail(why.clone());
        self.observer.failed();
        RecordsError::Failed(why)
    }

    /// Refuses what came too late and lets go of the engine.
    fn end(self, mut queue: mpsc::Receiver<Message>) {
        queue.close();
        while let Ok(message) = queue.try_recv() {
            if let Message::Request(request, _) = message {
                request.settle(Err(RecordsError::Closed));
            }
        }
        if self.health.failure().is_none()
            && let Err(fault) = guarded("closing", || self.disk.sync())
        {
            tracing::error!(reason = %fault.describe(), "store.close_failed");
        }
    }
}

/// Takes what waits, up to the limits of a group, and frees its share of the bytes that may wait.
fn gather(first: Message, queue: &mut mpsc::Receiver<Message>) -> (Vec<Box<dyn Request>>, Then) {
    let (mut requests, mut units) = (Vec::new(), 0);
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Request(request, permit) => {
                requests.push(request);
                units += permit.num_permits();
            }
            Message::Copy(order) => return (requests, Then::Copy(order)),
            Message::Close => return (requests, Then::Close),
        }
        let room = requests.len() < GROUP_REQUESTS && units < GROUP_UNITS;
        next = if room { queue.try_recv().ok() } else { None };
    }
    (requests, Then::Wait)
}
