//! The WhatsApp connector: the only user of the protocol library.
