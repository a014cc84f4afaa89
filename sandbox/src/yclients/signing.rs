//! The signed redirect: what YClients appends to the registration URL of an application.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::world::Salon;

/// `user_data` and `user_data_sign` of one press of *Connect*.
pub struct SignedUserData {
    /// URL-safe base64 with padding, the alphabet YClients was seen to use.
    pub user_data: String,
    /// Lower-case hex.
    pub sign: String,
}

/// HMAC-SHA256 over the decoded bytes, not over the base64 text.
pub fn sign(partner_token: &str, decoded: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(partner_token.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(decoded);
    hex::encode(mac.finalize().into_bytes())
}

/// Describes the owner of a salon; `nonce` keeps two presses of *Connect* apart.
pub fn user_data(partner_token: &str, salon: &Salon, nonce: &str) -> SignedUserData {
    let decoded = serde_json::json!({
        "id": salon.owner_id(),
        "name": "Анна Владелец",
        "phone": salon.phone,
        "email": format!("owner{}@example.com", salon.id),
        "is_approved": true,
        "avatar": "",
        "salon_name": salon.title,
        "nonce": nonce,
    })
    .to_string();
    SignedUserData { user_data: URL_SAFE.encode(&decoded), sign: sign(partner_token, decoded.as_bytes()) }
}

/// Enough of a hash to tell two secrets apart, too little to find one.
pub fn fingerprint(secret: &str) -> String {
    hex::encode(&Sha256::digest(secret.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "eyJpZCI6MTIzNDU2LCJuYW1lIjoi0JDQvdC90LAg0KLQtdGB0YI_PiIsInBob25lIjoiNzkwMDEyMzQ1NjciLCJlbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJpc19hcHByb3ZlZCI6dHJ1ZSwiYXZhdGFyIjoiIiwic2Fsb25fbmFtZSI6ItCh0LDQu9C-0L0gfn4ifQ==";

    #[test]
    fn the_known_vector_is_signed_over_the_decoded_bytes() {
        let decoded = URL_SAFE.decode(VECTOR).unwrap();
        assert_eq!(decoded.len(), 148);
        assert_eq!(sign("test_partner_token", &decoded), "c908dc484699bb9fdf141232ac7e3a9b23738efd224b5645d31bffe19fffeaf0");
    }

    #[test]
    fn two_presses_give_different_data_that_both_verify() {
        let salon = Salon::new(1, "Салон «А»".into(), "Europe/Moscow".into());
        let (one, two) = (user_data("t", &salon, "1"), user_data("t", &salon, "2"));
        assert_ne!(one.user_data, two.user_data);
        for signed in [one, two] {
            let decoded = URL_SAFE.decode(&signed.user_data).unwrap();
            assert_eq!(sign("t", &decoded), signed.sign);
            let owner: serde_json::Value = serde_json::from_slice(&decoded).unwrap();
            assert_eq!(owner["salon_name"], "Салон «А»");
        }
    }
}
