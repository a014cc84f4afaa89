//! Who works when.

use chrono::NaiveDate;
use serde::Deserialize;

use super::loose::{self, Known};
use super::times::When;

/// One master's day.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct WorkingDay {
    /// See `Staff`.
    #[serde(deserialize_with = "loose::id")]
    pub staff_id: Option<u64>,
    /// The salon's day.
    #[serde(deserialize_with = "loose::when")]
    date: Option<When>,
    /// Working hours; empty = a day off.
    #[serde(deserialize_with = "loose::list")]
    pub slots: Vec<Span>,
    /// What is taken.
    #[serde(deserialize_with = "loose::list")]
    pub busy_intervals: Vec<Busy>,
}

/// From one time of the day to another, `HH:MM`, the salon's time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Span {
    /// Begin.
    #[serde(deserialize_with = "loose::text")]
    pub from: Option<String>,
    /// End.
    #[serde(deserialize_with = "loose::text")]
    pub to: Option<String>,
}

/// A span that is taken.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Busy {
    /// `record` or `activity`.
    #[serde(deserialize_with = "loose::text")]
    pub entity_type: Option<String>,
    /// Its number.
    #[serde(deserialize_with = "loose::id")]
    pub entity_id: Option<u64>,
    /// Begin.
    #[serde(deserialize_with = "loose::text")]
    pub from: Option<String>,
    /// End.
    #[serde(deserialize_with = "loose::text")]
    pub to: Option<String>,
}

impl WorkingDay {
    /// The salon's day.
    pub fn date(&self) -> Option<NaiveDate> {
        self.date.map(|when| when.day())
    }
}

impl Known for WorkingDay {
    fn is_known(&self) -> bool {
        self.staff_id.is_some() && self.date.is_some()
    }
}
