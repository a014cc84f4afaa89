//! What a difference between our record and YClients' word means. Pure.
//!
//! ```text
//!  ours ╲ theirs      not installed     pending       active          frozen       unknown
//!  active             uninstall*        report        –               freeze       report
//!  frozen             uninstall*        report        unfreeze        –            report
//!  activation failed  –                 –             report          report       –
//!  onboarding         –                 –             –               –            –
//!  uninstalled        –                 –             report          report       –
//!  (not known)        –                 –             report          report       –
//! ```
//!
//! `*` only when the list agrees: it was read completely and the salon is not on it. Otherwise it is reported, and so are all removals of a round that
//! would remove too many at once: then rather YClients is wrong than a third of the salons left on one day.

use serde::Serialize;

use crate::ports::Installation;
use crate::records::IntegrationStatus;

/// Below this, any number of removals is believed.
const ALWAYS_BELIEVED: usize = 5;

/// Of so many installations, one may be removed in one round.
const ONE_OF: usize = 5;

/// What to do about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// As if the webhook `uninstall` had come.
    Uninstall,
    /// As if the webhook `freeze` had come.
    Freeze,
    /// Paid again, for which there is no webhook: the session goes on.
    Unfreeze,
    /// A person has to look.
    Report,
    /// A removal that is not believed, because there are too many at once: a person has to look.
    Withhold,
}

impl Remedy {
    /// For labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uninstall => "uninstall",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Report => "report",
            Self::Withhold => "withhold",
        }
    }
}

/// Is the salon in YClients' list of those who have the app?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Yes,
    No,
    /// The list was not asked for, or not all of it could be read.
    Unclear,
}

/// Must YClients be asked about this company's status?
pub(super) fn worth_asking(ours: IntegrationStatus, listed: Listed) -> bool {
    match ours {
        IntegrationStatus::Active | IntegrationStatus::Frozen => true,
        IntegrationStatus::ActivationFailed | IntegrationStatus::Uninstalled => listed == Listed::Yes,
        // The owner and the saga are at work, and ask by themselves.
        IntegrationStatus::Pending | IntegrationStatus::PendingWhatsapp | IntegrationStatus::Activating => false,
    }
}

/// What the difference means; `None` = there is none, or none of ours.
pub(super) fn remedy(ours: IntegrationStatus, theirs: Installation, listed: Listed) -> Option<Remedy> {
    match (ours, theirs) {
        (IntegrationStatus::Active, Installation::Active) | (IntegrationStatus::Frozen, Installation::Frozen) => None,
        (IntegrationStatus::Active | IntegrationStatus::Frozen, Installation::NotInstalled) => match listed {
            Listed::No => Some(Remedy::Uninstall),
            Listed::Yes | Listed::Unclear => Some(Remedy::Report),
        },
        (IntegrationStatus::Active, Installation::Frozen) => Some(Remedy::Freeze),
        (IntegrationStatus::Frozen, Installation::Active) => Some(Remedy::Unfreeze),
        (IntegrationStatus::Active | IntegrationStatus::Frozen, Installation::Pending | Installation::Unknown)
        | (IntegrationStatus::ActivationFailed | IntegrationStatus::Uninstalled, Installation::Active | Installation::Frozen) => {
            Some(Remedy::Report)
        }
        (
            IntegrationStatus::ActivationFailed | IntegrationStatus::Uninstalled,
            Installation::NotInstalled | Installation::Pending | Installation::Unknown,
        )
        | (IntegrationStatus::Pending | IntegrationStatus::PendingWhatsapp | IntegrationStatus::Activating, _) => None,
    }
}

/// May so many of our installations be removed in one round?
pub(super) fn believable(removals: usize, installed: usize) -> bool {
    removals <= ALWAYS_BELIEVED || removals <= installed / ONE_OF
}

#[cfg(test)]
mod tests {
    use super::*;
    use Installation as T;
    use IntegrationStatus as O;

    const ALL_OURS: [O; 7] = [O::Pending, O::PendingWhatsapp, O::Activating, O::Active, O::ActivationFailed, O::Frozen, O::Uninstalled];
    const ALL_THEIRS: [T; 5] = [T::NotInstalled, T::Pending, T::Active, T::Frozen, T::Unknown];

    #[test]
    fn the_table_holds() {
        let (uninstall, freeze, unfreeze, report) =
            (Some(Remedy::Uninstall), Some(Remedy::Freeze), Some(Remedy::Unfreeze), Some(Remedy::Report));
        for (ours, row) in [
            (O::Active, [uninstall, report, None, freeze, report]),
            (O::Frozen, [uninstall, report, unfreeze, None, report]),
            (O::ActivationFailed, [None, None, report, report, None]),
            (O::Uninstalled, [None, None, report, report, None]),
            (O::Pending, [None; 5]),
            (O::PendingWhatsapp, [None; 5]),
            (O::Activating, [None; 5]),
        ] {
            for (theirs, wanted) in ALL_THEIRS.into_iter().zip(row) {
                assert_eq!(remedy(ours, theirs, Listed::No), wanted, "{ours:?} {theirs:?}");
            }
        }
    }

    #[test]
    fn nothing_is_removed_on_one_word_alone() {
        for ours in ALL_OURS {
            for theirs in ALL_THEIRS {
                for listed in [Listed::Yes, Listed::Unclear] {
                    assert_ne!(remedy(ours, theirs, listed), Some(Remedy::Uninstall), "{ours:?} {theirs:?} {listed:?}");
                }
                if theirs != T::NotInstalled {
                    assert_ne!(remedy(ours, theirs, Listed::No), Some(Remedy::Uninstall));
                }
            }
        }
    }

    #[test]
    fn whoever_could_differ_is_asked_about() {
        for ours in ALL_OURS {
            for listed in [Listed::Yes, Listed::No] {
                let could_act = ALL_THEIRS
                    .into_iter()
                    .any(|theirs| matches!(remedy(ours, theirs, listed), Some(Remedy::Uninstall | Remedy::Freeze | Remedy::Unfreeze)));
                assert!(!could_act || worth_asking(ours, listed), "{ours:?} {listed:?}");
            }
        }
    }

    #[test]
    fn too_many_removals_at_once_are_not_believed() {
        for (removals, installed, believed) in [
            (0, 0, true),
            (5, 5, true),
            (6, 6, false),
            (6, 29, false),
            (6, 30, true),
            (200, 1_000, true),
            (201, 1_000, false),
            (1_000, 1_000, false),
        ] {
            assert_eq!(believable(removals, installed), believed, "{removals} of {installed}");
        }
    }
}
