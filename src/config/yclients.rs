//! The sections about YClients: how to reach it, and when to compare installations.

use std::num::NonZeroU32;
use std::time::Duration;

use frontdesk_actors::reconcile::ReconcileSettings;
use secrecy::{ExposeSecret as _, SecretString};

use super::Mode;
use super::read::{Reader, is_loopback};
use crate::yclients::YclientsSettings;

pub(super) fn read_yclients(reader: &mut Reader, mode: Mode) -> YclientsSettings {
    let settings = YclientsSettings {
        partner_token: read_token(reader, "yclients.partner_token"),
        user_token: read_token(reader, "yclients.user_token"),
        partner_id: Some(reader.integer("yclients.partner_id", 0, (1 << 53) - 1)).filter(|id| *id > 0),
        application_id: Some(reader.integer("yclients.application_id", 0, (1 << 53) - 1)).filter(|id| *id > 0),
        marketplace_url: reader.url("yclients.marketplace_url", &["http", "https"]),
        api_url: reader.url("yclients.api_url", &["http", "https"]),
        signature_required: reader.boolean("yclients.signature_required"),
        calls_per_second: NonZeroU32::new(reader.integer("yclients.calls_per_second", 0, 1000) as u32),
        calls_per_minute: NonZeroU32::new(reader.integer("yclients.calls_per_minute", 0, 60_000) as u32),
        connect_timeout: reader.duration("yclients.connect_timeout"),
        request_timeout: reader.duration("yclients.request_timeout"),
    };
    check_yclients_addresses(reader, mode, &settings);
    for (key, limit) in [("yclients.calls_per_second", settings.calls_per_second), ("yclients.calls_per_minute", settings.calls_per_minute)]
    {
        if limit.is_none() && mode == Mode::Production {
            reader.problem(key, "must be above 0: YClients refuses an address that calls without limit; 0 is for the sandbox");
        }
    }
    settings
}

/// A token goes into a header: visible ASCII only.
fn read_token(reader: &mut Reader, key: &str) -> Option<SecretString> {
    let token = reader.secret(key);
    let visible = |token: &SecretString| token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
    if token.as_ref().is_some_and(|token| !visible(token)) {
        reader.problem(key, "has spaces or letters that cannot be in a token: copy it again from the cabinet");
    }
    token
}

/// The partner token travels to these addresses: never in the clear, and from the sandbox never off this machine.
fn check_yclients_addresses(reader: &mut Reader, mode: Mode, settings: &YclientsSettings) {
    for (key, url) in [("yclients.marketplace_url", &settings.marketplace_url), ("yclients.api_url", &settings.api_url)] {
        let loopback = is_loopback(url);
        match mode {
            Mode::Sandbox if !loopback => reader.problem(key, "the sandbox reaches addresses on this machine only"),
            Mode::Production | Mode::Development if url.scheme() != "https" && !loopback => {
                reader.problem(key, "must start with https://: the partner token travels there");
            }
            Mode::Production | Mode::Development | Mode::Sandbox => {}
        }
    }
}

pub(super) fn read_reconcile(reader: &mut Reader) -> ReconcileSettings {
    ReconcileSettings {
        every: read_period(reader, "reconcile.every"),
        first_after: reader.duration("reconcile.first_after"),
        frozen_every: read_period(reader, "reconcile.frozen_every"),
    }
}

fn read_period(reader: &mut Reader, key: &str) -> Option<Duration> {
    if reader.text(key) == "off" { None } else { Some(reader.duration(key)) }
}
