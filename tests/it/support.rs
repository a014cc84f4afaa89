//! What several tests need.

pub mod powercut;
pub mod stage;
