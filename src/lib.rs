//! The Frontdesk server: adapters around the actors of `frontdesk-actors`. `app` is the one place that knows every type.

pub mod admission;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod http;
pub mod metrics;
pub mod pulse;
pub mod realtime;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod whatsapp;
pub mod yclients;
