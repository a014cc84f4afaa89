//! Webhooks: what waits, what could not be handled, and again.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::records::{Contents, InboxId, InboxPlace, InboxQuery, InboxRow, InboxShelf};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::caller::{OperatorOnly, Viewer};
use super::change::Change;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::{PathSegments, QueryParams};

/// Entries of one page, when nothing else is asked.
const PAGE: usize = 50;
const MAX_PAGE: usize = 200;

/// Where entries lie.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    /// Not acted on yet.
    Pending,
    /// Given up; waits for a replay.
    Dead,
    /// Acted on; the body is gone.
    Done,
    /// Came without a credential; never acted on.
    Unverified,
}

impl From<Shelf> for InboxShelf {
    fn from(shelf: Shelf) -> Self {
        match shelf {
            Shelf::Pending => Self::Pending,
            Shelf::Dead => Self::Dead,
            Shelf::Done => Self::Done,
            Shelf::Unverified => Self::Unverified,
        }
    }
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Default: `dead`.
    #[param(inline)]
    shelf: Option<Shelf>,
    /// Only of this company.
    #[param(minimum = 1)]
    company_id: Option<u64>,
    /// Only those after this place: `next` of the page before.
    #[param(pattern = "^[0-9]{1,16}\\.[0-9]{1,20}$")]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
}

/// A webhook.
#[derive(Serialize, ToSchema)]
pub struct InboxLine {
    inbox_id: u64,
    /// Absent: the salon is not known here.
    company_id: Option<u64>,
    salon_id: u64,
    /// Such as `uninstall` or `record.update`; `unreadable` when its record can't be read.
    event: String,
    /// Where it came from: `lifecycle`, `data` or `legacy`.
    source: Option<String>,
    /// Without secrets; gone once it was acted on.
    body: Option<Value>,
    received_at: DateTime<Utc>,
    /// Tries that failed.
    attempts: u32,
    /// When it was acted on or given up.
    ended_at: Option<DateTime<Utc>>,
    /// Why it was given up: `failed`, `crashed` or `unreadable`.
    reason: Option<String>,
}

impl From<InboxRow> for InboxLine {
    fn from(row: InboxRow) -> Self {
        let (event, source, body) = match row.contents {
            Contents::Known { event, body } => (event.to_string(), Some(event.source().to_owned()), body),
            Contents::Unreadable => ("unreadable".to_owned(), None, None),
        };
        Self {
            inbox_id: row.id.0,
            company_id: row.company_id.map(CompanyId::get),
            salon_id: row.salon_id.get(),
            event,
            source,
            body,
            received_at: row.received_at,
            attempts: row.attempts,
            ended_at: row.ended_at,
            reason: row.dead.map(|reason| reason.name().to_owned()),
        }
    }
}

/// A page of webhooks.
#[derive(Serialize, ToSchema)]
pub struct InboxLines {
    success: bool,
    /// By company, then in the order they came.
    entries: Vec<InboxLine>,
    /// Ask for more with `after` set to this; absent: that was all.
    next: Option<String>,
}

/// Webhooks on a shelf.
#[utoipa::path(get, path = "/inbox", tag = "inbox", operation_id = "list_inbox", params(ListQuery),
    responses((status = 200, body = InboxLines), Refusals), security(("operator_key" = ["viewer"])))]
pub async fn list(
    Viewer(_): Viewer,
    State(state): State<HttpState>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<InboxLines>, ApiError> {
    let company = query.company_id.map(CompanyId::try_from).transpose().map_err(|_| wrong_place())?;
    let question = InboxQuery {
        shelf: query.shelf.unwrap_or(Shelf::Dead).into(),
        company,
        after: query.after.as_deref().filter(|after| !after.is_empty()).map(parse_place).transpose()?,
        limit: query.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE),
    };
    let page = state.fleet.inbox(question).await?;
    let entries = page.rows.into_iter().map(InboxLine::from).collect();
    Ok(Json(InboxLines { success: true, entries, next: page.next.map(show_place) }))
}

/// `company.entry`, with 0 for a salon that is not known here.
fn show_place(place: InboxPlace) -> String {
    format!("{}.{}", place.company.map_or(0, CompanyId::get), place.id.0)
}

fn parse_place(text: &str) -> Result<InboxPlace, ApiError> {
    let (company, id) = text.split_once('.').ok_or_else(wrong_place)?;
    let company: u64 = company.parse().map_err(|_| wrong_place())?;
    let company = if company == 0 { None } else { Some(CompanyId::try_from(company).map_err(|_| wrong_place())?) };
    Ok(InboxPlace { company, id: InboxId(id.parse().map_err(|_| wrong_place())?) })
}

fn wrong_place() -> ApiError {
    ApiError::bad_request("INVALID_QUERY", "Send company_id as a number, and after as it was given in next.")
}

/// It waits again.
#[derive(Serialize, ToSchema)]
pub struct Replayed {
    success: bool,
    company_id: u64,
    inbox_id: u64,
}

/// Puts a dead letter back to be acted on, as if never tried.
#[utoipa::path(post, path = "/inbox/{company_id}/{inbox_id}/replay", tag = "inbox", operation_id = "replay_inbox",
    params(("company_id" = u64, Path, description = "Our number of the company."), ("inbox_id" = u64, Path, description = "The webhook's number.")),
    responses((status = 200, body = Replayed), Refusals), security(("operator_key" = ["operator"])))]
pub async fn replay(
    OperatorOnly(caller): OperatorOnly,
    State(state): State<HttpState>,
    PathSegments((company_id, inbox_id)): PathSegments<(u64, u64)>,
) -> Result<Json<Replayed>, ApiError> {
    let company = CompanyId::try_from(company_id).map_err(|_| unknown())?;
    let (fleet, id) = (state.fleet.clone(), InboxId(inbox_id));
    let work = async move {
        if !fleet.replay(company, id).await? {
            return Err(unknown());
        }
        Ok((Replayed { success: true, company_id, inbox_id }, json!({"shelf": "pending"})))
    };
    state.admin.change(&caller, Change::of("inbox.replay").company(company).target(inbox_id), work).await.map(Json)
}

fn unknown() -> ApiError {
    ApiError::not_found(
        "DEAD_LETTER_NOT_FOUND",
        "There is no such dead letter: it was replayed or forgotten. The list shows those there are.",
    )
}
