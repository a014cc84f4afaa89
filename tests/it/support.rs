//! What several tests need.

pub mod cli;
pub mod nginx;
pub mod node;
pub mod numbers;
pub mod powercut;
pub mod prometheus;
pub mod proxy;
pub mod stage;
