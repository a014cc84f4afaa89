//! Times as YClients writes them, which is in six ways.
//!
//! Only some carry an offset. The zone of the others depends on where they stand: the salon's own for visits, Moscow for the marketplace. Never
//! the server's.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use serde_json::Value;

/// Russia's clocks are not moved any more.
const MOSCOW_SECONDS: i32 = 3 * 3600;

/// Epoch seconds above this are not a time of a salon: the year 2100.
const LAST_SECOND: i64 = 4_102_444_800;

/// A point in time, as exact as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// With an offset, or in epoch seconds (offset zero).
    Instant(DateTime<FixedOffset>),
    /// Without a zone.
    Local(NaiveDateTime),
    /// A day without a time.
    Day(NaiveDate),
}

impl When {
    /// Reads any of the forms; anything else, and the many ways of "none", is `None`.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(_) => Self::epoch(super::loose::integer_of(value)?),
            Value::String(text) => Self::parse(text.trim()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::epoch(text.parse().ok()?);
        }
        let instant = || {
            ["%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f%z"]
                .iter()
                .find_map(|form| DateTime::parse_from_str(text, form).ok())
        };
        let utc = || text.strip_suffix('Z').and_then(local).map(|time| time.and_utc().fixed_offset());
        let day = || ["%Y-%m-%d", "%d.%m.%Y"].iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok());
        let read = instant().or_else(utc).map(Self::Instant);
        let read = read.or_else(|| local(text).map(Self::Local)).or_else(|| day().map(Self::Day));
        read.filter(|when| when.is_plausible())
    }

    fn epoch(seconds: i64) -> Option<Self> {
        let plausible = (1..=LAST_SECOND).contains(&seconds);
        let time = plausible.then(|| DateTime::from_timestamp(seconds, 0)).flatten()?;
        Some(Self::Instant(time.fixed_offset()))
    }

    /// `0000-00-00` does not parse, `0001-01-01` does and means as little.
    fn is_plausible(&self) -> bool {
        use chrono::Datelike as _;
        (1900..=2200).contains(&self.day().year())
    }

    /// The day, in whatever zone it was told.
    pub fn day(&self) -> NaiveDate {
        match self {
            Self::Instant(time) => time.date_naive(),
            Self::Local(time) => time.date(),
            Self::Day(day) => *day,
        }
    }

    /// The instant, if what has no zone is Moscow's; a day is its midnight.
    pub fn in_moscow(&self) -> Option<DateTime<Utc>> {
        let local = match self {
            Self::Instant(time) => return Some(time.to_utc()),
            Self::Local(time) => *time,
            Self::Day(day) => day.and_time(NaiveTime::MIN),
        };
        moscow().from_local_datetime(&local).single().map(|time| time.to_utc())
    }
}

fn local(text: &str) -> Option<NaiveDateTime> {
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
}

fn moscow() -> FixedOffset {
    FixedOffset::east_opt(MOSCOW_SECONDS).expect("three hours are a valid offset")
}

/// An instant as the marketplace wants it: `YYYY-MM-DD HH:MM:SS`, Moscow's time.
pub(crate) fn for_marketplace(time: DateTime<Utc>) -> String {
    time.with_timezone(&moscow()).format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        let two_in_omsk = instant("2026-12-01T08:00:00Z");
        for (value, read) in [
            (json!("2026-12-01T14:00:00+06:00"), two_in_omsk),
            (json!("2026-12-01T14:00:00+0600"), two_in_omsk),
            (json!("2026-12-01T14:00:00.000+06:00"), two_in_omsk),
            (json!("2026-12-01T08:00:00Z"), two_in_omsk),
            (json!(1_796_112_000), two_in_omsk),
            (json!("1796112000"), two_in_omsk),
            // Without a zone: Moscow's, where the marketplace stands.
            (json!("2026-12-01 11:00:00"), two_in_omsk),
            (json!("2026-12-01 11:00"), two_in_omsk),
            (json!("2026-12-01"), instant("2026-11-30T21:00:00Z")),
            (json!("01.12.2026"), instant("2026-11-30T21:00:00Z")),
        ] {
            let when = When::of(&value).unwrap_or_else(|| panic!("{value}"));
            assert_eq!(when.in_moscow(), Some(read), "{value}");
        }
    }

    #[test]
    fn a_time_without_a_zone_says_so() {
        assert!(matches!(When::of(&json!("2026-12-01 14:00:00")), Some(When::Local(_))));
        assert!(matches!(When::of(&json!("2026-12-01")), Some(When::Day(_))));
        assert!(matches!(When::of(&json!("2026-12-01T14:00:00+03:00")), Some(When::Instant(_))));
    }

    #[test]
    fn no_time_has_many_spellings() {
        for none in [
            json!(null),
            json!(0),
            json!("0"),
            json!(""),
            json!(false),
            json!([]),
            json!("0000-00-00"),
            json!("0000-00-00 00:00:00"),
            json!("-0001-11-30T00:00:00+0230"),
            json!("0001-01-01"),
            json!("tomorrow"),
            json!("2026-13-45"),
            json!("99999999999999999999999"),
            json!(9_999_999_999_999_u64),
            json!(-5),
        ] {
            assert_eq!(When::of(&none), None, "{none}");
        }
    }

    #[test]
    fn the_marketplace_gets_moscows_time() {
        assert_eq!(for_marketplace(instant("2026-11-30T21:00:05Z")), "2026-12-01 00:00:05");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_we_write_is_read_back(text in "\\PC{0,40}", seconds in 0..4_000_000_000_i64) {
            let _ = When::of(&json!(text));
            let time = DateTime::from_timestamp(seconds, 0).expect("in range");
            let read = When::of(&json!(for_marketplace(time))).expect("our own form");
            prop_assert_eq!(read.in_moscow(), Some(time));
        }
    }
}
