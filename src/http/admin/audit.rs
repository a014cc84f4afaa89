//! The audit log, read in pages.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use frontdesk_actors::operators::{AuditEntry, AuditId, AuditOutcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Role;
use super::caller::AdminOnly;
use super::change::stored;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::QueryParams;

/// Entries of one page, when nothing else is asked.
const PAGE: usize = 50;
const MAX_PAGE: usize = 200;

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only entries older than this one: `next_before` of the page before.
    #[param(minimum = 1)]
    before: Option<u64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
}

/// How a change ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    /// Begun; if it stays so, the server ended in between and nobody knows.
    Pending,
    /// Done.
    Done,
    /// Nothing was changed; `code` tells why.
    Failed,
}

/// One change.
#[derive(Serialize, ToSchema)]
pub struct Entry {
    audit_id: u64,
    at: DateTime<Utc>,
    /// Number of the key; absent for the one from the configuration.
    key_id: Option<u64>,
    /// Name of the key then.
    name: String,
    role: Role,
    /// Address it came from.
    address: String,
    /// The request, as in its answer and in the log.
    request_id: String,
    /// What was changed, such as `session.restart`.
    action: String,
    company_id: Option<u64>,
    /// What else it was about: the number of a key, a payment, an inbox entry.
    target: Option<String>,
    /// How it was.
    before: Value,
    /// How it was afterwards.
    after: Value,
    result: AuditResult,
    /// Why nothing was changed.
    code: Option<String>,
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        let (result, code) = match entry.outcome {
            AuditOutcome::Pending => (AuditResult::Pending, None),
            AuditOutcome::Done => (AuditResult::Done, None),
            AuditOutcome::Failed(code) => (AuditResult::Failed, Some(code)),
        };
        let change = entry.change;
        Self {
            audit_id: entry.id.0,
            at: entry.at,
            key_id: change.actor.key.map(|key| key.0),
            name: change.actor.name,
            role: change.actor.role.into(),
            address: change.address,
            request_id: change.request_id,
            action: change.action,
            company_id: change.company.map(|company| company.get()),
            target: change.target,
            before: change.before,
            after: entry.after,
            result,
            code,
        }
    }
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    success: bool,
    /// Newest first.
    entries: Vec<Entry>,
    /// Ask for the next page with `before` set to this; absent: that was all.
    next_before: Option<u64>,
}

/// Who changed what, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", operation_id = "list_audit", params(AuditQuery),
    responses((status = 200, body = AuditPage), Refusals), security(("operator_key" = ["admin"])))]
pub async fn list(
    AdminOnly(_): AdminOnly,
    State(state): State<HttpState>,
    QueryParams(query): QueryParams<AuditQuery>,
) -> Result<Json<AuditPage>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let entries = state.admin.records.audit(query.before.map(AuditId), limit).await.map_err(stored)?;
    let next_before = entries.last().filter(|_| entries.len() == limit).map(|last| last.id.0);
    Ok(Json(AuditPage { success: true, entries: entries.into_iter().map(Entry::from).collect(), next_before }))
}
