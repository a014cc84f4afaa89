//! One round: the list, each company's status, what follows from the differences.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::report::{Difference, ReconcileReport, ReconcileResult, Trigger};
use super::rules::{Listed, Remedy, believable, remedy, worth_asking};
use crate::fleet::FleetHandle;
use crate::ids::SalonId;
use crate::ports::{Installation, PartnerApi, PartnerError, Ports, RecordsError};
use crate::records::{IntegrationStatus, LifecycleEvent, Standing};

/// Salons per page: the most YClients gives.
const PAGE: u32 = 1_000;

/// Pages at most: a list that does not end is no list.
const PAGES: u32 = 100;

/// In a row without an answer, after which the rest of the round is given up.
const GIVE_UP_AFTER: usize = 10;

/// Whom a round is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Everybody,
    Frozen,
    One(SalonId),
}

/// What a round works with.
pub(super) struct Round<'a> {
    pub fleet: &'a FleetHandle,
    pub ports: &'a Ports,
    pub partner: Arc<dyn PartnerApi>,
    pub trigger: Trigger,
    pub scope: Scope,
}

/// YClients' list of those who have the app.
struct List {
    salons: HashSet<SalonId>,
    complete: bool,
}

impl List {
    fn says(&self, salon: SalonId) -> Listed {
        match (self.salons.contains(&salon), self.complete) {
            (true, _) => Listed::Yes,
            (false, true) => Listed::No,
            (false, false) => Listed::Unclear,
        }
    }
}

/// Why nothing could be compared.
enum Stopped {
    Records(RecordsError),
    Partner(PartnerError),
}

impl Round<'_> {
    pub(super) async fn run(&self, began: DateTime<Utc>) -> ReconcileReport {
        let mut report = ReconcileReport::new(self.trigger, began);
        if let Err(stopped) = self.compare(&mut report).await {
            report.result = match stopped {
                Stopped::Partner(PartnerError::NotConfigured) => ReconcileResult::NotConfigured,
                Stopped::Partner(error) => {
                    tracing::warn!(%error, "YClients' list of installed salons can't be read");
                    ReconcileResult::Failed
                }
                Stopped::Records(error) => {
                    tracing::error!(%error, "our companies can't be listed");
                    ReconcileResult::Failed
                }
            };
        } else if report.unanswered > 0 {
            report.result = ReconcileResult::Incomplete;
        }
        report.ended_at = self.ports.clock.now();
        report
    }

    async fn compare(&self, report: &mut ReconcileReport) -> Result<(), Stopped> {
        // Ours first: who registers meanwhile is not taken for missing.
        let ours = self.ports.records.standings().await.map_err(Stopped::Records)?;
        let list = self.list().await.map_err(Stopped::Partner)?;
        report.listed = list.salons.len();
        if self.scope == Scope::Everybody {
            report_strangers(&list, &ours, report);
        }
        let installed = ours.iter().filter(|one| matches!(one.status, IntegrationStatus::Active | IntegrationStatus::Frozen)).count();
        let differences = self.ask_about(&ours, &list, report).await;
        let removals = differences.iter().filter(|difference| difference.remedy == Remedy::Uninstall).count();
        let believed = believable(removals, installed);
        if !believed {
            tracing::error!(
                removals,
                installed,
                "YClients says that too many salons removed the app at once: none of it is done, please look"
            );
        }
        for mut difference in differences {
            if difference.remedy == Remedy::Uninstall && !believed {
                difference.remedy = Remedy::Withhold;
            }
            difference.done = self.carry_out(&difference).await;
            report.add(difference);
        }
        Ok(())
    }

    /// A look at a few needs no list: their status alone tells, and nothing is removed on its strength.
    async fn list(&self) -> Result<List, PartnerError> {
        let mut list = List { salons: HashSet::new(), complete: self.scope == Scope::Everybody };
        if self.scope != Scope::Everybody {
            return Ok(list);
        }
        for page in 1..=PAGES {
            let read = self.partner.installed_salons(page, PAGE).await?;
            list.complete &= read.unreadable == 0;
            list.salons.extend(read.salons.iter().map(|salon| salon.salon_id));
            if read.is_last {
                return Ok(list);
            }
        }
        Err(PartnerError::Unreadable)
    }

    async fn ask_about(&self, ours: &[Standing], list: &List, report: &mut ReconcileReport) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut silent = 0;
        for one in ours.iter().filter(|one| self.is_meant(one) && worth_asking(one.status, list.says(one.salon_id))) {
            if silent >= GIVE_UP_AFTER {
                report.unanswered += 1;
                continue;
            }
            let theirs = match self.partner.installation_detail(one.salon_id).await {
                Ok(detail) => detail.map_or(Installation::NotInstalled, |detail| detail.status),
                Err(error) => {
                    tracing::debug!(salon.id = %one.salon_id, %error, "YClients does not tell how an installation stands");
                    (report.unanswered, silent) = (report.unanswered + 1, silent + 1);
                    continue;
                }
            };
            (report.compared, silent) = (report.compared + 1, 0);
            // It may have changed while we asked about the others.
            let Some(ours) = self.now(one).await else { continue };
            if let Some(remedy) = remedy(ours, theirs, list.says(one.salon_id)) {
                let company_id = Some(one.company_id);
                differences.push(Difference {
                    company_id,
                    salon_id: one.salon_id,
                    ours: Some(ours),
                    theirs: Some(theirs),
                    remedy,
                    done: false,
                });
            }
        }
        differences
    }

    fn is_meant(&self, one: &Standing) -> bool {
        match self.scope {
            Scope::Everybody => true,
            Scope::Frozen => one.status == IntegrationStatus::Frozen,
            Scope::One(salon) => one.salon_id == salon,
        }
    }

    async fn now(&self, one: &Standing) -> Option<IntegrationStatus> {
        let stored = self.ports.records.company(one.company_id).await.ok().flatten();
        stored.map(|stored| stored.company.integration_status)
    }

    /// Puts the event into the company's inbox; it is acted on there, in order with everything else.
    async fn carry_out(&self, difference: &Difference) -> bool {
        let event = match difference.remedy {
            Remedy::Uninstall => LifecycleEvent::Uninstall,
            Remedy::Freeze => LifecycleEvent::Freeze,
            Remedy::Unfreeze => LifecycleEvent::Unfreeze,
            Remedy::Report | Remedy::Withhold => return false,
        };
        let body = json!({"source": "reconcile", "event": difference.remedy.name()});
        match self.fleet.accept_webhook(difference.salon_id, event, body).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(salon.id = %difference.salon_id, %error, "what YClients says can't be stored; the next round tries again");
                false
            }
        }
    }
}

/// Installed there and never heard of here: no owner came through our redirect, so there is nothing to start.
fn report_strangers(list: &List, ours: &[Standing], report: &mut ReconcileReport) {
    let known: HashSet<SalonId> = ours.iter().map(|one| one.salon_id).collect();
    let mut strangers: Vec<SalonId> = list.salons.difference(&known).copied().collect();
    strangers.sort_unstable();
    for salon_id in strangers {
        report.add(Difference { company_id: None, salon_id, ours: None, theirs: None, remedy: Remedy::Report, done: false });
    }
}
