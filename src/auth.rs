//! Page tokens: HS256 with one audience each, opening only their own company. API keys come with a later change.

use chrono::{DateTime, Duration, Utc};
use frontdesk_actors::ids::{CompanyId, SalonId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// HS256 keys shorter than this are refused at start.
pub const MIN_SECRET_BYTES: usize = 32;

/// An onboarding token lives this long from the redirect: as long as YClients keeps the installation pending.
const ONBOARDING_LIFETIME: Duration = Duration::hours(1);

/// A connect token lives this long from `register`.
const CONNECT_LIFETIME: Duration = Duration::hours(24);

/// Longer texts are no tokens of ours and are not even decoded.
const MAX_TOKEN_BYTES: usize = 2048;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// The onboarding page after YClients' redirect.
    Onboarding,
    /// The connect page after `register`.
    Connect,
}

impl Audience {
    fn name(self) -> &'static str {
        match self {
            Self::Onboarding => "onboarding",
            Self::Connect => "connect",
        }
    }
}

/// Who holds a valid page token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// The only company it opens.
    pub company: CompanyId,
    /// That company's salon.
    pub salon: SalonId,
    /// What it was minted for.
    pub audience: Audience,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// There is none.
    #[error("a token is required")]
    Missing,
    /// Not ours, tampered, wrong algorithm or audience.
    #[error("the token is not valid")]
    Invalid,
    /// It was valid once.
    #[error("the token has expired")]
    Expired,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    company_id: CompanyId,
    salon_id: SalonId,
    iat: i64,
    exp: i64,
}

/// Mints and verifies page tokens.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// `secret` has at least [`MIN_SECRET_BYTES`] bytes; the configuration checked it.
    pub fn new(secret: &SecretString) -> Self {
        let bytes = secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_audience(&[Audience::Onboarding.name(), Audience::Connect.name()]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        Self { encoding: EncodingKey::from_secret(bytes), decoding: DecodingKey::from_secret(bytes), validation }
    }

    /// A token that opens this company until its audience's lifetime after `from` has passed.
    pub fn mint(&self, audience: Audience, company: CompanyId, salon: SalonId, from: DateTime<Utc>) -> String {
        let lifetime = match audience {
            Audience::Onboarding => ONBOARDING_LIFETIME,
            Audience::Connect => CONNECT_LIFETIME,
        };
        let claims = Claims {
            aud: audience.name().to_owned(),
            company_id: company,
            salon_id: salon,
            iat: from.timestamp(),
            exp: (from + lifetime).timestamp(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).expect("HS256 over plain claims cannot fail")
    }

    /// Who holds this token.
    pub fn verify(&self, token: &str) -> Result<Principal, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let data = decode::<Claims>(token, &self.decoding, &self.validation).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::ExpiredSignature => TokenError::Expired,
            _ => TokenError::Invalid,
        })?;
        let audience = match data.claims.aud.as_str() {
            "onboarding" => Audience::Onboarding,
            "connect" => Audience::Connect,
            _ => return Err(TokenError::Invalid),
        };
        let expires_at = DateTime::from_timestamp(data.claims.exp, 0).ok_or(TokenError::Invalid)?;
        Ok(Principal { company: data.claims.company_id, salon: data.claims.salon_id, audience, expires_at })
    }
}
