//! The one link of a session: a task that dies with its owner, and the way to talk to it.

use std::sync::Arc;

use ractor::ActorRef;
use tokio::sync::{Notify, Semaphore, mpsc};
use tracing::Instrument;

use super::SessionMsg;
use crate::ids::Generation;
use crate::ports::{Connector, LinkCommand, LinkEnd, LinkFact, LinkReports, LinkRequest, LossKind};
use crate::task::OwnedTask;

/// Commands that may wait in a link. More means that it does not listen; probes and the close timer notice that.
const COMMANDS: usize = 8;
/// Facts of a link that may wait for its session. A link says a few per minute; one that floods its session is cut off.
const FACTS: usize = 256;

/// A running link. Dropping it cuts the connection.
#[derive(Debug)]
pub(super) struct Link {
    generation: Generation,
    commands: mpsc::Sender<LinkCommand>,
    _task: OwnedTask,
}

impl Link {
    /// Starts the link; what it says and how it ends comes to `session` as messages.
    pub(super) fn open(connector: Arc<dyn Connector>, request: LinkRequest, session: &ActorRef<SessionMsg>) -> Self {
        let generation = request.generation;
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let undertaker = session.clone();
        let flooded = Arc::new(Notify::new());
        let reports = LinkReports::new(generation, listener(session.clone(), flooded.clone()));
        let span = tracing::info_span!(parent: None, "link", company.id = %request.company, session.generation = generation.get());
        let run = async move {
            tokio::select! {
                end = connector.run(request, reports, receiver) => end,
                () = flooded.notified() => {
                    tracing::warn!("the link says more than its session can take and is cut off");
                    LinkEnd::Lost(LossKind::Service)
                }
            }
        };
        let task = OwnedTask::spawn(run.instrument(span), move |end| {
            let _ = undertaker.send_message(SessionMsg::Ended(generation, end.unwrap_or(LinkEnd::Crashed)));
        });
        Self { generation, commands, _task: task }
    }

    /// Which link it is.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// Passes a command on, unless the link's queue is full or it ended.
    pub(super) fn command(&self, command: LinkCommand) {
        if self.commands.try_send(command).is_err() {
            tracing::warn!(session.generation = self.generation.get(), "the link takes no commands");
        }
    }
}

/// Hands facts to the session, as many as may wait for it; one more calls `flooded`.
fn listener(session: ActorRef<SessionMsg>, flooded: Arc<Notify>) -> Arc<dyn Fn(Generation, LinkFact) + Send + Sync> {
    let places = Arc::new(Semaphore::new(FACTS));
    Arc::new(move |generation, fact| match places.clone().try_acquire_owned() {
        Ok(place) => {
            let _ = session.send_message(SessionMsg::Fact(generation, fact, place));
        }
        Err(_) => flooded.notify_one(),
    })
}
