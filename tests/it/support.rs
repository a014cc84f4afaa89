//! What several tests need.

pub mod node;
pub mod powercut;
pub mod proxy;
pub mod stage;
