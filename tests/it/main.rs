//! The integration tests: one binary, one module per journey or fault, shared support.

mod journey;
mod powercut_harness;
mod powercut_library;
mod strangers;
mod support;
