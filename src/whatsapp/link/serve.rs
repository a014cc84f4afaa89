//! A link while it runs: the library's words become facts, commands become calls, until one of them ends it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::ids::{OwnIdentity, Phone, Secret};
use frontdesk_actors::ports::{LinkCommand, LinkEnd, LinkFact, LinkReports, LossKind, PasskeyAssertion, PasskeyFailure};
use frontdesk_actors::view::{LinkNumbers, Timelock};
use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use wacore::store::error::StoreError;
use wacore::store::traits::DeviceStore;
use whatsapp_rust::{Client, Jid};

use super::super::Shared;
use super::super::backend::Backend;
use super::super::limits::Limit;
use super::super::translate::{self, Ending, Heard};
use super::account;
use super::doubt::{Doubts, LOOK_EVERY, Look};
use super::failed_dial::tell_failed_dial;
use super::farewell;
use super::held::Held;
use super::pairing::{self, Answer, Pairing};
use super::passkey::{self, Passkey};

/// Longer than the library takes to connect or to fail.
const CONNECT_LIMIT: Duration = Duration::from_secs(120);

type Flow = ControlFlow<LinkEnd>;

/// What work beside the loop came to.
enum Done {
    Probe {
        answered: bool,
    },
    Code(Answer),
    /// A step with the passkey.
    Passkey(Result<(), PasskeyFailure>),
    /// What WhatsApp tells of the account's limits.
    Limits(Vec<Limit>),
    Measured(LinkNumbers),
}

/// A running link.
struct Serving {
    client: Arc<Client>,
    backend: Arc<Backend>,
    reports: LinkReports,
    jobs: JoinSet<Done>,
    probe_timeout: Duration,
    doubts: Doubts,
    online: bool,
    /// QR codes shown on this link.
    attempt: u32,
    /// Turns true with the first QR code.
    offered: watch::Sender<bool>,
    pairing: Pairing,
    passkey: Passkey,
    probing: bool,
    /// A question about limits is under way.
    asking: bool,
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
    let mut serving = Serving::new(shared, held, reports);
    let end = until_end(&mut serving, shared, held, &mut commands, &mut words, flooded, early).await;
    // The last sample, so that no number is lost with the link.
    serving.reports.report(LinkFact::Measured(account::counted(&serving.client)));
    end
}

async fn until_end(
    serving: &mut Serving,
    shared: &Shared,
    held: &mut Held,
    commands: &mut mpsc::Receiver<LinkCommand>,
    words: &mut mpsc::Receiver<Heard>,
    flooded: CancellationToken,
    early: Option<LinkCommand>,
) -> LinkEnd {
    if let Some(wish) = early
        && let ControlFlow::Break(end) = serving.obey(wish).await
    {
        return end;
    }
    let client = held.client();
    let mut ready = std::pin::pin!(client.wait_for_socket(CONNECT_LIMIT).fuse());
    let mut broken = held.backend().broken();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
            _ = looks.tick(), if serving.online => serving.look(),
            outcome = held.ended() => {
                let connected = (&mut ready).now_or_never().is_some_and(|connected| connected.is_ok());
                serving.connected |= connected;
                ControlFlow::Break(serving.ended(shared, held, outcome, words).await)
            }
        };
        if let ControlFlow::Break(end) = flow {
            return end;
        }
    }
}

impl Serving {
    fn new(shared: &Shared, held: &Held, reports: LinkReports) -> Self {
        Self {
            client: held.client(),
            backend: Arc::clone(held.backend()),
            reports,
            jobs: JoinSet::new(),
            probe_timeout: shared.probe_timeout,
            doubts: Doubts::default(),
            online: false,
            attempt: 0,
            offered: watch::Sender::new(false),
            pairing: Pairing::default(),
            passkey: Passkey::default(),
            probing: false,
            asking: false,
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
                self.passkey.codes_shown();
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
            Heard::PasskeyRequested(options) => self.passkey_requested(options),
            Heard::PasskeyCode { code, agreed: false } => self.say(LinkFact::PasskeyCode(code)),
            Heard::PasskeyCode { code: _, agreed: true } => self.confirm_passkey(),
            Heard::PasskeyBroken => self.passkey_failed(PasskeyFailure::Broken),
            Heard::Limit(limit) => self.say(fact_of(limit)),
            Heard::FirstMessageRefused => self.first_message_refused(),
            Heard::Connected => self.online(),
            Heard::Complaint => {
                self.complaint = true;
                ControlFlow::Continue(())
            }
            Heard::Unreadable if self.doubts.unreadable(Instant::now()) => self.say(LinkFact::Doubtful),
            Heard::Unreadable => ControlFlow::Continue(()),
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
            LinkCommand::PasskeyResponse(assertion) => self.answer_passkey(assertion),
            LinkCommand::PasskeyConfirm => self.confirm_passkey(),
            LinkCommand::Probe => {
                if !self.probing {
                    self.probing = true;
                    let probe = account::probe(Arc::clone(&self.client), self.probe_timeout);
                    self.jobs.spawn(probe.map(|answered| Done::Probe { answered }));
                }
                ControlFlow::Continue(())
            }
            LinkCommand::Close => ControlFlow::Break(LinkEnd::Closed),
            LinkCommand::LogOut => {
                farewell::log_out(&self.client).await;
                ControlFlow::Break(LinkEnd::LoggedOut)
            }
        }
    }

    fn done(&mut self, done: Result<Done, JoinError>) -> Flow {
        match done {
            Ok(Done::Probe { answered }) => {
                self.probing = false;
                if answered {
                    self.ask_for_limits();
                }
                self.jobs.spawn(account::measure(Arc::clone(&self.client)).map(Done::Measured));
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
            Ok(Done::Passkey(Ok(()))) => ControlFlow::Continue(()),
            Ok(Done::Passkey(Err(failure))) => self.passkey_failed(failure),
            Ok(Done::Limits(limits)) => {
                self.asking = false;
                limits.into_iter().for_each(|limit| self.reports.report(fact_of(limit)));
                ControlFlow::Continue(())
            }
            Ok(Done::Measured(numbers)) => self.say(LinkFact::Measured(numbers)),
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

    fn passkey_requested(&mut self, options: Secret) -> Flow {
        let valid_for = self.passkey.requested(self.pairing.is_out());
        self.say(LinkFact::PasskeyRequested { options, valid_for })
    }

    /// Nobody sends another one until WhatsApp has said more.
    fn first_message_refused(&mut self) -> Flow {
        self.ask_for_limits();
        self.say(LinkFact::Timelock(Some(Timelock { ends_at: None })))
    }

    fn answer_passkey(&mut self, assertion: PasskeyAssertion) -> Flow {
        self.jobs.spawn(passkey::answer(Arc::clone(&self.client), assertion).map(Done::Passkey));
        ControlFlow::Continue(())
    }

    fn confirm_passkey(&mut self) -> Flow {
        self.jobs.spawn(passkey::confirm(Arc::clone(&self.client)).map(Done::Passkey));
        ControlFlow::Continue(())
    }

    fn passkey_failed(&mut self, failure: PasskeyFailure) -> Flow {
        self.passkey.over();
        self.reports.report(LinkFact::PasskeyFailed(failure));
        self.unless_dead_end()
    }

    fn ask_for_limits(&mut self) {
        if !std::mem::replace(&mut self.asking, true) {
            self.jobs.spawn(account::limits(Arc::clone(&self.client)).map(Done::Limits));
        }
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
        if self.pairing.is_dead_end() && !self.paired && !self.passkey.is_under_way() {
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

    /// Looks whether the connection is what the library says it is.
    fn look(&mut self) -> Flow {
        let stats = self.client.stats();
        let look = Look { logged_in: self.client.is_logged_in(), bytes: stats.bytes_received, frames: stats.frames_received };
        if self.doubts.look(look) { self.say(LinkFact::Doubtful) } else { ControlFlow::Continue(()) }
    }

    fn online(&mut self) -> Flow {
        self.online = true;
        let (number, lid): (Option<Jid>, Option<Jid>) = (self.client.pn(), self.client.lid());
        match translate::identity(number.as_ref(), lid.as_ref()) {
            Some(identity) => {
                self.ask_for_limits();
                self.say(LinkFact::Online(identity))
            }
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

fn fact_of(limit: Limit) -> LinkFact {
    match limit {
        Limit::Timelock(lock) => LinkFact::Timelock(lock),
        Limit::NewChatCap(cap) => LinkFact::NewChatCap(cap),
    }
}

async fn broke(broken: &mut watch::Receiver<bool>) {
    // An error means that the backend is gone, and this link holds it.
    let _ = broken.wait_for(|broken| *broken).await;
}
