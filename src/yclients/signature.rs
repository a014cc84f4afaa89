//! The owner data of YClients' redirect: base64 of JSON, signed with the partner token over the *decoded* bytes.
//! The salon id is not covered by the signature: replay is stopped elsewhere, by the fingerprint.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use frontdesk_actors::ports::{SignatureError, SignedOwner};
use frontdesk_actors::records::MarketplaceUser;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::types::{self, owner::OwnerData};

/// Real values are a few hundred bytes; more than this is not from YClients.
const MAX_USER_DATA_BYTES: usize = 32 * 1024;

const TOLERANT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, TOLERANT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, TOLERANT);

/// Checks and reads the pair. Both absent is fine unless `required`; one alone never is.
pub(super) fn verify(
    partner_token: &SecretString,
    user_data: Option<&str>,
    sign: Option<&str>,
    required: bool,
) -> Result<SignedOwner, SignatureError> {
    let (user_data, sign) = match (user_data, sign) {
        (Some(data), Some(sign)) => (data, sign),
        (None, None) if !required => return Ok(unsigned()),
        _ => return Err(SignatureError::Missing),
    };
    let decoded = decode(user_data)?;
    let sign = hex::decode(sign).map_err(|_| SignatureError::Mismatch)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(partner_token.expose_secret().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(&decoded);
    mac.verify_slice(&sign).map_err(|_| SignatureError::Mismatch)?;
    read(&decoded)
}

fn unsigned() -> SignedOwner {
    SignedOwner { user: MarketplaceUser::default(), salon_title: None, fingerprint: None }
}

/// Both alphabets, padded or not; a `+` that a query parser turned into a space is repaired.
fn decode(user_data: &str) -> Result<Vec<u8>, SignatureError> {
    if user_data.len() > MAX_USER_DATA_BYTES {
        return Err(SignatureError::Unreadable);
    }
    let repaired = user_data.replace(' ', "+");
    URL_SAFE.decode(&repaired).or_else(|_| STANDARD.decode(&repaired)).map_err(|_| SignatureError::Unreadable)
}

fn read(decoded: &[u8]) -> Result<SignedOwner, SignatureError> {
    let owner: OwnerData = serde_json::from_slice(decoded).map_err(|_| SignatureError::Unreadable)?;
    let user = MarketplaceUser {
        id: owner.id.or(owner.user_id),
        name: owner.name.as_deref().and_then(types::sane),
        phone: owner.phone.and_then(|phone| phone.parse().ok()),
        email: owner.email.as_deref().and_then(types::sane),
    };
    Ok(SignedOwner {
        user,
        salon_title: owner.salon_name.as_deref().and_then(types::sane),
        fingerprint: Some(Sha256::digest(decoded).into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL_DATA: &str = "eyJpZCI6MTIzNDU2LCJuYW1lIjoi0JDQvdC90LAg0KLQtdGB0YI_PiIsInBob25lIjoiNzkwMDEyMzQ1NjciLCJlbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJpc19hcHByb3ZlZCI6dHJ1ZSwiYXZhdGFyIjoiIiwic2Fsb25fbmFtZSI6ItCh0LDQu9C-0L0gfn4ifQ==";
    const SIGN: &str = "c908dc484699bb9fdf141232ac7e3a9b23738efd224b5645d31bffe19fffeaf0";
    const SIGN_OVER_TEXT: &str = "7336bf275cfab4121d3592acd4a60fbade56cfc4e2b205d3efad42d2001a52d8";

    fn check(data: Option<&str>, sign: Option<&str>) -> Result<SignedOwner, SignatureError> {
        verify(&SecretString::from("test_partner_token"), data, sign, true)
    }

    #[test]
    fn the_documented_vector_is_accepted_and_read() {
        let owner = check(Some(URL_DATA), Some(SIGN)).expect("vector verifies");
        assert_eq!(owner.user.id, Some(123_456));
        assert_eq!(owner.user.name.as_deref(), Some("Анна Тест?>"));
        assert_eq!(owner.user.phone.map(|phone| phone.e164()), Some("+79001234567".to_owned()));
        assert_eq!(owner.salon_title.as_deref(), Some("Салон ~~"));
        assert!(owner.fingerprint.is_some());
    }

    #[test]
    fn both_alphabets_padding_or_not_and_a_plus_read_as_space_give_the_same_owner() {
        let standard = URL_DATA.replace('_', "/").replace('-', "+");
        let spellings = [
            standard.clone(),
            standard.replace('+', " "),
            standard.trim_end_matches('=').to_owned(),
            URL_DATA.trim_end_matches('=').to_owned(),
        ];
        let reference = check(Some(URL_DATA), Some(SIGN)).expect("vector verifies");
        for spelling in spellings {
            assert_eq!(check(Some(&spelling), Some(SIGN)).as_ref(), Ok(&reference), "{spelling}");
        }
        assert_eq!(check(Some(URL_DATA), Some(&SIGN.to_uppercase())).as_ref(), Ok(&reference));
    }

    #[test]
    fn a_signature_over_the_base64_text_is_refused() {
        assert_eq!(check(Some(URL_DATA), Some(SIGN_OVER_TEXT)), Err(SignatureError::Mismatch));
    }

    #[test]
    fn one_of_the_pair_alone_is_refused_even_where_signing_is_optional() {
        let token = SecretString::from("test_partner_token");
        for required in [true, false] {
            assert_eq!(verify(&token, Some(URL_DATA), None, required), Err(SignatureError::Missing));
            assert_eq!(verify(&token, None, Some(SIGN), required), Err(SignatureError::Missing));
        }
        assert_eq!(verify(&token, None, None, true), Err(SignatureError::Missing));
        assert!(verify(&token, None, None, false).is_ok());
    }

    #[test]
    fn unreadable_tampered_and_oversized_data_is_refused() {
        assert_eq!(check(Some("%%%"), Some(SIGN)), Err(SignatureError::Unreadable));
        assert_eq!(check(Some(&"A".repeat(40_000)), Some(SIGN)), Err(SignatureError::Unreadable));
        assert!(check(Some(&format!("A{URL_DATA}")), Some(SIGN)).is_err());
        assert_eq!(check(Some(URL_DATA), Some("zz")), Err(SignatureError::Mismatch));
        assert_eq!(check(Some(URL_DATA), Some("")), Err(SignatureError::Mismatch));
        assert_eq!(check(Some(URL_DATA), Some(&SIGN[..32])), Err(SignatureError::Mismatch));
    }
}
