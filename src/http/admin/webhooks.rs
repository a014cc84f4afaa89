//! The address of a salon's data webhooks: its secret can be made anew, when it may have been seen by somebody.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::caller::AdminOnly;
use super::change::Change;
use super::sessions::company;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::PathSegments;

/// A new address.
#[derive(Serialize, ToSchema)]
pub struct NewWebhookAddress {
    success: bool,
    company_id: u64,
    /// The address with its new secret, to be entered at YClients. It is shown this once and stored nowhere.
    webhook_url: String,
}

/// Gives the salon's data webhooks a new secret address. The one before stays good until the first webhook comes to the new one.
#[utoipa::path(post, path = "/companies/{company_id}/webhook-secret", tag = "companies", operation_id = "rotate_webhook_secret",
    params(("company_id" = u64, Path, description = "Our number of the company.")),
    responses((status = 200, body = NewWebhookAddress), Refusals), security(("operator_key" = ["admin"])))]
pub async fn rotate(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
) -> Result<Json<NewWebhookAddress>, ApiError> {
    let company = company(&state, id).await?;
    let company_id = company.company_id();
    let change = Change::of("webhook.rotate").company(company_id);
    let address = state.admin.change(&caller, change, async move {
        let address = company.rotate_webhook_secret().await?;
        Ok((address.ok_or_else(no_address)?, json!({"rotated": true})))
    });
    let address = address.await?;
    Ok(Json(NewWebhookAddress { success: true, company_id: company_id.get(), webhook_url: address.expose().to_owned() }))
}

fn no_address() -> ApiError {
    let message = "The server doesn't know its public address, so there is none to give to YClients. Set server.base_url and restart.";
    ApiError::conflict("NO_PUBLIC_ADDRESS", message)
}
