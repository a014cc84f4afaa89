//! The owner's way in: YClients' redirect, and the page it leads to.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use frontdesk_actors::fleet::{RegisterError, Registration};
use frontdesk_actors::ids::SalonId;

use super::HttpState;
use super::error::{ApiError, PageFailure};
use super::extract::{Query, Visitor};
use super::pages::with_language_cookie;
use crate::auth::presented::once;
use crate::auth::{Audience, Principal, TokenError};
use crate::web::{self, PageError};

/// Salons of one redirect; chains connect several at once.
const MAX_SALONS: usize = 50;

/// `GET /auth/yclients/redirect`.
pub async fn redirect(State(state): State<HttpState>, query: Query) -> Result<Response, PageFailure> {
    if !state.marketplace.missing_settings().is_empty() {
        return Err(PageError::NotConfigured.into());
    }
    let salon_id = salon(&query).ok_or(PageError::BadSalon)?;
    let signed = |name| query.only(name).map(|value| value.map(str::to_owned)).map_err(|_| PageError::BadSignature);
    let registration = Registration { salon_id, user_data: signed("user_data")?, user_data_sign: signed("user_data_sign")? };
    limit_owner(&state, &registration)?;
    let registered = state.fleet.register(registration).await?;
    let token = state.tokens.mint(Audience::Onboarding, registered.company_id, registered.salon_id, registered.registered_at);
    let location = format!("{}/marketplace/onboarding?token={token}", state.settings.path_prefix());
    Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}

/// Counts against the owner, not only the address: who holds one signed link must not use up what YClients allows us for all salons.
fn limit_owner(state: &HttpState, registration: &Registration) -> Result<(), PageFailure> {
    let signed = (registration.user_data.as_deref(), registration.user_data_sign.as_deref());
    let owner = state.marketplace.verify_owner(signed.0, signed.1).map_err(RegisterError::Signature)?;
    match owner.fingerprint.map(|owner| state.limits.registration(owner)) {
        Some(Err(limited)) => Err(ApiError::from(limited).into_page()),
        Some(Ok(())) | None => Ok(()),
    }
}

/// `salon_id` once, or the first valid one of `salon_ids`, `salon_ids[]`, `salon_ids[N]`.
fn salon(query: &Query) -> Option<SalonId> {
    if let Some(single) = query.only("salon_id").ok()? {
        return single.parse().ok();
    }
    let listed: Vec<&str> = query.pairs().filter(|(name, _)| is_list_name(name)).map(|(_, value)| value).collect();
    if listed.len() > MAX_SALONS {
        return None;
    }
    listed.into_iter().find_map(|value| value.parse().ok())
}

fn is_list_name(name: &str) -> bool {
    let Some(index) = name.strip_prefix("salon_ids") else { return false };
    let inside = index.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    index.is_empty() || inside.is_some_and(|inside| inside.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `GET /marketplace/onboarding?token=…`.
pub async fn page(State(state): State<HttpState>, visitor: Visitor, query: Query) -> Result<Response, PageFailure> {
    let token = once(query.all("token"))?;
    let principal = opened(&state, token, Audience::Onboarding)?;
    shown(&state, visitor, &query, token, principal).await
}

/// `GET /marketplace/connect?token=…&company=…&salon=…`: the same page for who came through `register`. What the address names must be the token's.
pub async fn connect(State(state): State<HttpState>, visitor: Visitor, query: Query) -> Result<Response, PageFailure> {
    let token = once(query.all("token"))?;
    let principal = opened(&state, token, Audience::Connect)?;
    let names = |name, id: u64| query.only(name).is_ok_and(|value| value.is_none_or(|value| value.parse() == Ok(id)));
    if !names("company", principal.company.get()) || !names("salon", principal.salon.get()) {
        return Err(TokenError::Invalid.into());
    }
    shown(&state, visitor, &query, token, principal).await
}

/// A token opens the page it was minted for, and no other.
fn opened(state: &HttpState, token: &str, audience: Audience) -> Result<Principal, TokenError> {
    let principal = state.tokens.verify(token)?;
    if principal.audience == audience { Ok(principal) } else { Err(TokenError::Invalid) }
}

async fn shown(state: &HttpState, visitor: Visitor, query: &Query, token: &str, principal: Principal) -> Result<Response, PageFailure> {
    let company = principal.company(&state.fleet).await?.ok_or(TokenError::Invalid)?;
    let page = web::onboarding(visitor.language, token, &company.view());
    Ok(with_language_cookie(state, query, Html(page)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<u64> {
        salon(&Query::new(Some(query))).map(SalonId::get)
    }

    #[test]
    fn a_single_salon_is_read_strictly() {
        assert_eq!(read("salon_id=77"), Some(77));
        assert_eq!(read("salon_id=0077"), Some(77));
        for wild in [
            "",
            "salon_id",
            "salon_id=",
            "salon_id=0",
            "salon_id=-1",
            "salon_id=%2B1",
            "salon_id=1.0",
            "salon_id=1e3",
            "salon_id=0x1",
            "salon_id=77abc",
            "salon_id=77%00",
            "salon_id=%FF",
            "salon_id=%D9%A7",
            "salon_id=9007199254740992",
            "salon_id=99999999999999999999999",
            "salon_id=77&salon_id=78",
            "salon_id=77&salon_id=77",
            "salon_id[]=77",
            "salon_id= 77",
        ] {
            assert_eq!(read(wild), None, "{wild}");
        }
    }

    #[test]
    fn of_a_list_the_first_valid_one_counts() {
        assert_eq!(read("salon_ids[]=x&salon_ids[]=5&salon_ids[]=6"), Some(5));
        assert_eq!(read("salon_ids%5B%5D=5"), Some(5));
        assert_eq!(read("salon_ids[0]=5&salon_ids[1]=6"), Some(5));
        assert_eq!(read("salon_ids=5"), Some(5));
        assert_eq!(read("salon_ids[]=x"), None);
        assert_eq!(read("salon_ids[a]=5"), None);
        assert_eq!(read("salon_id=bad&salon_ids[]=5"), None);
        assert_eq!(read(&"salon_ids[]=5&".repeat(51)), None);
    }
}
