//! What a stored webhook means for a company. Pure; the company's actor carries it out, in order, at least once.

use std::time::Duration;

use crate::ports::{Installation, MarketplaceError};
use crate::records::{DeadReason, InboxEvent, IntegrationStatus, LifecycleEvent};
use crate::restart::doubled;
use crate::view::StateReason;

/// How YClients ends an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Removed: nothing stays.
    Uninstalled,
    /// Unpaid: credentials stay.
    Frozen,
}

impl Ending {
    /// Why the session stops.
    pub(crate) fn reason(self) -> StateReason {
        match self {
            Self::Uninstalled => StateReason::Uninstalled,
            Self::Frozen => StateReason::Frozen,
        }
    }
}

/// Entries read from the store at once.
pub(crate) const BATCH: usize = 64;
/// Entries looked through for an ending while data rests, each time a webhook comes.
pub(crate) const LOOKED_THROUGH: usize = 256;

/// First wait before a webhook is tried again, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// An answer of YClients that contradicts the webhook is asked for again this often: its own two halves may need a moment to agree.
pub(crate) const QUESTIONS: u32 = 3;

/// What to do about one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Ask YClients whether it is so; then stop the session and its link, then commit all of it at once.
    End(Ending),
    /// Paid again: the session goes on.
    Resume,
    /// Nothing to change: tick it off.
    TickOff,
    /// An event we don't know: a line in the timeline, then tick it off.
    Remember,
    /// Hand it to whoever looks after the salon's data.
    Handle,
}

/// Decides by the company's state, so that a repeated event is harmless and a second uninstall after a reinstall works.
pub(crate) fn decide(event: &InboxEvent, status: IntegrationStatus) -> Deed {
    match (event, status) {
        (InboxEvent::Data(_), IntegrationStatus::Uninstalled) => Deed::TickOff,
        (InboxEvent::Data(_), _) => Deed::Handle,
        (InboxEvent::Legacy(_) | InboxEvent::Lifecycle(LifecycleEvent::Unknown(_)), _) => Deed::Remember,
        (InboxEvent::Lifecycle(LifecycleEvent::Uninstall | LifecycleEvent::Freeze), IntegrationStatus::Uninstalled)
        | (InboxEvent::Lifecycle(LifecycleEvent::Freeze), IntegrationStatus::Frozen) => Deed::TickOff,
        (InboxEvent::Lifecycle(LifecycleEvent::Unfreeze), IntegrationStatus::Frozen) => Deed::Resume,
        (InboxEvent::Lifecycle(LifecycleEvent::Unfreeze), _) => Deed::TickOff,
        (InboxEvent::Lifecycle(LifecycleEvent::Uninstall), _) => Deed::End(Ending::Uninstalled),
        (InboxEvent::Lifecycle(LifecycleEvent::Freeze), _) => Deed::End(Ending::Frozen),
    }
}

/// Which of those that wait comes first, by its place in the order in which they came: an ending overtakes data that came before it, which may take
/// its time or fail again and again while a salon that left is still online. Nothing else overtakes.
pub(crate) fn first<'a>(waiting: impl IntoIterator<Item = &'a InboxEvent>) -> usize {
    let after_data = waiting.into_iter().enumerate().find(|(_, event)| !matches!(event, InboxEvent::Data(_)));
    match after_data {
        Some((place, InboxEvent::Lifecycle(LifecycleEvent::Uninstall | LifecycleEvent::Freeze))) => place,
        Some((
            _,
            InboxEvent::Lifecycle(LifecycleEvent::Unfreeze | LifecycleEvent::Unknown(_)) | InboxEvent::Legacy(_) | InboxEvent::Data(_),
        ))
        | None => 0,
    }
}

/// What YClients' own status makes of a webhook that ends an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// It is so, or nobody can say that it is not.
    Act,
    /// The webhook is older than what is true now: a late or repeated one.
    Contradicted,
}

/// Weighs the answer. A webhook is authenticated, so only a clear word against it holds it up. A salon that is pending there after a new
/// registration here was removed before that registration.
pub(crate) fn confirm(ending: Ending, status: IntegrationStatus, answer: &Result<Installation, MarketplaceError>) -> Confirmation {
    let registered_again = match status {
        IntegrationStatus::Pending | IntegrationStatus::PendingWhatsapp => true,
        IntegrationStatus::Activating
        | IntegrationStatus::Active
        | IntegrationStatus::ActivationFailed
        | IntegrationStatus::Frozen
        | IntegrationStatus::Uninstalled => false,
    };
    match (answer, ending) {
        (Ok(Installation::Active), _) | (Ok(Installation::Frozen), Ending::Uninstalled) => Confirmation::Contradicted,
        (Ok(Installation::Pending), _) if registered_again => Confirmation::Contradicted,
        (Ok(Installation::Pending | Installation::NotInstalled | Installation::Unknown), _)
        | (Ok(Installation::Frozen), Ending::Frozen)
        | (Err(_), _) => Confirmation::Act,
    }
}

/// How a try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// May work later.
    Passing,
    /// Crashed; may work later.
    Crash,
    /// Will never work.
    Unreadable,
}

/// What becomes of a webhook whose try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Tried again after this.
    Again(Duration),
    /// To the dead letters.
    Dead(DeadReason),
}

/// Decides after a failed try; `before` is how many had failed before it.
pub(crate) fn fate(failure: Failure, before: u32, tries: u32) -> Fate {
    let last = before.saturating_add(1) >= tries;
    match failure {
        Failure::Unreadable => Fate::Dead(DeadReason::Unreadable),
        Failure::Passing if last => Fate::Dead(DeadReason::Failed),
        Failure::Crash if last => Fate::Dead(DeadReason::Crashed),
        Failure::Passing | Failure::Crash => Fate::Again(doubled(AGAIN.0, AGAIN.1, before)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{DataEvent, DataResource, DataStatus, Sameness};

    const UNINSTALL: InboxEvent = InboxEvent::Lifecycle(LifecycleEvent::Uninstall);
    const FREEZE: InboxEvent = InboxEvent::Lifecycle(LifecycleEvent::Freeze);
    const UNFREEZE: InboxEvent = InboxEvent::Lifecycle(LifecycleEvent::Unfreeze);

    #[test]
    fn an_uninstall_acts_in_every_state_but_its_own() {
        use IntegrationStatus::{Activating, ActivationFailed, Active, Frozen, Pending, PendingWhatsapp, Uninstalled};
        for status in [Pending, PendingWhatsapp, Activating, Active, ActivationFailed, Frozen] {
            assert_eq!(decide(&UNINSTALL, status), Deed::End(Ending::Uninstalled), "{status:?}");
        }
        assert_eq!(decide(&UNINSTALL, Uninstalled), Deed::TickOff);
    }

    #[test]
    fn a_freeze_of_a_frozen_or_removed_salon_changes_nothing() {
        assert_eq!(decide(&FREEZE, IntegrationStatus::Frozen), Deed::TickOff);
        assert_eq!(decide(&FREEZE, IntegrationStatus::Uninstalled), Deed::TickOff);
        assert_eq!(decide(&FREEZE, IntegrationStatus::Active), Deed::End(Ending::Frozen));
    }

    #[test]
    fn only_a_frozen_salon_is_unfrozen() {
        use IntegrationStatus::{Activating, ActivationFailed, Active, Frozen, Pending, PendingWhatsapp, Uninstalled};
        assert_eq!(decide(&UNFREEZE, Frozen), Deed::Resume);
        for status in [Pending, PendingWhatsapp, Activating, Active, ActivationFailed, Uninstalled] {
            assert_eq!(decide(&UNFREEZE, status), Deed::TickOff, "{status:?}");
        }
    }

    #[test]
    fn an_unknown_event_is_remembered_and_nothing_else() {
        for event in [InboxEvent::Lifecycle(LifecycleEvent::Unknown("payment".into())), InboxEvent::Legacy("booking_created".into())] {
            assert_eq!(decide(&event, IntegrationStatus::Active), Deed::Remember);
        }
    }

    fn data() -> InboxEvent {
        InboxEvent::Data(DataEvent {
            resource: DataResource::Record,
            resource_id: Some(1),
            status: DataStatus::Update,
            sameness: Sameness { key: String::new(), seconds: 0 },
            secret_mark: String::new(),
        })
    }

    #[test]
    fn an_ending_overtakes_data_and_nothing_else_overtakes_anything() {
        assert_eq!(first(&[data(), data(), UNINSTALL, FREEZE]), 2);
        assert_eq!(first(&[data(), FREEZE]), 1);
        assert_eq!(first(&[UNFREEZE, UNINSTALL]), 0);
        assert_eq!(first(&[data(), UNFREEZE, UNINSTALL]), 0, "what was paid between them counts");
        assert_eq!(first(&[data(), InboxEvent::Legacy("booking_created".into()), UNINSTALL]), 0);
        assert_eq!(first(&[data(), data()]), 0);
        assert_eq!(first(&[]), 0);
    }

    #[test]
    fn data_of_a_removed_salon_is_nobodys_business() {
        let event = data();
        assert_eq!(decide(&event, IntegrationStatus::Uninstalled), Deed::TickOff);
        assert_eq!(decide(&event, IntegrationStatus::Frozen), Deed::Handle);
    }

    #[test]
    fn only_a_clear_word_of_yclients_holds_an_ending_up() {
        use Confirmation::{Act, Contradicted};
        use IntegrationStatus::{Active, Pending};
        let unreachable = Err(MarketplaceError::Retryable { after: None });
        for (ending, status, answer, expected) in [
            (Ending::Uninstalled, Active, Ok(Installation::NotInstalled), Act),
            (Ending::Uninstalled, Active, Ok(Installation::Pending), Act),
            (Ending::Uninstalled, Pending, Ok(Installation::Pending), Contradicted),
            (Ending::Uninstalled, Active, Ok(Installation::Active), Contradicted),
            (Ending::Uninstalled, Active, Ok(Installation::Frozen), Contradicted),
            (Ending::Uninstalled, Active, Ok(Installation::Unknown), Act),
            (Ending::Uninstalled, Pending, unreachable.clone(), Act),
            (Ending::Uninstalled, Active, Err(MarketplaceError::Final { status: 403 }), Act),
            (Ending::Frozen, Active, Ok(Installation::Frozen), Act),
            (Ending::Frozen, Active, Ok(Installation::Active), Contradicted),
            (Ending::Frozen, Active, Ok(Installation::NotInstalled), Act),
            (Ending::Frozen, Active, unreachable, Act),
        ] {
            assert_eq!(confirm(ending, status, &answer), expected, "{ending:?} {status:?} {answer:?}");
        }
    }

    #[test]
    fn a_failing_webhook_is_tried_with_growing_waits_and_then_given_up() {
        let fates: Vec<Fate> = (0..5).map(|before| fate(Failure::Passing, before, 5)).collect();
        let waits = [1, 2, 4, 8].map(|seconds| Fate::Again(Duration::from_secs(seconds)));
        assert_eq!(fates[..4], waits);
        assert_eq!(fates[4], Fate::Dead(DeadReason::Failed));
        assert_eq!(fate(Failure::Crash, 4, 5), Fate::Dead(DeadReason::Crashed));
        assert_eq!(fate(Failure::Unreadable, 0, 5), Fate::Dead(DeadReason::Unreadable));
        assert_eq!(fate(Failure::Passing, u32::MAX, 5), Fate::Dead(DeadReason::Failed));
        assert_eq!(fate(Failure::Passing, 30, 100), Fate::Again(Duration::from_secs(60)));
    }
}
