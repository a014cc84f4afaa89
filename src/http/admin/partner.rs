//! YClients' calls for partners: who has the app, how an installation stands, payments, removal, and the rest. What costs money or removes
//! something takes an admin's key and an `Idempotency-Key`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use frontdesk_actors::ids::{PaymentId, SalonId};
use frontdesk_actors::ports::{Channel, InstallationDetail, Money, NewPayment, PartnerError, Percent};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::caller::{AdminOnly, Viewer};
use super::change::Change;
use super::once::{OnceName, OnceReply};
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, PathSegments, QueryParams};

mod answers;
mod errors;

use answers::{Done, Installations, PaymentLink, PaymentReported, SalonList, TariffList};

/// Salons of one page, when nothing else is asked.
const PER_PAGE: u32 = 100;

/// Sender names of one salon at most, and characters of each.
const MAX_NAMES: usize = 50;
const MAX_NAME_CHARS: usize = 50;

/// Salons that one discount may name.
const MAX_DISCOUNTED: usize = 1000;

fn salon(id: u64) -> Result<SalonId, ApiError> {
    SalonId::try_from(id)
        .map_err(|_| ApiError::bad_request("INVALID_SALON_ID", "A salon's number is a whole number from 1 to 9007199254740991."))
}

/// Which page of YClients' list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SalonsQuery {
    /// Counts from 1.
    #[param(minimum = 1, maximum = 100_000, default = 1)]
    page: Option<u32>,
    /// Salons per page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    per_page: Option<u32>,
}

/// The salons that have the app, as YClients lists them.
#[utoipa::path(get, path = "/yclients/salons", tag = "yclients", params(SalonsQuery),
    responses((status = 200, body = SalonList), Refusals), security(("operator_key" = ["viewer"])))]
pub async fn salons(
    Viewer(_): Viewer,
    State(state): State<HttpState>,
    QueryParams(query): QueryParams<SalonsQuery>,
) -> Result<Json<SalonList>, ApiError> {
    let (page, per_page) = (query.page.unwrap_or(1).clamp(1, 100_000), query.per_page.unwrap_or(PER_PAGE).clamp(1, 1000));
    Ok(Json(state.admin.partner.installed_salons(page, per_page).await?.into()))
}

/// How YClients sees the installation in a salon: state, changes, payments.
#[utoipa::path(get, path = "/yclients/salons/{salon_id}", tag = "yclients",
    params(("salon_id" = u64, Path, description = "YClients' number of the salon.")),
    responses((status = 200, body = Installations), Refusals), security(("operator_key" = ["viewer"])))]
pub async fn installation(
    Viewer(_): Viewer,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
) -> Result<Json<Installations>, ApiError> {
    let found: Option<InstallationDetail> = state.admin.partner.installation_detail(salon(id)?).await?;
    found.map(|detail| Json(detail.into())).ok_or_else(|| PartnerError::NotInstalled.into())
}

/// Removes the app from a salon at YClients; the salon's session, credentials and keys go with it.
#[utoipa::path(post, path = "/yclients/salons/{salon_id}/uninstall", tag = "yclients",
    params(("salon_id" = u64, Path, description = "YClients' number of the salon."), ("Idempotency-Key" = String, Header, description = "Names the wish: a repeat under the same name changes nothing.")),
    responses((status = 200, body = Done), Refusals), security(("operator_key" = ["admin"])))]
pub async fn uninstall(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
    name: OnceName,
) -> Result<OnceReply, ApiError> {
    let (salon, partner) = (salon(id)?, state.admin.partner.clone());
    let change = Change::of("yclients.uninstall").target(salon);
    let work = async move {
        partner.uninstall(salon).await?;
        Ok((Done::yes(), Value::Null))
    };
    state.admin.once(&caller, name, &id, change, work).await
}

/// A discount for a payment link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkWish {
    /// Percent, above 0 and at most 100, with at most two decimals.
    #[schema(exclusive_minimum = 0, maximum = 100)]
    discount: Option<f64>,
}

/// A link to YClients' payment page for a salon.
#[utoipa::path(post, path = "/yclients/salons/{salon_id}/payment-link", tag = "yclients", request_body = Option<LinkWish>,
    params(("salon_id" = u64, Path, description = "YClients' number of the salon.")),
    responses((status = 200, body = PaymentLink), Refusals), security(("operator_key" = ["admin"])))]
pub async fn payment_link(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
    JsonBody(wish): JsonBody<Option<LinkWish>>,
) -> Result<Json<PaymentLink>, ApiError> {
    let (salon, partner) = (salon(id)?, state.admin.partner.clone());
    let percent = wish.and_then(|wish| wish.discount);
    let discount = percent.map(Percent::new).transpose()?;
    let change = Change::of("yclients.payment_link").target(salon).before(json!({"discount": percent}));
    let work = async move { Ok((PaymentLink::new(partner.payment_link(salon, discount).await?), Value::Null)) };
    state.admin.change(&caller, change, work).await.map(Json)
}

/// A payment taken on our side.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentTold {
    /// Who paid: YClients' number of the salon.
    #[schema(minimum = 1)]
    salon_id: u64,
    /// Above 0, with at most two decimals.
    #[schema(exclusive_minimum = 0)]
    sum: f64,
    /// Three capital letters, such as `RUB`.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    paid_at: DateTime<Utc>,
    /// First moment paid for.
    period_from: DateTime<Utc>,
    /// Last moment paid for.
    period_to: DateTime<Utc>,
}

/// Tells YClients of a payment. Keep the number: a refund needs it.
#[utoipa::path(post, path = "/yclients/payments", tag = "yclients", request_body = PaymentTold,
    params(("Idempotency-Key" = String, Header, description = "Names the wish: a repeat under the same name changes nothing.")),
    responses((status = 200, body = PaymentReported), Refusals), security(("operator_key" = ["admin"])))]
pub async fn report_payment(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    name: OnceName,
    JsonBody(told): JsonBody<PaymentTold>,
) -> Result<OnceReply, ApiError> {
    if told.period_to <= told.period_from {
        return Err(ApiError::bad_request("INVALID_PERIOD", "The paid period ends before it begins. Check period_from and period_to."));
    }
    let payment = NewPayment {
        salon: salon(told.salon_id)?,
        sum: Money::new(told.sum, &told.currency)?,
        paid_at: told.paid_at,
        period_from: told.period_from,
        period_to: told.period_to,
    };
    let partner = state.admin.partner.clone();
    let change = Change::of("yclients.payment").target(payment.salon).before(json!(told));
    let work = async move {
        let id = partner.report_payment(&payment).await?;
        Ok((PaymentReported::new(id), json!({"payment_id": id})))
    };
    state.admin.once(&caller, name, &told, change, work).await
}

/// Takes a reported payment back.
#[utoipa::path(post, path = "/yclients/payments/{payment_id}/refund", tag = "yclients",
    params(("payment_id" = u64, Path, description = "The number YClients gave the payment."), ("Idempotency-Key" = String, Header, description = "Names the wish: a repeat under the same name changes nothing.")),
    responses((status = 200, body = Done), Refusals), security(("operator_key" = ["admin"])))]
pub async fn refund(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
    name: OnceName,
) -> Result<OnceReply, ApiError> {
    let payment =
        PaymentId::try_from(id).map_err(|_| ApiError::bad_request("INVALID_PAYMENT_ID", "A payment's number is a whole number from 1."))?;
    let partner = state.admin.partner.clone();
    let work = async move {
        partner.refund(payment).await?;
        Ok((Done::yes(), Value::Null))
    };
    state.admin.once(&caller, name, &id, Change::of("yclients.refund").target(payment), work).await
}

/// The app's tariffs.
#[utoipa::path(get, path = "/yclients/tariffs", tag = "yclients", responses((status = 200, body = TariffList), Refusals),
    security(("operator_key" = ["viewer"])))]
pub async fn tariffs(Viewer(_): Viewer, State(state): State<HttpState>) -> Result<Json<TariffList>, ApiError> {
    Ok(Json(TariffList::from(state.admin.partner.tariffs().await?)))
}

/// A discount for salons.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscountWish {
    /// YClients' numbers of 1 to 1000 salons.
    #[schema(min_items = 1, max_items = 1000)]
    salon_ids: Vec<u64>,
    /// Percent, above 0 and at most 100, with at most two decimals.
    #[schema(exclusive_minimum = 0, maximum = 100)]
    discount: f64,
}

/// Gives salons a discount.
#[utoipa::path(post, path = "/yclients/discounts", tag = "yclients", request_body = DiscountWish,
    responses((status = 200, body = Done), Refusals), security(("operator_key" = ["admin"])))]
pub async fn add_discount(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    JsonBody(wish): JsonBody<DiscountWish>,
) -> Result<Json<Done>, ApiError> {
    if !(1..=MAX_DISCOUNTED).contains(&wish.salon_ids.len()) {
        return Err(ApiError::bad_request("INVALID_SALON_ID", "Name 1 to 1000 salons by their numbers at YClients."));
    }
    let salons = wish.salon_ids.iter().map(|id| salon(*id)).collect::<Result<Vec<_>, _>>()?;
    let (discount, partner) = (Percent::new(wish.discount)?, state.admin.partner.clone());
    let work = async move {
        partner.add_discount(&salons, discount).await?;
        Ok((Done::yes(), Value::Null))
    };
    state.admin.change(&caller, Change::of("yclients.discount").before(json!(wish)), work).await.map(Json)
}

/// A way of sending.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelName {
    Sms,
    Whatsapp,
}

/// Can the app send through it?
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelWish {
    channel: ChannelName,
    available: bool,
}

/// Says whether the app can send through a channel for a salon.
#[utoipa::path(put, path = "/yclients/salons/{salon_id}/channel", tag = "yclients", request_body = ChannelWish,
    params(("salon_id" = u64, Path, description = "YClients' number of the salon.")),
    responses((status = 200, body = Done), Refusals), security(("operator_key" = ["admin"])))]
pub async fn set_channel(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
    JsonBody(wish): JsonBody<ChannelWish>,
) -> Result<Json<Done>, ApiError> {
    let (salon, partner) = (salon(id)?, state.admin.partner.clone());
    let channel = match wish.channel {
        ChannelName::Sms => Channel::Sms,
        ChannelName::Whatsapp => Channel::Whatsapp,
    };
    let available = wish.available;
    let work = async move {
        partner.set_channel(salon, channel, available).await?;
        Ok((Done::yes(), Value::Null))
    };
    state.admin.change(&caller, Change::of("yclients.channel").target(salon).before(json!(wish)), work).await.map(Json)
}

/// Sender names.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamesWish {
    /// At most 50, each of 1 to 50 characters.
    #[schema(max_items = 50)]
    short_names: Vec<String>,
}

/// Tells which sender names a salon may use.
#[utoipa::path(put, path = "/yclients/salons/{salon_id}/short-names", tag = "yclients", request_body = NamesWish,
    params(("salon_id" = u64, Path, description = "YClients' number of the salon.")),
    responses((status = 200, body = Done), Refusals), security(("operator_key" = ["admin"])))]
pub async fn set_short_names(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
    JsonBody(wish): JsonBody<NamesWish>,
) -> Result<Json<Done>, ApiError> {
    let fits = |name: &String| (1..=MAX_NAME_CHARS).contains(&name.trim().chars().count()) && !name.chars().any(char::is_control);
    if wish.short_names.len() > MAX_NAMES || !wish.short_names.iter().all(fits) {
        return Err(ApiError::bad_request("INVALID_NAME", "Give at most 50 sender names of 1 to 50 characters each."));
    }
    let (salon, partner) = (salon(id)?, state.admin.partner.clone());
    let change = Change::of("yclients.short_names").target(salon).before(json!(wish));
    let work = async move {
        partner.set_short_names(salon, &wish.short_names).await?;
        Ok((Done::yes(), Value::Null))
    };
    state.admin.change(&caller, change, work).await.map(Json)
}
