//! Our installations compared with YClients': what came out last, and another round when asked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use frontdesk_actors::reconcile::{Difference, ReconcileReport, ReconcileStatus};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::caller::{OperatorOnly, Viewer};
use super::change::Change;
use super::companies::word;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;

/// Where the comparison stands.
#[derive(Serialize, ToSchema)]
pub struct Reconciliation {
    success: bool,
    /// A round runs, since then.
    running_since: Option<DateTime<Utc>>,
    /// The next one on the schedule.
    next_at: Option<DateTime<Utc>>,
    /// The last round over everybody since the server started.
    last: Option<Round>,
    /// The last look at the frozen ones, or at one salon.
    last_partial: Option<Round>,
}

/// One round.
#[derive(Serialize, ToSchema)]
pub struct Round {
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    /// `schedule`, `frozen` or `asked`.
    trigger: String,
    /// `done`, `incomplete`, `failed` or `not_configured`.
    result: String,
    /// Salons in YClients' list.
    listed: usize,
    /// Companies compared.
    compared: usize,
    /// Companies about which YClients gave no answer.
    unanswered: usize,
    /// What differs; at most a thousand.
    differences: Vec<Differing>,
    /// Differences that are not listed.
    omitted: usize,
}

/// A salon about which we and YClients differ.
#[derive(Serialize, ToSchema)]
pub struct Differing {
    company_id: Option<u64>,
    salon_id: u64,
    /// What we have.
    ours: Option<String>,
    /// What YClients says.
    theirs: Option<String>,
    /// What the rule says.
    remedy: String,
    /// It was done.
    done: bool,
}

impl From<&Difference> for Differing {
    fn from(difference: &Difference) -> Self {
        Self {
            company_id: difference.company_id.map(|id| id.get()),
            salon_id: difference.salon_id.get(),
            ours: difference.ours.as_ref().map(word),
            theirs: difference.theirs.as_ref().map(word),
            remedy: difference.remedy.name().to_owned(),
            done: difference.done,
        }
    }
}

impl From<&ReconcileReport> for Round {
    fn from(report: &ReconcileReport) -> Self {
        Self {
            started_at: report.started_at,
            ended_at: report.ended_at,
            trigger: word(&report.trigger),
            result: report.result.name().to_owned(),
            listed: report.listed,
            compared: report.compared,
            unanswered: report.unanswered,
            differences: report.differences.iter().map(Differing::from).collect(),
            omitted: report.omitted,
        }
    }
}

impl From<ReconcileStatus> for Reconciliation {
    fn from(status: ReconcileStatus) -> Self {
        Self {
            success: true,
            running_since: status.running_since,
            next_at: status.next_at,
            last: status.last.as_ref().map(Round::from),
            last_partial: status.last_partial.as_ref().map(Round::from),
        }
    }
}

/// What the last comparison with YClients' installations found.
#[utoipa::path(get, path = "/reconcile", tag = "yclients", operation_id = "get_reconciliation",
    responses((status = 200, body = Reconciliation), Refusals), security(("operator_key" = ["viewer"])))]
pub async fn status(Viewer(_): Viewer, State(state): State<HttpState>) -> Json<Reconciliation> {
    Json(state.admin.reconciler.status().into())
}

/// Compares all installations with YClients' now, or right after the present round. Look at the report for what came out.
#[utoipa::path(post, path = "/reconcile", tag = "yclients", operation_id = "reconcile_now",
    responses((status = 202, body = Reconciliation), Refusals), security(("operator_key" = ["operator"])))]
pub async fn run(
    OperatorOnly(caller): OperatorOnly,
    State(state): State<HttpState>,
) -> Result<(StatusCode, Json<Reconciliation>), ApiError> {
    let reconciler = state.admin.reconciler.clone();
    let wish = async move {
        reconciler.run_now(); // a wish that waits already is the same wish
        Ok((reconciler.status().into(), Value::Null))
    };
    let status = state.admin.change(&caller, Change::of("yclients.reconcile"), wish).await?;
    Ok((StatusCode::ACCEPTED, Json(status)))
}
