//! The one link of a session: a task that dies with its owner, and the way to talk to it.

use std::sync::Arc;

use ractor::ActorRef;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::SessionMsg;
use crate::ids::Generation;
use crate::ports::{Connector, LinkCommand, LinkEnd, LinkReports, LinkRequest};
use crate::task::OwnedTask;

/// Commands that may wait in a link. More means that it does not listen; probes and the close timer notice that.
const COMMANDS: usize = 8;

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
        let (listener, undertaker) = (session.clone(), session.clone());
        let reports = LinkReports::new(
            generation,
            Arc::new(move |generation, fact| {
                let _ = listener.send_message(SessionMsg::Fact(generation, fact));
            }),
        );
        let span = tracing::info_span!(parent: None, "link", company.id = %request.company, session.generation = generation.get());
        let run = async move { connector.run(request, reports, receiver).await };
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
