//! A link while it runs: the library's words become facts, commands become calls, until one of them ends it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use frontdesk_actors::ids::{OwnIdentity, Phone};
use frontdesk_actors::ports::{LinkCommand, LinkEnd, LinkFact, LinkReports, LossKind};
use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use wacore::iq::keepalive::KeepaliveSpec;
use wacore::store::error::StoreError;
use wacore::store::traits::DeviceStore;
use whatsapp_rust::request::IqError;
use whatsapp_rust::{Client, Jid};

use super::super::Shared;
use super::super::backend::Backend;
use super::super::egress::{Line, Progress};
use super::super::translate::{self, Ending, Heard};
use super::held::Held;
use super::pairing::{self, Answer, Pairing};

/// WhatsApp has this long to answer our probe (tests wait less)…
const PROBE_LIMIT: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 20 });

/// …and the probe as a whole a little more: a stuck connection already blocks the sending.
const PROBE_HARD_LIMIT: Duration = Duration::from_secs(25);

/// Logging out waits this long for a login in progress, because only a logged-in device can remove itself…
const LOGIN_LIMIT: Duration = Duration::from_secs(10);

/// …and this long in all; then the phone may still list the device, but nobody holds its keys any more.
const LOG_OUT_LIMIT: Duration = Duration::from_secs(25);

/// Longer than the library takes to connect or to fail.
const CONNECT_LIMIT: Duration = Duration::from_secs(120);

type Flow = ControlFlow<LinkEnd>;

/// What work beside the loop came to.
enum Done {
    Probe { answered: bool },
    Code(Answer),
}

/// A running link.
struct Serving {
    client: Arc<Client>,
    backend: Arc<Backend>,
    reports: LinkReports,
    jobs: JoinSet<Done>,
    /// QR codes shown on this link.
    attempt: u32,
    /// Turns true with the first QR code.
    offered: watch::Sender<bool>,
    pairing: Pairing,
    probing: bool,
    paired: bool,
    connected: bool,
    complaint: bool,
    disconnected: bool,
}

/// Serves until the link has ended, and says why. The connection may still be open then.
pub(super) async fn serve(
    shared: &Shared,
    held: &mut Held,
    reports: LinkReports,
    mut commands: mpsc::Receiver<LinkCommand>,
    mut words: mpsc::Receiver<Heard>,
    flooded: CancellationToken,
    early: Option<LinkCommand>,
) -> LinkEnd {
    let mut serving = Serving::new(held, reports);
    if let Some(wish) = early
        && let ControlFlow::Break(end) = serving.obey(wish).await
    {
        return end;
    }
    let client = held.client();
    let mut ready = std::pin::pin!(client.wait_for_socket(CONNECT_LIMIT).fuse());
    let mut broken = held.backend().broken();
    loop {
        let flow = tokio::select! {
            biased;
            Some(heard) = words.recv() => serving.hear(heard).await,
            () = broke(&mut broken) => ControlFlow::Break(LinkEnd::StorageFailed),
            () = flooded.cancelled() => ControlFlow::Break(LinkEnd::Lost(LossKind::Service)),
            connected = &mut ready, if !serving.connected => serving.connected(connected.is_ok()),
            command = commands.recv() => serving.obey(command.unwrap_or(LinkCommand::Close)).await,
            Some(done) = serving.jobs.join_next() => serving.done(done),
            () = serving.pairing.expired() => serving.code_gone(),
            outcome = held.ended() => {
                let connected = (&mut ready).now_or_never().is_some_and(|connected| connected.is_ok());
                serving.connected |= connected;
                ControlFlow::Break(serving.ended(shared, held, outcome, &mut words).await)
            }
        };
        if let ControlFlow::Break(end) = flow {
            return end;
        }
    }
}

impl Serving {
    fn new(held: &Held, reports: LinkReports) -> Self {
        Self {
            client: held.client(),
            backend: Arc::clone(held.backend()),
            reports,
            jobs: JoinSet::new(),
            attempt: 0,
            offered: watch::Sender::new(false),
            pairing: Pairing::default(),
            probing: false,
            paired: false,
            connected: false,
            complaint: false,
            disconnected: false,
        }
    }

    fn say(&self, fact: LinkFact) -> Flow {
        self.reports.report(fact);
        ControlFlow::Continue(())
    }

    fn connected(&mut self, connected: bool) -> Flow {
        self.connected |= connected;
        ControlFlow::Continue(())
    }

    async fn hear(&mut self, heard: Heard) -> Flow {
        self.connected = true;
        match heard {
            Heard::Qr { text, valid_for } => {
                self.attempt += 1;
                self.offered.send_replace(true);
                self.say(LinkFact::Qr { text, valid_for, attempt: self.attempt })
            }
            Heard::QrUsedUp => {
                self.pairing.qr_used_up();
                self.unless_dead_end()
            }
            Heard::CodeVoid { ask_again } => match self.pairing.renewal().filter(|_| ask_again) {
                Some(phone) => self.ask_for_code(phone),
                None => self.code_failed(false),
            },
            Heard::CodeFailed { throttled } => self.code_failed(throttled),
            Heard::Paired(identity) => self.pair(identity).await,
            Heard::PairingRefused => self.say(LinkFact::PairingRefused),
            Heard::PasskeyNeeded => self.say(LinkFact::PasskeyNeeded),
            Heard::Connected => self.online(),
            Heard::Complaint => {
                self.complaint = true;
                ControlFlow::Continue(())
            }
            // The run loop returns right after this word, and then all is known.
            Heard::End(LinkEnd::Lost(LossKind::Disconnected)) => {
                self.disconnected = true;
                ControlFlow::Continue(())
            }
            Heard::End(end) => ControlFlow::Break(end),
        }
    }

    async fn obey(&mut self, command: LinkCommand) -> Flow {
        match command {
            LinkCommand::RequestPairingCode(phone) => self.ask_for_code(phone),
            LinkCommand::CancelPairing => {
                self.pairing.forget();
                self.client.cancel_pair_code().await;
                self.unless_dead_end()
            }
            LinkCommand::Probe => {
                if !self.probing {
                    self.probing = true;
                    self.jobs.spawn(probe(Arc::clone(&self.client)));
                }
                ControlFlow::Continue(())
            }
            LinkCommand::Close => ControlFlow::Break(LinkEnd::Closed),
            LinkCommand::LogOut => {
                if timeout(LOG_OUT_LIMIT, log_out(&self.client)).await.is_err() {
                    tracing::warn!("WhatsApp did not confirm the log-out in time; the phone may still list the device");
                }
                ControlFlow::Break(LinkEnd::LoggedOut)
            }
        }
    }

    fn done(&mut self, done: Result<Done, JoinError>) -> Flow {
        match done {
            Ok(Done::Probe { answered }) => {
                self.probing = false;
                self.say(if answered { LinkFact::ProbeAnswered } else { LinkFact::ProbeUnanswered })
            }
            Ok(Done::Code(Answer::Code { code, phone, until })) => {
                self.pairing.shown(until);
                let valid_for = until.saturating_duration_since(Instant::now());
                self.say(LinkFact::PairingCode { code, phone, valid_for })
            }
            Ok(Done::Code(Answer::Failed)) => self.code_failed(false),
            // Said by `Heard::CodeFailed`; also a replaced request ends here.
            Ok(Done::Code(Answer::Told)) => ControlFlow::Continue(()),
            Err(error) if error.is_panic() => ControlFlow::Break(LinkEnd::Crashed),
            Err(_) => ControlFlow::Continue(()),
        }
    }

    fn ask_for_code(&mut self, phone: Phone) -> Flow {
        if self.paired || self.client.is_logged_in() {
            return self.say(LinkFact::PairingCodeFailed { throttled: false });
        }
        let asking = pairing::ask(Arc::clone(&self.client), phone.clone(), self.offered.subscribe());
        let request = self.jobs.spawn(asking.map(Done::Code));
        self.pairing.asked(phone, request);
        ControlFlow::Continue(())
    }

    fn code_failed(&mut self, throttled: bool) -> Flow {
        self.reports.report(LinkFact::PairingCodeFailed { throttled });
        self.code_gone()
    }

    fn code_gone(&mut self) -> Flow {
        self.pairing.forget();
        self.unless_dead_end()
    }

    fn unless_dead_end(&self) -> Flow {
        if self.pairing.is_dead_end() && !self.paired {
            return ControlFlow::Break(LinkEnd::QrExhausted);
        }
        ControlFlow::Continue(())
    }

    /// The credentials are durable before anyone hears of them.
    async fn pair(&mut self, identity: Option<OwnIdentity>) -> Flow {
        let Some(identity) = identity else {
            tracing::error!("the linked account has no phone number that can be read; the phone should remove the device");
            self.reports.report(LinkFact::PairingRefused);
            return ControlFlow::Break(LinkEnd::LoggedOut);
        };
        if let Err(error) = self.store_device().await {
            tracing::error!(error = &error as &dyn std::error::Error, "the credentials could not be stored");
            return ControlFlow::Break(LinkEnd::StorageFailed);
        }
        self.paired = true;
        self.pairing.forget();
        self.say(LinkFact::Paired(identity))
    }

    async fn store_device(&self) -> Result<(), StoreError> {
        let persistence = self.client.persistence_manager();
        persistence.flush().await?;
        // `flush` does nothing while the library's own saver is at it; this waits for that and then compares.
        self.backend.save(&persistence.get_device_snapshot()).await
    }

    fn online(&self) -> Flow {
        let (number, lid): (Option<Jid>, Option<Jid>) = (self.client.pn(), self.client.lid());
        match translate::identity(number.as_ref(), lid.as_ref()) {
            Some(identity) => self.say(LinkFact::Online(identity)),
            None => ControlFlow::Break(LinkEnd::LoggedOut),
        }
    }

    /// The client has ended. Its last words come first.
    async fn ended(&mut self, shared: &Shared, held: &Held, outcome: Result<(), JoinError>, words: &mut mpsc::Receiver<Heard>) -> LinkEnd {
        while let Ok(heard) = words.try_recv() {
            if let ControlFlow::Break(end) = self.hear(heard).await {
                return end;
            }
        }
        let ending = Ending {
            panicked: outcome.is_err(),
            storage_failed: *held.backend().broken().borrow() || self.client.persistence_manager().is_saver_halted(),
            paired: self.paired,
            connected: self.connected,
            complaint: self.complaint,
            progress: held.line().progress(),
        };
        if !ending.connected {
            tell_failed_dial(shared, held.line());
        }
        translate::unspoken(ending, self.disconnected)
    }
}

async fn broke(broken: &mut watch::Receiver<bool>) {
    // An error means that the backend is gone, and this link holds it.
    let _ = broken.wait_for(|broken| *broken).await;
}

/// The library tells a failed dial only to its own log.
fn tell_failed_dial(shared: &Shared, line: &Line) {
    let proxy = line.tunnel_error().map(|error| error as &dyn std::error::Error);
    match line.progress() {
        Progress::NoWayOut => tracing::warn!(error = proxy, "no way out: the proxy of this company does not serve us"),
        Progress::Unconnected if proxy.is_some() => tracing::info!(error = proxy, "no connection to WhatsApp could be opened"),
        Progress::Unconnected => tracing::info!("no connection to WhatsApp could be opened"),
        Progress::Unanswered => tracing::info!("WhatsApp did not answer the handshake"),
        Progress::Answered { hung_up: true, .. } => tracing::info!("the connection to WhatsApp broke in the handshake"),
        Progress::Answered { .. } if shared.chain_refusal_told.swap(true, Ordering::Relaxed) => {}
        Progress::Answered { .. } => tracing::error!(
            "the handshake with WhatsApp failed: the service's certificate chain was refused. Either something between here and \
             WhatsApp answers in its place, or this is the simulated service and the build lacks the feature `sandbox`"
        ),
    }
}

async fn probe(client: Arc<Client>) -> Done {
    let asked = client.execute(KeepaliveSpec::with_timeout(PROBE_LIMIT));
    let answered = client.is_logged_in()
        && match timeout(PROBE_HARD_LIMIT, asked).await {
            Ok(Ok(())) => true,
            // An answer we did not expect is an answer.
            Ok(Err(error)) => {
                matches!(error, IqError::ServerError { .. } | IqError::UnexpectedResponseType { .. } | IqError::ParseError(_))
            }
            Err(_) => false,
        };
    Done::Probe { answered: answered && client.is_logged_in() }
}

async fn log_out(client: &Arc<Client>) {
    if client.pn().is_some() {
        // Best effort: without a login, the local end is all there is.
        let _ = client.wait_for_connected(LOGIN_LIMIT).await;
    }
    client.logout().await;
}
