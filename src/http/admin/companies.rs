//! Companies: list, and the timeline of one.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use frontdesk_actors::records::{EventRecord, IntegrationStatus};
use frontdesk_actors::view::SessionState;
use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::caller::Viewer;
use super::change::stored;
use super::listing::{Line, SortBy, Wanted};
use super::sessions::company;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::{PathSegments, QueryParams};

/// Lines of one page, when nothing else is asked.
const PER_PAGE: usize = 50;
const MAX_PER_PAGE: usize = 200;

/// Timeline entries, when nothing else is asked.
const TIMELINE: usize = 100;
const MAX_TIMELINE: usize = 500;

/// Which companies.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Every word must stand in the salon's name, number, phone, e-mail or address.
    #[param(max_length = 200)]
    search: Option<String>,
    /// Only with this integration status, such as `active`.
    status: Option<String>,
    /// Only with a session in this state, such as `Online`.
    state: Option<String>,
    /// Default: `company_id`.
    #[param(inline)]
    sort: Option<Sort>,
    /// Default: `asc`.
    #[param(inline)]
    order: Option<Order>,
    /// Counts from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<usize>,
    /// Companies per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    per_page: Option<usize>,
}

/// What the list is put in order by.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    CompanyId,
    SalonId,
    Title,
    Status,
    State,
    CreatedAt,
    ConnectedAt,
    UpdatedAt,
}

impl From<Sort> for SortBy {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::CompanyId => Self::CompanyId,
            Sort::SalonId => Self::SalonId,
            Sort::Title => Self::Title,
            Sort::Status => Self::Status,
            Sort::State => Self::State,
            Sort::CreatedAt => Self::CreatedAt,
            Sort::ConnectedAt => Self::ConnectedAt,
            Sort::UpdatedAt => Self::UpdatedAt,
        }
    }
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    Asc,
    Desc,
}

/// A company as a line of the list.
#[derive(Serialize, ToSchema)]
pub struct CompanyLine {
    company_id: u64,
    salon_id: u64,
    title: Option<String>,
    #[schema(value_type = String)]
    integration_status: IntegrationStatus,
    #[schema(value_type = String)]
    state: SessionState,
    /// Why the session is in its state.
    reason: Option<String>,
    whatsapp_phone: Option<String>,
    created_at: DateTime<Utc>,
    connected_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

impl From<&Line> for CompanyLine {
    fn from((row, standing): &Line) -> Self {
        Self {
            company_id: row.company_id.get(),
            salon_id: row.salon_id.get(),
            title: row.title.clone(),
            integration_status: row.status,
            state: standing.state,
            reason: standing.reason.map(|reason| word(&reason)),
            whatsapp_phone: row.whatsapp_phone.clone(),
            created_at: row.created_at,
            connected_at: row.connected_at,
            updated_at: row.updated_at,
        }
    }
}

/// The word a value has in JSON.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// A page of companies.
#[derive(Serialize, ToSchema)]
pub struct CompanyPage {
    success: bool,
    companies: Vec<CompanyLine>,
    /// Companies that match, on all pages.
    total: usize,
    page: usize,
    per_page: usize,
    pages: usize,
}

/// Companies: searched, narrowed down, in order, in pages.
#[utoipa::path(get, path = "/companies", tag = "companies", operation_id = "list_companies", params(ListQuery),
    responses((status = 200, body = CompanyPage), Refusals), security(("operator_key" = ["viewer"])))]
pub async fn list(
    Viewer(_): Viewer,
    State(state): State<HttpState>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<CompanyPage>, ApiError> {
    let wanted = wanted(&query)?;
    let rows = state.admin.directory.rows().await.map_err(stored)?;
    let found = state.admin.pulse.standings(|standing| {
        wanted.of(rows.into_iter().map(|row| {
            let standing = standing(row.company_id);
            (row, standing)
        }))
    });
    let per_page = query.per_page.unwrap_or(PER_PAGE).clamp(1, MAX_PER_PAGE);
    let page = query.page.unwrap_or(1).max(1);
    let shown = found.iter().skip((page - 1).saturating_mul(per_page)).take(per_page);
    Ok(Json(CompanyPage {
        success: true,
        companies: shown.map(CompanyLine::from).collect(),
        total: found.len(),
        page,
        per_page,
        pages: found.len().div_ceil(per_page),
    }))
}

fn wanted(query: &ListQuery) -> Result<Wanted, ApiError> {
    Ok(Wanted {
        status: parsed("status", query.status.as_deref())?,
        state: parsed("state", query.state.as_deref())?,
        sort: query.sort.map_or(SortBy::CompanyId, SortBy::from),
        descending: query.order == Some(Order::Desc),
        ..Wanted::search(query.search.as_deref().unwrap_or(""))
    })
}

/// A word as one of the domain's own; an empty one is none.
fn parsed<T: serde::de::DeserializeOwned>(name: &str, word: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    let word: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
    let unknown = |_| ApiError::bad_request("INVALID_QUERY", format!("There is no such {name}. The overview lists all of them."));
    T::deserialize(word).map(Some).map_err(unknown)
}

/// How many lines of the timeline.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// At most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

/// What happened to a company.
#[derive(Serialize, ToSchema)]
pub struct Timeline {
    success: bool,
    /// Newest first.
    events: Vec<TimelineEvent>,
}

/// One event of a timeline.
#[derive(Serialize, ToSchema)]
pub struct TimelineEvent {
    at: DateTime<Utc>,
    /// Such as `integration_activated`.
    kind: String,
    /// Details, without secrets.
    data: Value,
}

impl From<EventRecord> for TimelineEvent {
    fn from(event: EventRecord) -> Self {
        Self { at: event.at, kind: word(&event.kind), data: event.data }
    }
}

/// What happened to a company, newest first.
#[utoipa::path(get, path = "/companies/{company_id}/timeline", tag = "companies", operation_id = "get_timeline",
    params(("company_id" = u64, Path, description = "Our number of the company."), TimelineQuery),
    responses((status = 200, body = Timeline), Refusals), security(("operator_key" = ["viewer"])))]
pub async fn timeline(
    Viewer(_): Viewer,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
    QueryParams(query): QueryParams<TimelineQuery>,
) -> Result<Json<Timeline>, ApiError> {
    let limit = query.limit.unwrap_or(TIMELINE).clamp(1, MAX_TIMELINE);
    let events = company(&state, id).await?.timeline(limit).await?;
    Ok(Json(Timeline { success: true, events: events.into_iter().map(TimelineEvent::from).collect() }))
}
