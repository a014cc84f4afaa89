//! The one gate all calls of the process go through: YClients counts calls per address, for all salons together.
//!
//! ```text
//! callers ── enter(urgency, salon) ──▶ machine.rs ─┬─ queue.rs     who is next: urgency first, then salons in turn
//!    ▲                                             ├─ rate.rs      when: 5 in a second, 200 in a minute, room kept for the urgent
//!    └──── Pass ◀──────────────────────────────────┴─ breaker.rs   whether at all: a base that fails is left alone for a while
//! ```
//!
//! The machine is pure; the task here owns it and brings the time. A caller that gives up loses its place without using up the budget. A [`Pass`]
//! tells the machine how its call ended, also when it is dropped in the middle.

mod breaker;
mod machine;
mod queue;
mod rate;

use std::time::Duration;

use frontdesk_actors::ids::SalonId;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::machine::{Machine, Next};
use super::Urgency;
use crate::metrics;

pub(super) use self::machine::{Base, Outcome};
pub(super) use self::rate::Limits;

/// Words on the way to the task: everybody who may wait, and everybody who may be on the way, fits.
const WORDS: usize = 2 * queue::MOST_WAITING;

/// Why a call may not be made now. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Turned {
    /// Too many calls wait already.
    #[error("too many calls to YClients are waiting")]
    Full,
    /// No place became free in time.
    #[error("no place for a call to YClients in time")]
    TooLate,
    /// This base failed too often; it is asked again after this.
    #[error("YClients fails; it is left alone for a while")]
    Broken {
        /// From now.
        again_in: Duration,
    },
}

/// Leave to make one call.
#[derive(Debug)]
pub(super) struct Pass {
    ticket: u64,
    outcome: Outcome,
    words: mpsc::Sender<Word>,
}

impl Pass {
    /// The request goes out now: from here on it counts, even if its caller gives up.
    pub(super) fn sends(&mut self) {
        self.outcome = Outcome::Unknown;
    }

    /// Says how the call ended.
    pub(super) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // A full channel loses the word: the machine then counts the call as on its way for as long as any call may be.
        let _ = self.words.try_send(Word::Ended(self.ticket, self.outcome));
    }
}

#[derive(Debug)]
enum Word {
    Enter(Asked),
    Ended(u64, Outcome),
    Hold(Duration),
}

#[derive(Debug)]
struct Asked {
    base: Base,
    urgency: Urgency,
    salon: Option<SalonId>,
    reply: oneshot::Sender<Result<Pass, Turned>>,
}

/// The way to the gate. Dropping it ends its task.
#[derive(Debug)]
pub(super) struct Gate {
    words: mpsc::Sender<Word>,
    _task: JoinSet<()>,
}

impl Gate {
    /// Opens the gate. Must be called inside a runtime.
    pub(super) fn open(limits: Limits) -> Self {
        let (words, heard) = mpsc::channel(WORDS);
        let mut task = JoinSet::new();
        // Weak, so that the task ends with the last sender outside.
        task.spawn(keep(Machine::new(limits), heard, words.downgrade()));
        Self { words, _task: task }
    }

    /// Waits for a place, at most `within`.
    pub(super) async fn enter(&self, base: Base, urgency: Urgency, salon: Option<SalonId>, within: Duration) -> Result<Pass, Turned> {
        let began = Instant::now();
        let (reply, answer) = oneshot::channel();
        let asked = Asked { base, urgency, salon, reply };
        let entered = self.words.try_send(Word::Enter(asked)).map_err(|_| Turned::Full);
        let passed = match entered {
            Ok(()) => tokio::time::timeout(within, answer)
                .await
                .map_err(|_| Turned::TooLate)
                .and_then(|answer| answer.unwrap_or(Err(Turned::Full))),
            Err(turned) => Err(turned),
        };
        metrics::yclients_waited(urgency.name(), passed.as_ref().err().map(name_of), began.elapsed());
        passed
    }

    /// YClients said 429: nobody asks before this is over. Without limits of our own (sandbox) only the caller waits.
    pub(super) fn hold(&self, pause: Duration) {
        let _ = self.words.try_send(Word::Hold(pause));
    }
}

fn name_of(turned: &Turned) -> &'static str {
    match turned {
        Turned::Full => "full",
        Turned::TooLate => "too_late",
        Turned::Broken { .. } => "broken",
    }
}

/// Owns the machine until the gate is dropped.
async fn keep(mut machine: Machine<oneshot::Sender<Result<Pass, Turned>>>, mut heard: mpsc::Receiver<Word>, words: mpsc::WeakSender<Word>) {
    loop {
        let wake = let_through(&mut machine, &words);
        metrics::yclients_waiting(machine.waiting());
        for base in Base::ALL {
            metrics::yclients_breaker(base.name(), machine.breaker(base).openness());
        }
        let word = match wake {
            Some(at) => tokio::time::timeout_at(at, heard.recv()).await,
            None => Ok(heard.recv().await),
        };
        match word {
            Ok(Some(word)) => hear(&mut machine, word),
            Ok(None) => return,
            Err(_due) => {}
        }
    }
}

fn hear(machine: &mut Machine<oneshot::Sender<Result<Pass, Turned>>>, word: Word) {
    let now = Instant::now();
    match word {
        Word::Enter(asked) => {
            if let Err((reply, turned)) = machine.enter(asked.base, asked.urgency, asked.salon, asked.reply, now) {
                let _ = reply.send(Err(turned));
            }
        }
        Word::Ended(ticket, outcome) => machine.ended(ticket, outcome, now),
        Word::Hold(pause) => machine.hold(now + pause),
    }
}

/// Lets everybody through who may go now; tells when to look again.
fn let_through(machine: &mut Machine<oneshot::Sender<Result<Pass, Turned>>>, words: &mpsc::WeakSender<Word>) -> Option<Instant> {
    loop {
        match machine.next(Instant::now(), |reply| !reply.is_closed()) {
            Next::Go { ticket, item } => {
                let words = words.upgrade()?;
                // When the caller is gone after all, dropping the pass gives the place back.
                let _ = item.send(Ok(Pass { ticket, outcome: Outcome::NotSent, words }));
            }
            Next::Refuse { item, turned } => {
                let _ = item.send(Err(turned));
            }
            Next::At(at) => return Some(at),
            Next::Idle => return None,
        }
    }
}

#[cfg(test)]
mod tests;
