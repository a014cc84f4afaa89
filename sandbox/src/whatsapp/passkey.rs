//! A phone's passkey: whether linking asks for it, what its owner's authenticator would sign, and how the service
//! checks that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::view::PhoneError;

/// Passkeys of WhatsApp are for this site …
const SITE: &str = "web.whatsapp.com";
/// … so only a page of this origin can use them.
const ORIGIN: &str = "https://web.whatsapp.com";
/// Flags of the authenticator: its user is there and has proven who they are.
const PRESENT_AND_VERIFIED: u8 = 0b101;
/// How long the owner has, as the options say.
const TIMEOUT_MS: u32 = 60_000;

/// How linking with a phone goes when it asks for a passkey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasskeyBehaviour {
    /// A genuine assertion is accepted, the phone agrees to the code.
    #[default]
    Accept,
    /// Every assertion is refused.
    Refuse,
    /// The request comes without the options; the client has to ask for them.
    FetchOptions,
    /// The options can't be read.
    BadOptions,
    /// Nothing comes after the assertion.
    Silent,
    /// What comes after the assertion can't be read.
    BadContinuation,
    /// The phone's owner doesn't agree to the code.
    Decline,
}

/// Whether linking asks for the phone's passkey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeySettings {
    /// Devices must bring an assertion of the passkey to be linked.
    pub required: bool,
    /// What becomes of the assertion.
    #[serde(default)]
    pub behaviour: PasskeyBehaviour,
}

/// How far a link by passkey has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum PasskeyStage {
    /// Nobody is linking.
    #[default]
    Idle,
    /// The device was asked for an assertion.
    Requested {
        /// The options it got, to be given to an authenticator.
        options: String,
    },
    /// The assertion was genuine; the device must show itself.
    Proven,
    /// The phone shows this code; the device must show the same.
    Comparing {
        /// `XXXX-XXXX`.
        code: String,
    },
    /// The device is linked.
    Linked,
    /// It went wrong.
    Failed {
        /// What went wrong.
        reason: &'static str,
    },
}

/// A phone's passkey, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PasskeyView {
    /// Whether linking asks for it, and what becomes of the answer.
    #[serde(flatten)]
    pub settings: PasskeySettings,
    /// Its id, base64url.
    pub credential_id: String,
    /// How far the last link has come.
    #[serde(flatten)]
    pub stage: PasskeyStage,
}

/// What the owner's browser hands over: proof that the owner agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PasskeyAssertion {
    /// Id of the passkey, base64url.
    pub credential_id: String,
    /// The `PublicKeyCredential` as JSON.
    pub assertion: Value,
}

/// The passkey of one account. The same after every restart, as real ones live outside the service.
pub(crate) struct Passkey {
    pub(crate) credential_id: [u8; 16],
    key: SigningKey,
}

impl Passkey {
    pub(crate) fn of(number: &str) -> Self {
        let id = Sha256::digest(format!("frontdesk sandbox: credential of {number}"));
        let secret = Sha256::digest(format!("frontdesk sandbox: passkey of {number}"));
        Self {
            credential_id: id[..16].try_into().expect("a digest has 32 bytes"),
            key: SigningKey::from_slice(&secret).expect("a digest is a P-256 scalar but for one in 2^32"),
        }
    }

    pub(crate) fn shown_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.credential_id)
    }

    /// The options for the browser's `navigator.credentials.get`.
    pub(crate) fn request_options(&self, challenge: &[u8; 32]) -> String {
        json!({
            "challenge": URL_SAFE_NO_PAD.encode(challenge),
            "rpId": SITE,
            "allowCredentials": [{
                "id": URL_SAFE_NO_PAD.encode(self.credential_id),
                "type": "public-key",
                "transports": ["hybrid", "internal"],
            }],
            "userVerification": "required",
            "timeout": TIMEOUT_MS,
        })
        .to_string()
    }

    /// What the owner's authenticator answers to the options, as a page of the right origin gets it.
    pub(crate) fn assert(&self, options: &str) -> Result<PasskeyAssertion, PhoneError> {
        let options: Value = serde_json::from_str(options).map_err(|_| PhoneError::InvalidPasskeyOptions)?;
        let challenge = options["challenge"].as_str().ok_or(PhoneError::InvalidPasskeyOptions)?;
        let client_data = json!({
            "type": "webauthn.get",
            "challenge": challenge.trim_end_matches('='),
            "origin": ORIGIN,
            "crossOrigin": false,
        })
        .to_string();
        let mut authenticator_data = Sha256::digest(SITE).to_vec();
        authenticator_data.push(PRESENT_AND_VERIFIED);
        authenticator_data.extend_from_slice(&[0; 4]);
        let signature: Signature = self.key.sign(&signed_part(&authenticator_data, client_data.as_bytes()));
        let id = URL_SAFE_NO_PAD.encode(self.credential_id);
        let assertion = json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
                "authenticatorData": URL_SAFE_NO_PAD.encode(authenticator_data),
                "signature": URL_SAFE_NO_PAD.encode(signature.to_der().as_bytes()),
                "userHandle": null,
            },
        });
        Ok(PasskeyAssertion { credential_id: id, assertion })
    }

    /// Whether an assertion answers this challenge, for the right site, by this passkey.
    pub(crate) fn check(&self, challenge: &[u8; 32], credential_id: &[u8], assertion: &[u8]) -> Result<(), &'static str> {
        let assertion: Value = serde_json::from_slice(assertion).map_err(|_| "the assertion isn't JSON")?;
        let field = |name: &str| {
            let text = assertion["response"][name].as_str().unwrap_or_default();
            URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default()
        };
        if credential_id != self.credential_id || assertion["rawId"] != URL_SAFE_NO_PAD.encode(self.credential_id) {
            return Err("the assertion is by another passkey");
        }
        let client_data = field("clientDataJSON");
        let said: Value = serde_json::from_slice(&client_data).map_err(|_| "the client data isn't JSON")?;
        if said["type"] != "webauthn.get" || said["challenge"] != URL_SAFE_NO_PAD.encode(challenge) {
            return Err("the assertion is for another challenge");
        }
        if said["origin"] != ORIGIN {
            return Err("the assertion was made by a page of another origin");
        }
        let authenticator_data = field("authenticatorData");
        let flags = authenticator_data.get(32).copied().unwrap_or_default();
        if authenticator_data.len() < 37 || authenticator_data[..32] != Sha256::digest(SITE)[..] {
            return Err("the assertion is for another site");
        }
        if flags & PRESENT_AND_VERIFIED != PRESENT_AND_VERIFIED {
            return Err("the authenticator didn't verify its user");
        }
        let signature = Signature::from_der(&field("signature")).map_err(|_| "the signature can't be read")?;
        let signed = signed_part(&authenticator_data, &client_data);
        self.key.verifying_key().verify(&signed, &signature).map_err(|_| "the signature is wrong")
    }
}

fn signed_part(authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [authenticator_data, &Sha256::digest(client_data)[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passkey_of_the_account_answers_its_challenge() {
        let (mine, other) = (Passkey::of("79000000001"), Passkey::of("79000000002"));
        let answer = mine.assert(&mine.request_options(&[7; 32])).expect("readable options");
        let json = answer.assertion.to_string();
        assert_eq!(mine.check(&[7; 32], &mine.credential_id, json.as_bytes()), Ok(()));
        assert!(mine.check(&[8; 32], &mine.credential_id, json.as_bytes()).is_err());
        assert!(other.check(&[7; 32], &other.credential_id, json.as_bytes()).is_err());
        let stolen = answer.assertion["response"]["signature"].as_str().expect("a signature").len();
        assert!(stolen > 60);
        let forged = json.replace("\"rawId\"", "\"raw\"");
        assert!(mine.check(&[7; 32], &mine.credential_id, forged.as_bytes()).is_err());
        assert!(mine.assert("nonsense").is_err());
    }
}
