//! What the owner's passkey answered, as an extension or a person hands it in: checked for its form, its site and its request, so that
//! a mistake costs no link. Whether it is genuine, WhatsApp says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use frontdesk_actors::ids::Secret;
use frontdesk_actors::ports::PasskeyAssertion;
use frontdesk_actors::view::PasskeyView;
use serde_json::{Value, json};

use crate::web::PASSKEY_ORIGIN;

/// Ids of credentials are at most this long, by the standard.
const ID_MAX_BYTES: usize = 1023;

/// Longer than any part of a genuine answer.
const PART_MAX_BYTES: usize = 8 * 1024;

/// Why an answer is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is no `PublicKeyCredential`.
    Malformed,
    /// It was made by a page of another site.
    OtherSite,
    /// It answers another request than the present one.
    OtherRequest,
}

impl Unfit {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Malformed => "PASSKEY_INVALID",
            Self::OtherSite => "PASSKEY_WRONG_SITE",
            Self::OtherRequest => "PASSKEY_OUTDATED",
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Malformed => "this is no answer of a passkey: send the PublicKeyCredential as JSON, binary fields as base64url",
            Self::OtherSite => "the passkey must be used on a page of https://web.whatsapp.com",
            Self::OtherRequest => "this answers an older request: use the options of the last passkey-request",
        }
    }
}

/// Reads `{assertion}` or the credential itself, as an object or as text, for the request that waits now.
pub(super) fn assertion(payload: Option<&Value>, waiting: Option<&PasskeyView>) -> Result<PasskeyAssertion, Unfit> {
    let payload = payload.ok_or(Unfit::Malformed)?;
    let credential = opened(payload.get("assertion").unwrap_or(payload)).ok_or(Unfit::Malformed)?;
    let fit = Parts::of(&credential).ok_or(Unfit::Malformed)?;
    let said: Value = serde_json::from_slice(&fit.client_data).map_err(|_| Unfit::Malformed)?;
    if said["type"] != "webauthn.get" {
        return Err(Unfit::Malformed);
    }
    if said["origin"] != PASSKEY_ORIGIN {
        return Err(Unfit::OtherSite);
    }
    if let Some(waiting) = waiting
        && challenge_of(&said) != challenge_of(&serde_json::from_str(waiting.options.expose()).unwrap_or_default())
    {
        return Err(Unfit::OtherRequest);
    }
    Ok(fit.assertion())
}

/// An object, or a text that is one.
fn opened(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value.clone()),
        Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_object),
        _ => None,
    }
}

fn challenge_of(value: &Value) -> Option<Vec<u8>> {
    bytes(value.get("challenge")?, PART_MAX_BYTES)
}

/// The parts of a credential, decoded.
struct Parts {
    id: Vec<u8>,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

impl Parts {
    fn of(credential: &Value) -> Option<Self> {
        let response = credential.get("response")?;
        let part = |name: &str| bytes(response.get(name)?, PART_MAX_BYTES);
        let user_handle = match response.get("userHandle") {
            None | Some(Value::Null) => None,
            Some(handle) => Some(bytes(handle, PART_MAX_BYTES)?),
        };
        Some(Self {
            id: bytes(credential.get("rawId").or_else(|| credential.get("id"))?, ID_MAX_BYTES)?,
            client_data: part("clientDataJSON")?,
            authenticator_data: part("authenticatorData")?,
            signature: part("signature")?,
            user_handle,
        })
    }

    /// In WhatsApp's own shape, without what else was handed in.
    fn assertion(self) -> PasskeyAssertion {
        let id = URL_SAFE_NO_PAD.encode(&self.id);
        let json = json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(&self.client_data),
                "authenticatorData": URL_SAFE_NO_PAD.encode(&self.authenticator_data),
                "signature": URL_SAFE_NO_PAD.encode(&self.signature),
                "userHandle": self.user_handle.map(|handle| URL_SAFE_NO_PAD.encode(handle)),
            },
        });
        PasskeyAssertion { credential_id: self.id, json: Secret::new(json.to_string()) }
    }
}

/// Base64 of either alphabet, with or without padding; not empty.
fn bytes(value: &Value, at_most: usize) -> Option<Vec<u8>> {
    let text = value.as_str()?.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let decoded = URL_SAFE_NO_PAD.decode(text).ok()?;
    (1..=at_most).contains(&decoded.len()).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use frontdesk_actors::view::PasskeyStage;

    use super::*;

    fn waiting() -> PasskeyView {
        let options = Secret::new(r#"{"challenge":"AAECAw","rpId":"web.whatsapp.com"}"#);
        PasskeyView { stage: PasskeyStage::Requested, options, code: None, expires_at: DateTime::<Utc>::MAX_UTC }
    }

    fn credential(origin: &str, challenge: &str) -> Value {
        let said = json!({"type": "webauthn.get", "challenge": challenge, "origin": origin}).to_string();
        json!({
            "id": "a-_b", "rawId": "a-_b", "type": "public-key", "clientExtensionResults": {"x": 1},
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(said), "authenticatorData": "AAAA", "signature": "MEUC", "userHandle": null,
            },
        })
    }

    fn good() -> Value {
        credential(PASSKEY_ORIGIN, "AAECAw")
    }

    #[test]
    fn an_answer_is_taken_in_every_shape_an_extension_may_send_it_and_cleaned() {
        let padded = {
            let mut value = good();
            value["rawId"] = json!("a+/b");
            value["response"]["userHandle"] = json!("AQ==");
            value
        };
        for payload in [good(), json!({"assertion": good()}), json!({"credentialId": "x", "assertion": good().to_string()}), padded.clone()]
        {
            let taken = assertion(Some(&payload), Some(&waiting())).unwrap();
            let sent: Value = serde_json::from_str(taken.json.expose()).unwrap();
            assert_eq!((sent["rawId"].as_str(), sent["id"].as_str()), (Some("a-_b"), Some("a-_b")), "{payload}");
            assert_eq!(taken.credential_id, URL_SAFE_NO_PAD.decode("a-_b").unwrap());
            assert!(sent.get("clientExtensionResults").is_none());
        }
        let handle = assertion(Some(&padded), None).unwrap();
        assert!(handle.json.expose().contains(r#""userHandle":"AQ""#));
    }

    #[test]
    fn what_whatsapp_would_refuse_for_certain_is_not_passed_on() {
        let judged = |payload: Value| assertion(Some(&payload), Some(&waiting())).err();
        assert_eq!(judged(credential("https://frontdesk.example", "AAECAw")), Some(Unfit::OtherSite));
        assert_eq!(judged(credential(PASSKEY_ORIGIN, "AAEC")), Some(Unfit::OtherRequest));
        assert_eq!(assertion(None, None).err(), Some(Unfit::Malformed));
        let without = |path: &str| {
            let mut value = good();
            *value.pointer_mut(path).unwrap() = Value::Null;
            value
        };
        let long = {
            let mut value = good();
            value["rawId"] = json!("A".repeat(2000));
            value
        };
        for payload in [
            json!(null),
            json!("text"),
            json!([good()]),
            json!({"assertion": 7}),
            without("/rawId"),
            without("/response/signature"),
            without("/response/clientDataJSON"),
            without("/response"),
            long,
        ] {
            assert_eq!(judged(payload.clone()), Some(Unfit::Malformed), "{payload}");
        }
    }
}
