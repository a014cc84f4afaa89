//! The section `[log]`.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use super::LogFormat;
use super::read::Reader;

pub(super) fn read_level(reader: &mut Reader) -> String {
    let level = reader.text("log.level");
    if !is_filter(&level) {
        reader.problem("log.level", "must be error, warn, info, debug, trace or a filter like info,frontdesk=debug");
    }
    level
}

/// A level, or several with targets. Stricter than the library, which takes a misspelt level for a target and then logs nothing.
pub(crate) fn is_filter(text: &str) -> bool {
    // The library takes nothing for `error`.
    let is_level = |level: &str| !level.is_empty() && level.parse::<LevelFilter>().is_ok();
    let is_directive =
        |part: &str| is_level(part) || part.rsplit_once('=').is_some_and(|(target, level)| !target.is_empty() && is_level(level));
    text.split(',').all(is_directive) && text.parse::<EnvFilter>().is_ok()
}

pub(super) fn read_format(reader: &mut Reader) -> LogFormat {
    match reader.text("log.format").as_str() {
        "json" => LogFormat::Json,
        "pretty" => LogFormat::Pretty,
        "auto" => LogFormat::Auto,
        _ => {
            reader.problem("log.format", "must be json, pretty or auto");
            LogFormat::Auto
        }
    }
}

pub(super) fn read_collector(reader: &mut Reader) -> Option<Url> {
    if reader.text("log.traces").is_empty() {
        return None;
    }
    Some(reader.url("log.traces", &["http", "https"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_refused() {
        for good in ["info", "off", "trace", "info,frontdesk_actors=debug", "warn,frontdesk::store=trace"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "verbose", "loud!", "info,frontdesk", "info,=debug", "a=b=c", "info,,debug", "frontdesk=loud"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
