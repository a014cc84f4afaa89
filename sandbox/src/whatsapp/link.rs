//! One client's connection, from handshake to end. A task per connection; others reach it by [`LinkRef`].
//!
//! ```text
//! handshake ─┬─ unpaired ── pair-device … pair-success ── 515 ──┐
//!            ├─ logged in ── success, queries, messages ────────┼─ ending
//!            └─ refused ─── failure ────────────────────────────┘
//! ```

mod code;
mod ending;
mod online;
mod passkey;
mod unpaired;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use wacore_binary::Node;

use super::noise::{Caller, Ciphers, Opening};
use super::phone::Phone;
use super::wire::{RawWire, Wire, WireError};
use super::world::{World, tick};
use code::HelloOrder;
use ending::{linger, stream_error};
use online::Admission;
use unpaired::{PairOrder, Unpaired};

pub(crate) use code::start_hello;
pub(crate) use ending::{Damage, Ending};
pub(crate) use unpaired::start_pairing;

/// Clients answer a hello within their own 20 s.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(20);
/// A client pings every 30 s; one that is silent for this long is gone.
const IDLE_LIMIT: Duration = Duration::from_secs(300);
/// Commands waiting for one link.
const COMMAND_ROOM: usize = 256;
/// A link that doesn't take a command for this long doesn't read; it is dropped.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);
/// Stanzas held back by the fault `slow`; more than this are lost.
const MAX_DELAYED: usize = 1024;

/// How others reach a live link.
#[derive(Clone)]
pub(crate) struct LinkRef {
    pub(crate) id: u64,
    commands: mpsc::Sender<Command>,
    kill: CancellationToken,
}

/// What a link can be told.
pub(crate) enum Command {
    /// Hand a stanza to the client.
    Deliver(Node),
    /// A phone scanned this link's QR code.
    Pair(PairOrder),
    /// A phone typed this link's pairing code.
    PrimaryHello(Box<HelloOrder>),
    /// Say a last word, then close.
    End(Ending),
    /// Keep the socket open and do nothing more.
    Freeze,
    /// Send something no client can read, and go on.
    Spoil(Damage),
    /// Say a stream error and go on as if nothing had been said.
    Complain(u16),
    /// The faults were cleared.
    Thaw,
}

impl LinkRef {
    /// Tells the link; one that takes nothing for seconds is dropped, as a peer that doesn't read.
    pub(crate) async fn tell(&self, command: Command) {
        let Ok(sent) = timeout(COMMAND_LIMIT, self.commands.send(command)).await else {
            self.kill.cancel();
            return;
        };
        // An error means the link has ended already; its stanzas stay kept for the next login.
        drop(sent);
    }
}

/// What goes on between two awaits of the link's loop.
type Step = Result<ControlFlow<()>, WireError>;

enum Phase {
    Unpaired(Box<Unpaired>),
    Online { phone: Arc<Phone>, device: u16 },
}

struct Link {
    world: Arc<World>,
    wire: Wire,
    commands: mpsc::Receiver<Command>,
    me: LinkRef,
    /// Number of the device's account, for faults; `None` while unpaired.
    number: Option<String>,
    phase: Phase,
    delayed: VecDeque<(Instant, Node)>,
    idle_at: Instant,
    /// When another client of the same device takes over, by a fault.
    replaced_at: Option<Instant>,
    next_iq: u32,
}

/// Serves one client until it or the service ends the connection.
pub(crate) async fn serve(world: Arc<World>, socket: WebSocket) {
    let stop = world.stop.clone();
    let served = async {
        let mut raw = RawWire::new(socket);
        let opened = timeout(HANDSHAKE_LIMIT, handshake(&world, &mut raw)).await;
        match opened {
            Ok(Ok(Some((caller, ciphers)))) => enter(world, raw.secured(ciphers), caller).await,
            Ok(Ok(None)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(WireError::Stalled),
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        ended = served => match ended {
            Ok(()) | Err(WireError::Closed) => {}
            Err(error) => tracing::debug!(error = %error, "whatsapp link ended"),
        },
    }
}

/// The Noise handshake; `None` when a fault ended it.
async fn handshake(world: &World, raw: &mut RawWire) -> Result<Option<(Caller, Ciphers)>, WireError> {
    let first = raw.read().await?;
    if world.faults.closes_handshake(None) {
        return Ok(None);
    }
    let opening = if world.faults.spoils_certificate(None) { world.identity.open_spoilt(&first)? } else { world.identity.open(&first)? };
    let (caller, ciphers) = match opening {
        Opening::Resumed { hello, caller, ciphers } => {
            if world.faults.spoils_certificate(number_of(&caller).as_deref())
                && let Opening::Full { hello, .. } = world.identity.open_spoilt(&first)?
            {
                raw.write(&hello).await?;
                // Clients give up here; one that goes on isn't worth serving.
                drop(raw.read().await);
                return Ok(None);
            }
            if is_turned_away(world, &caller) {
                return Ok(None);
            }
            raw.write(&hello).await?;
            (caller, ciphers)
        }
        Opening::Full { hello, pending } => {
            raw.write(&hello).await?;
            let last = raw.read().await?;
            let (caller, ciphers) = pending.finish(&last)?;
            if is_turned_away(world, &caller) {
                return Ok(None);
            }
            (caller, ciphers)
        }
    };
    Ok(Some((caller, ciphers)))
}

fn number_of(caller: &Caller) -> Option<String> {
    caller.payload.username.map(|number| number.to_string())
}

fn is_turned_away(world: &World, caller: &Caller) -> bool {
    let number = number_of(caller);
    number.is_some() && (world.faults.closes_handshake(number.as_deref()) || world.faults.refuses(number.as_deref()))
}

/// Decides what the caller is, and serves it.
async fn enter(world: Arc<World>, mut wire: Wire, caller: Caller) -> Result<(), WireError> {
    let (sender, commands) = mpsc::channel(COMMAND_ROOM);
    let me = LinkRef { id: world.next_link_id(), commands: sender, kill: CancellationToken::new() };
    let admission = match online::admit(&world, &me, &caller) {
        Ok(admission) => admission,
        Err(refusal) => {
            tick(&world.count.refused);
            wire.write(&refusal.stanza()).await?;
            linger(&mut wire).await;
            return Ok(());
        }
    };
    let (phase, number) = match admission {
        Admission::Unpaired(registration) => (Phase::Unpaired(Box::new(Unpaired::new(registration))), None),
        Admission::Login { phone, device, replaced } => {
            if let Some(old) = replaced {
                tick(&world.count.replaced);
                old.tell(Command::End(Ending::Replaced)).await;
            }
            let number = phone.number.clone();
            (Phase::Online { phone, device }, Some(number))
        }
    };
    world.register(&me, number.clone());
    let now = Instant::now();
    let replaced_at = number.as_deref().and_then(|number| world.faults.rival(number)).map(|pause| now + pause);
    let idle_at = now + IDLE_LIMIT;
    let mut link = Link { wire, commands, me, number, phase, delayed: VecDeque::new(), idle_at, replaced_at, next_iq: 1, world };
    link.run().await
}

impl Link {
    async fn run(&mut self) -> Result<(), WireError> {
        self.greet().await?;
        loop {
            let wake = self.next_wake();
            let step = tokio::select! {
                () = self.me.kill.cancelled() => return Ok(()),
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await?,
                    None => return Ok(()),
                },
                () = tokio::time::sleep_until(wake) => self.on_time().await?,
                node = self.wire.read() => self.on_node(node?).await?,
            };
            if step.is_break() {
                return Ok(());
            }
        }
    }

    async fn greet(&mut self) -> Result<(), WireError> {
        match &self.phase {
            Phase::Unpaired(_) => self.offer_pairing().await,
            Phase::Online { .. } => self.welcome().await,
        }
    }

    fn next_wake(&self) -> Instant {
        let delayed = self.delayed.front().map(|(due, _)| *due);
        let restart = match &self.phase {
            Phase::Unpaired(unpaired) => unpaired.restart_at,
            Phase::Online { .. } => None,
        };
        [delayed, restart, self.replaced_at].into_iter().flatten().fold(self.idle_at, Instant::min)
    }

    async fn on_time(&mut self) -> Step {
        let now = Instant::now();
        while self.delayed.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, node)) = self.delayed.pop_front() {
                self.wire.write(&node).await?;
            }
        }
        if let Phase::Unpaired(unpaired) = &self.phase
            && unpaired.restart_at.is_some_and(|due| due <= now)
        {
            return self.end(Ending::StreamError(515)).await;
        }
        if self.replaced_at.is_some_and(|due| due <= now) {
            tick(&self.world.count.replaced);
            return self.end(Ending::Replaced).await;
        }
        if self.idle_at <= now {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn on_node(&mut self, node: Node) -> Step {
        self.idle_at = Instant::now() + IDLE_LIMIT;
        if node.tag == "xmlstreamend" {
            return Ok(ControlFlow::Break(()));
        }
        match &self.phase {
            Phase::Unpaired(_) => self.on_unpaired(&node).await,
            Phase::Online { phone, device } => {
                let (phone, device) = (phone.clone(), *device);
                self.on_online(&phone, device, &node).await
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Step {
        match command {
            Command::Deliver(node) => self.send(node).await?,
            Command::Pair(order) => self.pair(order).await?,
            Command::PrimaryHello(order) => self.primary_hello(*order).await?,
            Command::Spoil(damage) => return self.spoil(damage).await,
            Command::Complain(code) => self.send(stream_error(code)).await?,
            Command::Thaw => {}
            Command::End(ending) => return self.end(ending).await,
            Command::Freeze => {
                self.stay_frozen().await;
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Sends a stanza, unless a fault holds it back or swallows it.
    async fn send(&mut self, node: Node) -> Result<(), WireError> {
        let number = self.number.as_deref();
        if self.world.faults.is_silent(number) {
            return Ok(());
        }
        let delay = self.world.faults.delay(number).unwrap_or_default();
        if delay.is_zero() && self.delayed.is_empty() {
            return self.wire.write(&node).await;
        }
        if self.delayed.len() < MAX_DELAYED {
            self.send_later(node, delay);
        }
        Ok(())
    }

    /// Sends a stanza after a pause; what is sent meanwhile waits behind it.
    fn send_later(&mut self, node: Node, pause: Duration) {
        let due = Instant::now() + pause;
        let due = self.delayed.back().map_or(due, |(last, _)| due.max(*last));
        self.delayed.push_back((due, node));
    }

    fn iq_id(&mut self) -> String {
        let id = format!("s.{}-{}", self.me.id, self.next_iq);
        self.next_iq += 1;
        id
    }
}

/// A link that ends leaves nothing behind, however it ends.
impl Drop for Link {
    fn drop(&mut self) {
        self.world.deregister(self.me.id);
        if let Phase::Online { phone, device } = &self.phase {
            let mut state = phone.state();
            if let Some(companion) = state.companions.get_mut(device)
                && companion.link.as_ref().is_some_and(|link| link.id == self.me.id)
            {
                companion.link = None;
                companion.receiving = false;
            }
        }
    }
}
