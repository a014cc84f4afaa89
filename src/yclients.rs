//! The YClients adapter: the only user of that API.
