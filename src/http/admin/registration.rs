//! What integrators do with an operator's key at the predecessor's addresses: register a salon, count companies.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use frontdesk_actors::ids::{Phone, SalonId};
use frontdesk_actors::records::IntegrationStatus;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::caller::{AdminOnly, Caller, Viewer};
use super::change::Change;
use super::companies::word;
use crate::auth::Audience;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::{ClientIp, JsonBody};

/// Longest e-mail address there can be.
const MAX_EMAIL: usize = 254;

/// Who may register a salon: an admin; in the sandbox everybody.
pub enum Registrar {
    /// With a key.
    Admin(Box<Caller>),
    /// Without.
    Anybody,
}

impl FromRequestParts<HttpState> for Registrar {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, ApiError> {
        let anonymous = super::caller::is_anonymous(&parts.headers, state);
        if state.settings.open_registration && anonymous {
            let Ok(ClientIp(client)) = ClientIp::from_request_parts(parts, state).await;
            state.limits.public(client)?;
            return Ok(Self::Anybody);
        }
        AdminOnly::from_request_parts(parts, state).await.map(|AdminOnly(caller)| Self::Admin(Box::new(caller)))
    }
}

/// A salon to register.
#[derive(Deserialize, ToSchema)]
pub struct RegisterWish {
    /// YClients' number of the salon.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    salon_id: u64,
    /// With the country code.
    phone: Option<String>,
    #[schema(max_length = 254)]
    email: Option<String>,
}

/// A registered salon.
#[derive(Serialize, ToSchema)]
pub struct RegisteredSalon {
    success: bool,
    company_id: u64,
    salon_id: u64,
    /// The company's key. It is shown this once and stored as a hash.
    api_key: String,
    /// The page on which the owner connects WhatsApp; good for 24 hours.
    connect_url: String,
    message: String,
}

/// Registers a salon without YClients' redirect, and gives its key and the address of its page.
#[utoipa::path(post, path = "/marketplace/register", tag = "predecessor", request_body = RegisterWish,
    responses((status = 201, body = RegisteredSalon), Refusals), security(("operator_key" = ["admin"])))]
pub async fn register(
    registrar: Registrar,
    State(state): State<HttpState>,
    JsonBody(wish): JsonBody<RegisterWish>,
) -> Result<(StatusCode, Json<RegisteredSalon>), ApiError> {
    let salon =
        SalonId::try_from(wish.salon_id).map_err(|_| ApiError::bad_request("INVALID_SALON_ID", "salon_id is a whole number from 1."))?;
    let phone: Option<Phone> = given(wish.phone.as_deref()).map(str::parse).transpose().map_err(|_| {
        ApiError::bad_request("INVALID_PHONE_FORMAT", "The phone has 10 to 15 digits with the country code, like +79161234567.")
    })?;
    let email = given(wish.email.as_deref()).map(str::to_owned);
    if email.as_ref().is_some_and(|email| email.len() > MAX_EMAIL || !email.contains('@') || email.chars().any(char::is_control)) {
        return Err(ApiError::bad_request("INVALID_EMAIL", "The e-mail address looks like salon@example.org."));
    }
    let fleet = state.fleet.clone();
    let work = async move {
        let enrolled = fleet.enroll(salon, phone, email).await?;
        let after = json!({"company_id": enrolled.company_id});
        Ok((enrolled, after))
    };
    let enrolled = match registrar {
        Registrar::Admin(caller) => state.admin.change(&caller, Change::of("company.register").target(salon), work).await?,
        Registrar::Anybody => state.admin.to_the_end(work).await?.0,
    };
    let token = state.tokens.mint(Audience::Connect, enrolled.company_id, enrolled.salon_id, enrolled.registered_at);
    let base = state.settings.base_url.as_str().trim_end_matches('/');
    let (company, salon) = (enrolled.company_id, enrolled.salon_id);
    let answer = RegisteredSalon {
        success: true,
        company_id: company.get(),
        salon_id: salon.get(),
        api_key: enrolled.api_key.expose().to_owned(),
        connect_url: format!("{base}/marketplace/connect?token={token}&company={company}&salon={salon}"),
        message: "Open connect_url in the owner's browser. Keep api_key: it is shown this once.".to_owned(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// How all companies stand.
#[derive(Serialize, ToSchema)]
pub struct CompanyStatistics {
    success: bool,
    stats: Stats,
}

/// Counts.
#[derive(Serialize, ToSchema)]
pub struct Stats {
    total: u64,
    /// Whose WhatsApp is connected right now.
    connected: u64,
    /// On the way to it.
    pending: u64,
    /// All others.
    disconnected: u64,
    by_status: BTreeMap<String, u64>,
    last_24h: LastDay,
}

/// What the last 24 hours brought, to the hour.
#[derive(Serialize, ToSchema)]
pub struct LastDay {
    new_connections: u64,
    disconnections: u64,
}

/// Companies in numbers.
#[utoipa::path(get, path = "/marketplace/companies", tag = "predecessor", responses((status = 200, body = CompanyStatistics), Refusals),
    security(("operator_key" = ["viewer"])))]
pub async fn companies(Viewer(_): Viewer, State(state): State<HttpState>) -> Result<Json<CompanyStatistics>, ApiError> {
    let found = state.fleet.statistics().await?;
    let mut by_status: BTreeMap<String, u64> = IntegrationStatus::ALL.iter().map(|status| (word(status), 0)).collect();
    by_status.extend(found.by_status.iter().map(|(status, count)| (word(status), *count)));
    let on_the_way = [IntegrationStatus::Pending, IntegrationStatus::PendingWhatsapp, IntegrationStatus::Activating];
    let pending = found.by_status.iter().filter(|(status, _)| on_the_way.contains(status)).map(|(_, count)| count).sum();
    let total = by_status.values().sum();
    let last_24h = LastDay { new_connections: found.last_day.connected, disconnections: found.last_day.disconnected };
    let stats = Stats {
        total,
        connected: found.connected,
        pending,
        disconnected: total.saturating_sub(found.connected).saturating_sub(pending),
        by_status,
        last_24h,
    };
    Ok(Json(CompanyStatistics { success: true, stats }))
}
