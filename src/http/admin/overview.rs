//! The fleet at a glance, now and over the last day.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use frontdesk_actors::operators::PulseSlot;
use frontdesk_actors::records::IntegrationStatus;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Viewer;
use super::change::stored;
use super::companies::word;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;

/// Numbers over all companies.
#[derive(Serialize, ToSchema)]
pub struct Overview {
    success: bool,
    version: &'static str,
    /// Now, by the server's clock.
    at: DateTime<Utc>,
    /// Companies in all.
    companies: usize,
    /// Companies by integration status, every status named.
    by_status: BTreeMap<String, usize>,
    /// Sessions with an actor by state, every state named. Companies missing here are dormant: nothing is linked and nobody waits.
    by_state: BTreeMap<String, usize>,
    /// All sessions that should be online have been started once since the server started.
    restored: bool,
    /// Sums of the last 24 hours.
    last_24h: Sums,
}

/// Sums of a time.
#[derive(Default, Serialize, ToSchema)]
pub struct Sums {
    redirected: u64,
    page_opened: u64,
    qr_shown: u64,
    paired: u64,
    online: u64,
    active: u64,
    activations_failed: u64,
    links_lost: u64,
    sessions_ended: u64,
    webhooks: u64,
    webhooks_failed: u64,
    restarts: u64,
    /// Mean time to the first code, in milliseconds; absent when there was none.
    first_qr_ms: Option<u64>,
}

impl Sums {
    fn of(slots: &[PulseSlot]) -> Self {
        let sum = |pick: fn(&PulseSlot) -> u32| slots.iter().map(|slot| u64::from(pick(slot))).sum::<u64>();
        let took: u64 = slots.iter().map(|slot| slot.first_qr_ms).sum();
        Self {
            redirected: sum(|slot| slot.redirected),
            page_opened: sum(|slot| slot.page_opened),
            qr_shown: sum(|slot| slot.qr_shown),
            paired: sum(|slot| slot.paired),
            online: sum(|slot| slot.online),
            active: sum(|slot| slot.active),
            activations_failed: sum(|slot| slot.activations_failed),
            links_lost: sum(|slot| slot.links_lost),
            sessions_ended: sum(|slot| slot.sessions_ended),
            webhooks: sum(|slot| slot.webhooks),
            webhooks_failed: sum(|slot| slot.webhooks_failed),
            restarts: sum(|slot| slot.restarts),
            first_qr_ms: took.checked_div(sum(|slot| slot.first_qrs)),
        }
    }
}

/// The fleet as it is now.
pub async fn now(state: &HttpState) -> Result<Overview, ApiError> {
    let rows = state.admin.directory.rows().await.map_err(stored)?;
    let fleet = state.fleet.overview().await?;
    let mut by_status: BTreeMap<_, _> = IntegrationStatus::ALL.iter().map(|status| (word(status), 0)).collect();
    for row in &rows {
        *by_status.entry(word(&row.status)).or_default() += 1;
    }
    Ok(Overview {
        success: true,
        version: env!("CARGO_PKG_VERSION"),
        at: Utc::now(),
        companies: rows.len(),
        by_status,
        by_state: state.admin.pulse.counts().into_iter().map(|(state, count)| (word(&state), count)).collect(),
        restored: fleet.restored,
        last_24h: Sums::of(&state.admin.pulse.day()),
    })
}

/// Counts by status and state, and the sums of the last day.
#[utoipa::path(get, path = "/overview", tag = "fleet", responses((status = 200, body = Overview), Refusals),
    security(("operator_key" = ["viewer"])))]
pub async fn overview(Viewer(_): Viewer, State(state): State<HttpState>) -> Result<Json<Overview>, ApiError> {
    now(&state).await.map(Json)
}

/// The last 24 hours in steps of five minutes.
#[derive(Serialize, ToSchema)]
pub struct Day {
    success: bool,
    /// Oldest first; the last one is not over yet.
    slots: Vec<Slot>,
}

/// One step of five minutes.
#[derive(Serialize, ToSchema)]
pub struct Slot {
    /// When it begins.
    at: DateTime<Utc>,
    /// Sessions online.
    online_now: u32,
    #[serde(flatten)]
    sums: Sums,
}

/// The last 24 hours in steps of five minutes, for charts.
#[utoipa::path(get, path = "/day", tag = "fleet", responses((status = 200, body = Day), Refusals), security(("operator_key" = ["viewer"])))]
pub async fn day(Viewer(_): Viewer, State(state): State<HttpState>) -> Json<Day> {
    let slots = state.admin.pulse.day();
    let slots = slots.iter().map(|slot| Slot { at: slot.at, online_now: slot.online_now, sums: Sums::of(std::slice::from_ref(slot)) });
    Json(Day { success: true, slots: slots.collect() })
}
