//! Page tokens: HS256 with one audience each, opening only their own company. Operators' keys: [`Operators`].

mod operators;
pub mod presented;
mod sessions;
#[cfg(test)]
pub mod testing;

use chrono::{DateTime, Duration, Utc};
use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::{CompanyHandle, FleetHandle};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use operators::{KeyRefused, KeyWish, MIN_ADMIN_KEY_CHARS, Operator, Operators};
pub use sessions::{PLAIN_COOKIE, SECURE_COOKIE, SESSION_LIFETIME, Session, Sessions, session_cookie};

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

impl Principal {
    /// The company a token opens. `None` when it is gone, or when its number now belongs to another salon: a token outlives a data folder.
    pub async fn company(self, fleet: &FleetHandle) -> Result<Option<CompanyHandle>, CallError> {
        let company = fleet.company(self.company).await?;
        Ok(company.filter(|company| company.salon_id() == self.salon))
    }
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

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    fn tokens(secret: &str) -> Tokens {
        Tokens::new(&SecretString::from(secret.repeat(MIN_SECRET_BYTES)))
    }

    fn ids() -> (CompanyId, SalonId) {
        (CompanyId::try_from(3).unwrap(), SalonId::try_from(77).unwrap())
    }

    fn mint(from: DateTime<Utc>) -> String {
        let (company, salon) = ids();
        tokens("a").mint(Audience::Onboarding, company, salon, from)
    }

    fn claims() -> Value {
        json!({"aud": "onboarding", "company_id": 3, "salon_id": 77, "iat": 0, "exp": (Utc::now() + Duration::hours(1)).timestamp()})
    }

    fn signed(algorithm: Algorithm, claims: &Value) -> String {
        let key = EncodingKey::from_secret("a".repeat(MIN_SECRET_BYTES).as_bytes());
        encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    #[test]
    fn a_token_opens_its_own_company_for_as_long_as_its_audience_lasts() {
        let now = Utc::now();
        for (audience, hours) in [(Audience::Onboarding, 1), (Audience::Connect, 24)] {
            let (company, salon) = ids();
            let token = tokens("a").mint(audience, company, salon, now);
            let principal = tokens("a").verify(&token).unwrap();
            assert_eq!((principal.company, principal.salon, principal.audience), (company, salon, audience));
            assert_eq!(principal.expires_at.timestamp(), (now + Duration::hours(hours)).timestamp());
        }
    }

    #[test]
    fn an_expired_token_gets_no_grace() {
        let expired_for = |seconds| mint(Utc::now() - ONBOARDING_LIFETIME - Duration::seconds(seconds));
        for seconds in [2, 30, 59, 61, 86_400] {
            assert_eq!(tokens("a").verify(&expired_for(seconds)), Err(TokenError::Expired), "{seconds} s");
        }
        assert!(tokens("a").verify(&expired_for(-30)).is_ok());
    }

    #[test]
    fn a_token_signed_with_another_secret_is_invalid() {
        assert_eq!(tokens("b").verify(&mint(Utc::now())), Err(TokenError::Invalid));
        let long_expired = mint(Utc::now() - Duration::days(9));
        assert_eq!(tokens("b").verify(&long_expired), Err(TokenError::Invalid));
    }

    #[test]
    fn a_tampered_token_is_invalid_wherever_it_was_touched() {
        let token = mint(Utc::now());
        let parts: Vec<&str> = token.split('.').collect();
        let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        claims["salon_id"] = json!(78);
        let foreign = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2]);
        assert_eq!(tokens("a").verify(&foreign), Err(TokenError::Invalid));
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'z' } else { b'A' };
            let touched = String::from_utf8(bytes).unwrap();
            assert!(touched == token || tokens("a").verify(&touched).is_err(), "letter {at}");
        }
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(tokens("a").verify(&signed(algorithm, &claims())), Err(TokenError::Invalid), "{algorithm:?}");
        }
        assert!(tokens("a").verify(&signed(Algorithm::HS256, &claims())).is_ok());
        for header in [json!({"alg": "none"}), json!({"alg": "None", "typ": "JWT"}), json!({"alg": "RS256"}), json!({})] {
            let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims().to_string()));
            assert_eq!(tokens("a").verify(&unsigned), Err(TokenError::Invalid), "{header}");
        }
    }

    #[test]
    fn every_claim_is_required_and_checked() {
        for name in ["aud", "exp", "company_id", "salon_id"] {
            assert_eq!(tokens("a").verify(&signed(Algorithm::HS256, &without(name))), Err(TokenError::Invalid), "{name}");
        }
        let wrong =
            [("aud", json!("admin")), ("aud", json!("")), ("exp", json!("soon")), ("company_id", json!(0)), ("salon_id", json!("77"))];
        for (name, value) in wrong {
            let mut claims = claims();
            claims[name] = value.clone();
            assert_eq!(tokens("a").verify(&signed(Algorithm::HS256, &claims)), Err(TokenError::Invalid), "{name}: {value}");
        }
    }

    #[test]
    fn what_is_no_token_at_all_is_told_apart_from_none() {
        assert_eq!(tokens("a").verify(""), Err(TokenError::Missing));
        for text in [" ", "x", "..", "a.b.c", "Bearer x", "\0", "жетон"] {
            assert_eq!(tokens("a").verify(text), Err(TokenError::Invalid), "{text:?}");
        }
        assert_eq!(tokens("a").verify(&"x".repeat(1_000_000)), Err(TokenError::Invalid));
    }
}
