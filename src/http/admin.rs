//! `/admin/api/v1`: what operators and their programs do.
//!
//! ```text
//! request ─ Viewer | OperatorOnly | AdminOnly ─▶ handler ─ reads ─▶ answer
//!           (key, limits, role)                     └ changes ─ change.rs: audit entry, durable ─▶ work ─▶ outcome, durable ─▶ answer
//! ```
//!
//! Every route stands in [`api`] once, with its documentation: what is served and what `/docs/` describes can't differ.

mod audit;
mod caller;
mod change;
mod companies;
mod company;
mod inbox;
mod keys;
mod listing;
mod once;
pub mod overview;
mod partner;
mod reconcile;
pub mod registration;
mod sessions;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use frontdesk_actors::operators::OperatorRole;
use frontdesk_actors::ports::{CompanyDirectory, OperatorRecords, PartnerApi, WaysOut};
use frontdesk_actors::reconcile::Reconciliations;
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::HttpState;
use super::docs::Refusals;
use super::error::ApiError;
use crate::auth::{Operators, Sessions};
use crate::pulse::Pulse;

pub use caller::{Caller, Viewer, is_anonymous};

/// Where these routes hang.
pub const PREFIX: &str = "/admin/api/v1";

/// What operators' routes need beside the rest. Cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    /// Keys, whose last uses are written down now and then.
    pub operators: Operators,
    /// Audit log and once-only requests.
    pub records: Arc<dyn OperatorRecords>,
    /// All companies at a glance.
    pub directory: Arc<dyn CompanyDirectory>,
    /// YClients, for operators.
    pub partner: Arc<dyn PartnerApi>,
    /// Which way each company goes out to WhatsApp.
    pub ways_out: Arc<dyn WaysOut>,
    /// Installations compared with YClients'.
    pub reconciler: Reconciliations,
    /// States of sessions and the last day.
    pub pulse: Pulse,
    /// Who is logged in to the console.
    pub sessions: Sessions,
    /// Changes under way: they end well although their caller hung up. The app waits for them when it stops.
    pub changes: TaskTracker,
    /// Names this life of the server, so that what an earlier one left unfinished is recognised.
    pub life: u64,
}

impl AdminState {
    /// Stores what may be lost with the process, but for the last minute of it: when keys were last used, and the figures of the last minutes.
    pub async fn write_notes(&self) {
        self.operators.note_uses().await;
        self.pulse.keep(&*self.records).await;
    }

    /// Waits for changes under way, at most so long, and writes the last notes.
    pub async fn finish(&self, grace: Duration) {
        self.changes.close();
        if tokio::time::timeout(grace, self.changes.wait()).await.is_err() {
            tracing::warn!("some changes of operators did not end in time; the audit log shows them as pending");
        }
        self.write_notes().await;
    }
}

/// All routes of the admin API. The order is that of the description.
pub fn api() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(overview::overview))
        .routes(routes!(overview::day))
        .routes(routes!(companies::list))
        .routes(routes!(company::detail))
        .routes(routes!(companies::timeline))
        .routes(routes!(inbox::list))
        .routes(routes!(inbox::replay))
        .routes(routes!(audit::list))
        .routes(routes!(partner::salons))
        .routes(routes!(partner::installation))
        .routes(routes!(partner::uninstall))
        .routes(routes!(partner::payment_link))
        .routes(routes!(partner::report_payment))
        .routes(routes!(partner::refund))
        .routes(routes!(partner::tariffs))
        .routes(routes!(partner::add_discount))
        .routes(routes!(partner::set_channel))
        .routes(routes!(partner::set_short_names))
        .routes(routes!(reconcile::status, reconcile::run))
        .routes(routes!(sessions::restart))
        .routes(routes!(sessions::unpark))
        .routes(routes!(sessions::stop))
        .routes(routes!(sessions::log_out))
        .routes(routes!(sessions::activate))
        .routes(routes!(sessions::qr))
        .routes(routes!(webhooks::rotate))
}

/// A role, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and acts on sessions and the inbox.
    Operator,
    /// Everything: keys, money, removal.
    Admin,
}

impl From<OperatorRole> for Role {
    fn from(role: OperatorRole) -> Self {
        match role {
            OperatorRole::Viewer => Self::Viewer,
            OperatorRole::Operator => Self::Operator,
            OperatorRole::Admin => Self::Admin,
        }
    }
}

impl From<Role> for OperatorRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
        }
    }
}

/// Who the key belongs to.
#[derive(Serialize, ToSchema)]
pub struct Me {
    success: bool,
    /// Number of the key; absent for the one from the configuration.
    key_id: Option<u64>,
    /// Its name.
    name: String,
    role: Role,
    /// In a session of the console: send it as `X-CSRF-Token` with every change.
    csrf_token: Option<String>,
}

/// Who am I?
#[utoipa::path(get, path = "/me", tag = "operators", responses((status = 200, body = Me), Refusals), security(("operator_key" = [])))]
async fn me(Viewer(caller): Viewer) -> Result<Json<Me>, ApiError> {
    let operator = caller.operator;
    Ok(Json(Me {
        success: true,
        key_id: operator.key.map(|key| key.0),
        name: operator.name,
        role: operator.role.into(),
        csrf_token: caller.csrf,
    }))
}
