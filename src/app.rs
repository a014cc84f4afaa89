//! Composition root: the one place that knows every type.

/// One TLS provider for the whole process; harmless when called again.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
