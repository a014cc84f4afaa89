//! What several tests need.

pub mod powercut;
