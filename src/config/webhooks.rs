//! The sections [webhooks] and [retention].

use std::time::Duration;

use chrono::TimeDelta;
use frontdesk_actors::records::Retention;
use frontdesk_actors::settings::FleetSettings;
use url::Url;

use super::Mode;
use super::read::Reader;

/// What was promised to YClients' moderation.
const ERASED_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// How often the past is looked after.
pub(super) fn read_sweep_every(reader: &mut Reader) -> Duration {
    reader.duration("retention.sweep_every")
}

/// Adds what the tree needs to know of webhooks.
pub(super) fn read_webhooks(reader: &mut Reader, fleet: FleetSettings, mode: Mode, base_url: &Url) -> FleetSettings {
    let erase_after = reader.duration("retention.erase_removed_after");
    if erase_after + read_sweep_every(reader) > ERASED_WITHIN {
        reader.problem("retention.erase_removed_after", "and sweep_every together must stay within 24h: that is what salons are promised");
    }
    FleetSettings {
        webhook_base: webhook_base(mode, base_url),
        webhook_tries: u32::try_from(reader.integer("webhooks.tries", 1, 100)).unwrap_or(u32::MAX),
        erase_after,
        retention: Retention {
            done_for: span(reader, "retention.webhooks_for"),
            done_at_most: count(reader, "retention.webhooks_per_salon"),
            dead_for: span(reader, "retention.dead_letters_for"),
            dead_at_most: count(reader, "retention.dead_letters_per_salon"),
            events_for: span(reader, "retention.timeline_for"),
            events_at_most: count(reader, "retention.timeline_per_salon"),
        },
        ..fleet
    }
}

/// The secret in the address travels with every webhook: never in the clear, but for trying things out.
fn webhook_base(mode: Mode, base_url: &Url) -> Option<String> {
    let told = base_url.scheme() == "https" || mode == Mode::Sandbox;
    told.then(|| base_url.as_str().trim_end_matches('/').to_owned())
}

fn span(reader: &mut Reader, key: &str) -> TimeDelta {
    TimeDelta::from_std(reader.duration(key)).unwrap_or(TimeDelta::MAX)
}

fn count(reader: &mut Reader, key: &str) -> usize {
    usize::try_from(reader.integer(key, 1, 1_000_000)).unwrap_or(usize::MAX)
}
