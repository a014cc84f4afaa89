//! The whole tree of actors on fakes, on tokio's paused clock: journeys of owners, faults, restarts, drains.

mod boot;
mod faults;
mod journey;
mod lifecycle;
mod ractor_facts;
mod supervision;
