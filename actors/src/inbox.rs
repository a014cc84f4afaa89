//! What a stored webhook means for a company. Pure; the company's actor carries it out, in order, at least once, idempotent by state.

use crate::records::{IntegrationStatus, LifecycleEvent};
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
pub(crate) const BATCH: usize = 16;

/// What to do about one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Stop the session and its link, then commit all of it at once.
    StopSession(Ending),
    /// Nothing to change: tick it off.
    TickOff,
    /// An event we don't know: a line in the timeline, then tick it off.
    Remember,
}

/// Decides by the company's state, so that a repeated event is harmless and a second uninstall after a reinstall works.
pub(crate) fn decide(event: &LifecycleEvent, status: IntegrationStatus) -> Deed {
    match (event, status) {
        (LifecycleEvent::Unknown(_), _) => Deed::Remember,
        (LifecycleEvent::Uninstall | LifecycleEvent::Freeze, IntegrationStatus::Uninstalled)
        | (LifecycleEvent::Freeze, IntegrationStatus::Frozen) => Deed::TickOff,
        (LifecycleEvent::Uninstall, _) => Deed::StopSession(Ending::Uninstalled),
        (LifecycleEvent::Freeze, _) => Deed::StopSession(Ending::Frozen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uninstall_acts_in_every_state_but_its_own() {
        use IntegrationStatus::{Activating, ActivationFailed, Active, Frozen, Pending, PendingWhatsapp, Uninstalled};
        for status in [Pending, PendingWhatsapp, Activating, Active, ActivationFailed, Frozen] {
            let deed = decide(&LifecycleEvent::Uninstall, status);
            assert_eq!(deed, Deed::StopSession(Ending::Uninstalled), "{status:?}");
        }
        assert_eq!(decide(&LifecycleEvent::Uninstall, Uninstalled), Deed::TickOff);
    }

    #[test]
    fn a_freeze_of_a_frozen_or_removed_salon_changes_nothing() {
        assert_eq!(decide(&LifecycleEvent::Freeze, IntegrationStatus::Frozen), Deed::TickOff);
        assert_eq!(decide(&LifecycleEvent::Freeze, IntegrationStatus::Uninstalled), Deed::TickOff);
        assert_eq!(decide(&LifecycleEvent::Freeze, IntegrationStatus::Active), Deed::StopSession(Ending::Frozen));
    }

    #[test]
    fn an_unknown_event_is_remembered_and_nothing_else() {
        let event = LifecycleEvent::Unknown("payment".into());
        assert_eq!(decide(&event, IntegrationStatus::Active), Deed::Remember);
    }
}
