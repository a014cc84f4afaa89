//! The machine's words: what it is told, what it answers.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::events::PasskeyStep;
use crate::ids::{Generation, Phone};
use crate::ports::{LinkCommand, LinkEnd, LinkFact, PasskeyAssertion};
use crate::records::SessionRecord;
use crate::view::{LinkNumbers, SessionView, StateReason};

/// When a step happens: the wall clock, and a random number in `[0, 1)` for jitter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Wall clock.
    pub now: DateTime<Utc>,
    /// Uniform in `[0, 1)`.
    pub dice: f64,
}

/// What people and the company want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Show QR codes; a new round when the last one ran out.
    ShowQr,
    /// Get a pairing code for this phone.
    PairingCode(Phone),
    /// Back from the pairing code or the passkey step to QR.
    CancelPairing,
    /// Hand in what the owner's passkey answered.
    PasskeyResponse(PasskeyAssertion),
    /// Page and phone show the same code.
    PasskeyConfirm,
    /// Does anybody look at the page?
    Viewers(bool),
    /// Take the link back.
    Reconnect,
    /// An operator's wish: close the link in good order and open another.
    Restart,
    /// A fresh registration: forget rounds and reasons, resume what is linked.
    Renew,
    /// Close the link and stay closed; credentials are kept.
    Stop(StateReason),
    /// Remove this device at WhatsApp and forget the credentials.
    LogOut,
    /// The process ends: close the link, change nothing that is stored.
    Drain,
}

/// Everything that can happen to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// First input ever.
    Begin,
    /// Somebody wants something.
    Wish(Wish),
    /// The fleet grants the dial asked for.
    DialGranted,
    /// A link said something.
    Fact(Generation, LinkFact),
    /// A link ended.
    Ended(Generation, LinkEnd),
    /// A timer ran out.
    Due(Timer),
}

/// Kinds of timers; at most one of each is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TimerKind {
    /// The link must show a code or come online.
    Connect,
    /// The wait after a loss is over.
    Backoff,
    /// Online long enough to start the backoff anew.
    Stable,
    /// Probe the link.
    Probe,
    /// The probe's answer is overdue.
    Answer,
    /// The pairing code expired.
    CodeOver,
    /// Nobody has looked for long enough.
    Linger,
    /// The link did not close in good order.
    Close,
    /// `Replaced`: try once.
    ReplacedProbe,
    /// The ban is over.
    BanOver,
    /// WhatsApp's lock on first messages should be over.
    Unlock,
    /// `Outdated`: try with the version of that day.
    RetryOutdated,
    /// The loss of an online link is news for people now.
    Calm,
}

/// One armed timer. A timer whose number is not the armed one is late and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timer {
    /// What for.
    pub kind: TimerKind,
    /// Which arming.
    pub number: u64,
}

/// What the shell must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Store durably; what follows waits for it.
    Persist(SessionRecord),
    /// Erase credentials and store this record instead, in one commit; what follows waits for it.
    EraseCredentials(Option<SessionRecord>),
    /// Show the new picture.
    Publish(Box<Snapshot>),
    /// Ask the fleet for a permit to dial.
    RequestDial,
    /// Start this link.
    OpenLink(Generation),
    /// Tell the link something.
    Command(LinkCommand),
    /// Cut the link off now.
    DropLink,
    /// Arm a timer; replaces an armed one of the same kind.
    SetTimer(Timer, Duration),
    /// Disarm a timer.
    ClearTimer(TimerKind),
    /// Something worth a fact or a line in the timeline.
    Note(Note),
}

/// Things that happened, for metrics and the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    /// A link ended.
    LinkEnded(Generation, LinkEnd),
    /// The first code of a round was shown.
    RoundShown,
    /// The first code since somebody asked, after this long.
    FirstQr(Duration),
    /// A pairing code was shown.
    PairingCodeShown,
    /// The wish for a pairing code failed.
    PairingCodeFailed {
        /// WhatsApp says "too often".
        throttled: bool,
    },
    /// The phone scanned and WhatsApp refused.
    PairingRefused,
    /// The passkey step moved on.
    Passkey(PasskeyStep),
    /// The client's numbers since the last sample.
    Measured(LinkNumbers),
    /// The phone accepted.
    Paired,
    /// Online after a pairing, this long after it.
    PairedToOnline(Duration),
}

/// What the company gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The public part.
    pub view: SessionView,
    /// Credentials exist.
    pub linked: bool,
    /// No link is open or closing.
    pub link_gone: bool,
}
