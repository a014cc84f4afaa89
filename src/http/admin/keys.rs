//! Operators' keys: made, listed, revoked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use frontdesk_actors::operators::{KeyId, OperatorKey};
use frontdesk_actors::ports::KeyError;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Role;
use super::caller::AdminOnly;
use super::change::{Change, stored};
use crate::auth::KeyWish;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, PathSegments};

/// Longest name of a key, in characters.
const MAX_NAME_CHARS: usize = 100;

/// A key, without the key.
#[derive(Serialize, ToSchema)]
pub struct Key {
    key_id: u64,
    /// Who or what holds it.
    name: String,
    role: Role,
    /// Its first characters.
    hint: String,
    created_at: DateTime<Utc>,
    /// It opens nothing from then on.
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
    /// Does it open anything now?
    active: bool,
}

impl From<OperatorKey> for Key {
    fn from(key: OperatorKey) -> Self {
        Self {
            active: key.is_good(Utc::now()),
            key_id: key.id.0,
            name: key.name,
            role: key.role.into(),
            hint: key.hint,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// All keys.
#[derive(Serialize, ToSchema)]
pub struct Keys {
    success: bool,
    /// Oldest first.
    keys: Vec<Key>,
}

/// What a new key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Who or what holds it: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    role: Role,
    /// When it ends by itself; absent: never.
    expires_at: Option<DateTime<Utc>>,
}

/// A key just made.
#[derive(Serialize, ToSchema)]
pub struct CreatedKey {
    success: bool,
    key: Key,
    /// The key itself. It is shown this once and stored nowhere.
    api_key: String,
}

/// A key just revoked.
#[derive(Serialize, ToSchema)]
pub struct RevokedKey {
    success: bool,
    key: Key,
}

/// Every key, revoked ones too.
#[utoipa::path(get, path = "/keys", tag = "keys", operation_id = "list_keys",
    responses((status = 200, body = Keys), Refusals), security(("operator_key" = ["admin"])))]
pub async fn list(AdminOnly(_): AdminOnly, State(state): State<HttpState>) -> Result<Json<Keys>, ApiError> {
    let keys = state.operators.list().await.map_err(stored)?;
    Ok(Json(Keys { success: true, keys: keys.into_iter().map(Key::from).collect() }))
}

/// Makes a key. The answer shows it once.
#[utoipa::path(post, path = "/keys", tag = "keys", operation_id = "create_key", request_body = NewKey,
    responses((status = 201, body = CreatedKey), Refusals), security(("operator_key" = ["admin"])))]
pub async fn create(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    JsonBody(new): JsonBody<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>), ApiError> {
    let wish = KeyWish { name: name(&new.name)?, role: new.role.into(), expires_at: future(new.expires_at)? };
    let (audit, operators) = (Change::of("key.create").by(&caller), state.operators.clone());
    let (key, text) = state.admin.to_the_end(async move { Ok(operators.create(wish, audit).await?) }).await?;
    let created = CreatedKey { success: true, key: key.into(), api_key: text.expose_secret().to_owned() };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Revokes a key, at once and for good.
#[utoipa::path(delete, path = "/keys/{key_id}", tag = "keys", operation_id = "revoke_key", params(("key_id" = u64, Path, description = "The key's number.")),
    responses((status = 200, body = RevokedKey), Refusals), security(("operator_key" = ["admin"])))]
pub async fn revoke(
    AdminOnly(caller): AdminOnly,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
) -> Result<Json<RevokedKey>, ApiError> {
    let id = KeyId(id);
    if caller.operator.key == Some(id) {
        return Err(ApiError::conflict("OWN_KEY", "This is the key you are using. Revoke it with another admin's key."));
    }
    let (audit, operators) = (Change::of("key.revoke").target(id.0).by(&caller), state.operators.clone());
    let key = state.admin.to_the_end(async move { Ok(operators.revoke(id, audit).await?) }).await?;
    Ok(Json(RevokedKey { success: true, key: key.into() }))
}

fn name(text: &str) -> Result<String, ApiError> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(ApiError::bad_request("INVALID_NAME", "Give the key a name of 1 to 100 characters: who or what holds it."));
    }
    Ok(name.to_owned())
}

fn future(end: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, ApiError> {
    if end.is_some_and(|end| end <= Utc::now()) {
        return Err(ApiError::bad_request("INVALID_EXPIRY", "The key would be expired at once. Give a time in the future, or none."));
    }
    Ok(end)
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::TooMany => Self::conflict("TOO_MANY_KEYS", "There are too many keys. Revoke those that nobody uses."),
            KeyError::Unknown => Self::not_found("KEY_NOT_FOUND", "There is no key with this number. The list of keys shows them."),
            KeyError::Records(error) => stored(error),
        }
    }
}
