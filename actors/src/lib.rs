//! Frontdesk's domain: the supervision tree and every decision in it. No HTTP, no store, no WhatsApp, no YClients: those come
//! through [`ports`].
//!
//! ```text
//! Fleet                    one_for_one over companies, 5 in 60 s then that company is parked; owns the dial permits
//! └─ Company (per salon)   onboarding, activation saga, limits, inbox cursor; restarts its session, 5 in 60 s then Parked
//!    └─ Session            shell around a pure machine; owns the link; late words of an old generation are dropped
//!       └─ link            task with the protocol client; loss is an input to the machine, not a crash
//! ```
//!
//! The outside holds [`FleetHandle`] and [`CompanyHandle`], reads [`view::CompanyView`] and observes [`events::Fact`].

pub mod company;
pub mod events;
pub mod fleet;
pub mod ids;
mod inbox;
pub mod operators;
pub mod ports;
pub mod reconcile;
pub mod records;
mod restart;
mod session;
pub mod settings;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod view;

pub use company::CompanyHandle;
pub use fleet::FleetHandle;
pub use reconcile::Reconciler;
