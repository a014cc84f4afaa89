//! The integration tests: one binary, one module per journey or fault, shared support.

mod backups;
mod baileys;
mod browser;
mod container;
mod describe;
mod egress;
mod examples;
mod isolation;
mod journey;
mod kill;
mod kill_intake;
mod logs;
mod monitoring;
mod newcomer;
mod nginx;
mod plain_build;
mod powercut_harness;
mod powercut_library;
mod powercut_server;
mod sockets;
mod strangers;
mod support;
mod traces;
mod upkeep;
mod yclients;
