//! The whole tree of actors on fakes, on tokio's paused clock: journeys of owners, faults, restarts, drains.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod backlog;
mod boot;
mod faults;
mod isolation;
mod journey;
mod lifecycle;
mod mail;
mod operators;
mod ractor_facts;
mod reconcile;
mod storms;
mod supervision;
mod upkeep;
mod ways;
