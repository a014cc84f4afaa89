//! Facts that observers may see: metrics, logs. No secrets, phones or message text by construction; ids only for log lines, never for labels.

use std::time::Duration;

use crate::ids::{CompanyId, Generation, SalonId};
use crate::ports::{LinkEnd, PasskeyFailure};
use crate::reconcile::{ReconcileResult, Remedy};
use crate::records::DeadReason;
use crate::view::{LimitKind, LinkNumbers, SessionState, StateReason};

/// What happened, in the past tense.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A session moved. `from` is `None` when a company's actor starts.
    SessionMoved {
        /// Whose.
        company: CompanyId,
        /// YClients' salon.
        salon: SalonId,
        /// Before.
        from: Option<SessionState>,
        /// After.
        to: SessionState,
        /// Why.
        reason: Option<StateReason>,
    },
    /// A session was known to be deaf for this long, until its next link.
    WasDeaf {
        /// Whose.
        company: CompanyId,
        /// From the finding to the next dial.
        lasted: Duration,
    },
    /// A session that was lost is online again by itself.
    CameBack {
        /// Whose.
        company: CompanyId,
        /// From the loss.
        after: Duration,
    },
    /// A company's actor ended: its session no longer counts in its last state.
    SessionForgotten {
        /// Whose.
        company: CompanyId,
        /// Last state.
        last: SessionState,
    },
    /// A link was begun, after waiting this long for a dial permit.
    LinkDialled {
        /// Whose.
        company: CompanyId,
        /// Which link.
        generation: Generation,
        /// Wait for the permit.
        waited: Duration,
    },
    /// A link ended.
    LinkEnded {
        /// Whose.
        company: CompanyId,
        /// Which link.
        generation: Generation,
        /// Why.
        end: LinkEnd,
    },
    /// WhatsApp began or ceased to limit the account in this way.
    SessionLimited {
        /// Whose.
        company: CompanyId,
        /// In which way.
        kind: LimitKind,
        /// Began?
        limited: bool,
    },
    /// What the protocol client of a link counted since the last sample.
    LinkMeasured {
        /// Whose.
        company: CompanyId,
        /// What came on top.
        numbers: LinkNumbers,
    },
    /// The passkey step of a link moved on.
    PasskeyMoved {
        /// Whose.
        company: CompanyId,
        /// To what.
        step: PasskeyStep,
    },
    /// WhatsApp refused a link after the phone's consent.
    PairingRefused {
        /// Whose.
        company: CompanyId,
    },
    /// A pairing code that somebody asked for did not come.
    PairingCodeFailed {
        /// Whose.
        company: CompanyId,
        /// Asked for too often.
        throttled: bool,
    },
    /// An owner's step through the onboarding, counted once per registration.
    FunnelStep {
        /// Whose.
        company: CompanyId,
        /// Which step.
        step: FunnelStep,
    },
    /// The first QR code of a session start was shown, this long after it was asked for.
    FirstQr {
        /// Whose.
        company: CompanyId,
        /// From the wish to the code.
        after: Duration,
    },
    /// The phone accepted and the session came online this long after.
    PairedToOnline {
        /// Whose.
        company: CompanyId,
        /// From `Paired` to `Online`.
        after: Duration,
    },
    /// One activation call ended.
    ActivationCalled {
        /// Whose.
        company: CompanyId,
        /// With what.
        result: ActivationResult,
        /// How long the call took.
        took: Duration,
    },
    /// An activation ended.
    ActivationEnded {
        /// Whose.
        company: CompanyId,
        /// With success?
        active: bool,
    },
    /// A company's session actor crashed and was started again.
    SessionRestarted {
        /// Whose.
        company: CompanyId,
    },
    /// A company's actor crashed and was started again.
    CompanyRestarted {
        /// Whose.
        company: CompanyId,
    },
    /// Restarts were used up: parked until an operator acts. An alert.
    Parked {
        /// Whose.
        company: CompanyId,
    },
    /// A webhook was acted on.
    WebhookHandled {
        /// Whose.
        company: CompanyId,
        /// Did it work?
        ok: bool,
    },
    /// A data event was acted on.
    DataHandled {
        /// Whose.
        company: CompanyId,
        /// What it was about: of a closed set.
        resource: &'static str,
        /// From its arrival.
        waited: Duration,
    },
    /// A webhook was given up.
    WebhookDead {
        /// Whose.
        company: CompanyId,
        /// Why.
        reason: DeadReason,
    },
    /// Our installations were compared with YClients'.
    Reconciled {
        /// How far it came.
        result: ReconcileResult,
        /// Over everybody, or only a few?
        everybody: bool,
    },
    /// YClients and we differ about an installation.
    InstallationDiffers {
        /// What the rule says.
        remedy: Remedy,
        /// Was it done?
        done: bool,
    },
    /// A commit failed in an actor's hands.
    CommitFailed {
        /// Whose.
        company: CompanyId,
    },
}

/// Steps of the onboarding funnel, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FunnelStep {
    Redirected,
    PageOpened,
    QrShown,
    Paired,
    Online,
    Active,
}

/// Steps of linking with a passkey that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PasskeyStep {
    /// WhatsApp wants one.
    Requested,
    /// What the passkey answered was handed in.
    Answered,
    /// The owner said that the codes are the same.
    Confirmed,
    /// Nothing came of it.
    Failed(PasskeyFailure),
}

/// Outcome of one activation call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ActivationResult {
    Success,
    AlreadyActive,
    StatusAsked,
    Retry,
    Refused,
}
