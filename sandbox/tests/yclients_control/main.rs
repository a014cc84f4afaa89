//! The simulated YClients and the control API, over real HTTP on ephemeral ports.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod faults;
mod marketplace;
mod page;
mod support;
mod webhooks;
