//! The responder's half of the Noise handshakes (XX and IK) that clients open with.

use wacore_binary::consts::{NOISE_PATTERN_IK, NOISE_PATTERN_XX, NOISE_PATTERN_XXFALLBACK, WA_CONN_HEADER};
use wacore_libsignal::protocol::{KeyPair, PrivateKey};
use wacore_noise::{HandshakeError, NoiseCipher, NoiseHandshake};
use waproto::buffa::{Message, MessageField};
use waproto::whatsapp::handshake_message::ServerHello;
use waproto::whatsapp::{ClientPayload, HandshakeMessage};

/// Seed of the service's static key. A constant, because clients cache the key and resume with IK after any restart.
const SERVER_KEY_SEED: [u8; 32] = *b"frontdesk sandbox: noise static!";

/// The key a spoilt certificate is for.
const FOREIGN_KEY: [u8; 32] = [0x5A; 32];

/// Why a handshake was given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoiseFailure {
    #[error("the handshake message lacks {0}")]
    Missing(&'static str),
    #[error("the handshake message can't be read")]
    Decode(#[from] waproto::buffa::DecodeError),
    #[error("a handshake step failed")]
    Step(#[from] HandshakeError),
}

/// The service's long-term Noise identity.
pub(crate) struct ServerIdentity {
    key: KeyPair,
    chain: Vec<u8>,
    /// A chain for another key: what somebody in the middle could present at best.
    foreign_chain: Vec<u8>,
}

/// What the client proved and asked for.
pub(crate) struct Caller {
    /// The client's Noise static key; logins are compared with the one stored at pairing.
    pub(crate) noise_key: [u8; 32],
    pub(crate) payload: ClientPayload,
}

/// Ciphers of an established connection, from the service's point of view.
pub(crate) struct Ciphers {
    pub(crate) write: NoiseCipher,
    pub(crate) read: NoiseCipher,
}

/// What follows from the client's first message.
pub(crate) enum Opening {
    /// IK: the caller is known already; send the hello and the connection stands.
    Resumed { hello: Vec<u8>, caller: Caller, ciphers: Ciphers },
    /// XX: send the hello, then feed the client's last message to [`XxPending::finish`].
    Full { hello: Vec<u8>, pending: XxPending },
}

/// An XX handshake that waits for the client's last message.
pub(crate) struct XxPending {
    noise: NoiseHandshake,
    ephemeral: KeyPair,
}

impl ServerIdentity {
    pub(crate) fn fixed() -> Self {
        let private = PrivateKey::deserialize(&SERVER_KEY_SEED).expect("any 32 bytes are a private key");
        let public = private.public_key().expect("a private key has a public one");
        let chain =
            wacore_noise::test_util::build_cert_chain_bytes(public.public_key_bytes().try_into().expect("a Curve25519 key has 32 bytes"));
        let foreign_chain = wacore_noise::test_util::build_cert_chain_bytes(&FOREIGN_KEY);
        Self { key: KeyPair::new(public, private), chain, foreign_chain }
    }

    /// Reads the client's first message and builds the answer to it.
    pub(crate) fn open(&self, message: &[u8]) -> Result<Opening, NoiseFailure> {
        let hello =
            HandshakeMessage::decode_from_slice(message)?.client_hello.into_option().ok_or(NoiseFailure::Missing("client hello"))?;
        let theirs = key32(hello.ephemeral, "ephemeral key")?;
        match (hello.r#static, hello.payload) {
            (Some(static_key), Some(payload)) => self.open_ik(&theirs, &static_key, &payload),
            _ => self.open_xx(NOISE_PATTERN_XX, &self.chain, &theirs),
        }
    }

    /// The same, but with a certificate that isn't for the key in use. A client that resumes wouldn't look at it, so
    /// it is asked for a full handshake first.
    pub(crate) fn open_spoilt(&self, message: &[u8]) -> Result<Opening, NoiseFailure> {
        let hello =
            HandshakeMessage::decode_from_slice(message)?.client_hello.into_option().ok_or(NoiseFailure::Missing("client hello"))?;
        let theirs = key32(hello.ephemeral, "ephemeral key")?;
        let pattern = if hello.r#static.is_some() { NOISE_PATTERN_XXFALLBACK } else { NOISE_PATTERN_XX };
        self.open_xx(pattern, &self.foreign_chain, &theirs)
    }

    fn open_xx(&self, pattern: &str, chain: &[u8], theirs: &[u8; 32]) -> Result<Opening, NoiseFailure> {
        let mut noise = NoiseHandshake::new(pattern, &WA_CONN_HEADER)?;
        noise.authenticate(theirs);
        let ephemeral = KeyPair::generate(&mut rand::rng());
        noise.authenticate(ephemeral.public_key.public_key_bytes());
        noise.mix_shared_secret(ephemeral.private_key.serialize(), theirs)?;
        let static_key = noise.encrypt(self.key.public_key.public_key_bytes())?;
        noise.mix_shared_secret(self.key.private_key.serialize(), theirs)?;
        let chain = noise.encrypt(chain)?;
        let hello = server_hello(&ephemeral, Some(static_key), chain);
        Ok(Opening::Full { hello, pending: XxPending { noise, ephemeral } })
    }

    fn open_ik(&self, theirs: &[u8; 32], static_key: &[u8], payload: &[u8]) -> Result<Opening, NoiseFailure> {
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
        noise.authenticate(self.key.public_key.public_key_bytes());
        noise.authenticate(theirs);
        noise.mix_shared_secret(self.key.private_key.serialize(), theirs)?;
        let noise_key = key32(Some(noise.decrypt(static_key)?), "static key")?;
        noise.mix_shared_secret(self.key.private_key.serialize(), &noise_key)?;
        let payload = ClientPayload::decode_from_slice(&noise.decrypt(payload)?)?;
        let ephemeral = KeyPair::generate(&mut rand::rng());
        noise.authenticate(ephemeral.public_key.public_key_bytes());
        noise.mix_shared_secret(ephemeral.private_key.serialize(), theirs)?;
        noise.mix_shared_secret(ephemeral.private_key.serialize(), &noise_key)?;
        let chain = noise.encrypt(&self.chain)?;
        Ok(Opening::Resumed {
            hello: server_hello(&ephemeral, None, chain),
            caller: Caller { noise_key, payload },
            ciphers: Ciphers::of(noise)?,
        })
    }
}

impl XxPending {
    /// Reads the client's last message.
    pub(crate) fn finish(mut self, message: &[u8]) -> Result<(Caller, Ciphers), NoiseFailure> {
        let finish =
            HandshakeMessage::decode_from_slice(message)?.client_finish.into_option().ok_or(NoiseFailure::Missing("client finish"))?;
        let static_key = finish.r#static.ok_or(NoiseFailure::Missing("static key"))?;
        let payload = finish.payload.ok_or(NoiseFailure::Missing("payload"))?;
        let noise_key = key32(Some(self.noise.decrypt(&static_key)?), "static key")?;
        self.noise.mix_shared_secret(self.ephemeral.private_key.serialize(), &noise_key)?;
        let payload = ClientPayload::decode_from_slice(&self.noise.decrypt(&payload)?)?;
        Ok((Caller { noise_key, payload }, Ciphers::of(self.noise)?))
    }
}

impl Ciphers {
    fn of(noise: NoiseHandshake) -> Result<Self, NoiseFailure> {
        // The pair is named from the initiator's side; the responder reads what the initiator writes.
        let (read, write) = noise.finish()?;
        Ok(Self { write, read })
    }
}

fn server_hello(ephemeral: &KeyPair, static_key: Option<Vec<u8>>, chain: Vec<u8>) -> Vec<u8> {
    HandshakeMessage {
        server_hello: MessageField::some(ServerHello {
            ephemeral: Some(ephemeral.public_key.public_key_bytes().to_vec()),
            r#static: static_key,
            payload: Some(chain),
            ..Default::default()
        }),
        ..Default::default()
    }
    .encode_to_vec()
}

fn key32(bytes: Option<Vec<u8>>, name: &'static str) -> Result<[u8; 32], NoiseFailure> {
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(NoiseFailure::Missing(name))
}
