//! Samples, the table for people and the JSON for programs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// One quantity, measured several times.
#[derive(Debug, Clone)]
pub struct Sample {
    runs: Vec<f64>,
}

impl Sample {
    /// The values of the runs, in their order.
    pub fn of(runs: impl IntoIterator<Item = f64>) -> Self {
        let runs: Vec<f64> = runs.into_iter().collect();
        assert!(!runs.is_empty(), "a sample has at least one run");
        Self { runs }
    }

    fn median(&self) -> f64 {
        quantile(&self.runs, 0.5)
    }

    fn min(&self) -> f64 {
        self.runs.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn max(&self) -> f64 {
        self.runs.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    fn words(&self, unit: &str) -> String {
        if self.runs.len() == 1 {
            return with_unit(self.median(), unit);
        }
        format!("{} ({} – {})", with_unit(self.median(), unit), digits(self.min()), digits(self.max()))
    }

    fn json(&self) -> Value {
        json!({"median": self.median(), "min": self.min(), "max": self.max(), "runs": self.runs})
    }
}

/// The value below which `part` of all values are, interpolated.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = part * (sorted.len().saturating_sub(1)) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// A value with its unit, if it has one.
fn with_unit(value: f64, unit: &str) -> String {
    format!("{} {unit}", digits(value)).trim_end().to_owned()
}

/// Three digits: more mean nothing here. Counts stay counts.
fn digits(value: f64) -> String {
    match value.abs() {
        whole if whole.fract() == 0.0 && whole < 1e9 => format!("{value:.0}"),
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// What a figure has to keep to.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// The median is no larger.
    AtMost(f64),
    /// The median is no smaller.
    AtLeast(f64),
    /// The yardstick takes at least this many times as much.
    TimesLess(f64),
}

/// One line of the table: what the server took, and what the yardstick took.
#[derive(Debug)]
pub struct Row {
    what: String,
    unit: &'static str,
    ours: Sample,
    yardstick: Option<(String, Sample)>,
    targets: Vec<Target>,
}

impl Row {
    pub fn new(what: impl Into<String>, unit: &'static str, ours: Sample) -> Self {
        Self { what: what.into(), unit, ours, yardstick: None, targets: Vec::new() }
    }

    /// With what was measured beside it in the same run.
    #[must_use]
    pub fn beside(mut self, what: impl Into<String>, sample: Sample) -> Self {
        self.yardstick = Some((what.into(), sample));
        self
    }

    /// With what it has to keep to.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    fn keeps(&self, target: Target) -> bool {
        match target {
            Target::AtMost(most) => self.ours.median() <= most,
            Target::AtLeast(least) => self.ours.median() >= least,
            Target::TimesLess(times) => self.ratio().is_some_and(|ratio| ratio * times <= 1.0),
        }
    }

    fn target_words(&self, target: Target) -> String {
        let verdict = if self.keeps(target) { "kept" } else { "**missed**" };
        match target {
            Target::AtLeast(least) => format!("≥ {}: {verdict}", with_unit(least, self.unit)),
            Target::AtMost(most) => format!("≤ {}: {verdict}", with_unit(most, self.unit)),
            Target::TimesLess(times) => format!("ratio ≤ {}: {verdict}", digits(1.0 / times)),
        }
    }

    fn ratio(&self) -> Option<f64> {
        let (_, yardstick) = self.yardstick.as_ref()?;
        Some(self.ours.median() / yardstick.median()).filter(|ratio| ratio.is_finite())
    }

    fn cells(&self) -> [String; 5] {
        let yardstick = self.yardstick.as_ref().map(|(what, sample)| format!("{what}: {}", sample.words(self.unit)));
        let ratio = self.ratio().map(digits);
        let targets: Vec<String> = self.targets.iter().map(|target| self.target_words(*target)).collect();
        [self.what.clone(), self.ours.words(self.unit), yardstick.unwrap_or_default(), ratio.unwrap_or_default(), targets.join("; ")]
    }

    fn json(&self) -> Value {
        let yardstick = self.yardstick.as_ref().map(|(what, sample)| {
            let mut object = sample.json();
            object["what"] = json!(what);
            object
        });
        let kept = (!self.targets.is_empty()).then(|| self.targets.iter().all(|target| self.keeps(*target)));
        json!({
            "what": self.what, "unit": self.unit, "ours": self.ours.json(), "yardstick": yardstick, "ratio": self.ratio(),
            "targets": self.targets.iter().map(|target| self.target_words(*target)).collect::<Vec<_>>(), "kept": kept,
        })
    }
}

/// All rows, and where and when they were measured.
pub struct Report {
    rows: Vec<Row>,
    quick: bool,
    began: DateTime<Utc>,
}

impl Report {
    pub fn new(quick: bool) -> Self {
        Self { rows: Vec::new(), quick, began: Utc::now() }
    }

    pub fn add(&mut self, rows: Vec<Row>) {
        self.rows.extend(rows);
    }

    /// Markdown, aligned: fit for a terminal and for a document.
    pub fn table(&self) -> String {
        let mut lines = vec![["Figure", "Median (min – max)", "Yardstick of the same run", "Ratio", "Target"].map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths = [0, 1, 2, 3, 4].map(|column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default());
        lines.insert(1, widths.map(|width| "-".repeat(width)));
        let lines: Vec<String> = lines.iter().map(|line| table_line(line, widths)).collect();
        format!("\n{}\n\n{}\n", self.place(), lines.join("\n"))
    }

    fn place(&self) -> String {
        let note = if self.quick { ", quick: the figures mean nothing" } else { "" };
        format!("{}, {} cores, {} build{note}", self.began.format("%Y-%m-%d %H:%M UTC"), cores(), build())
    }

    /// Where [`Report::write`] leaves the table, for the document.
    pub fn table_beside(file: &Path) -> PathBuf {
        file.with_extension("md")
    }

    /// Every run of every figure, and the table beside it.
    pub fn write(&self, file: &Path) -> Result<()> {
        let body = json!({
            "began_at": self.began,
            "ended_at": Utc::now(),
            "cores": cores(),
            "build": build(),
            "quick": self.quick,
            "figures": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
        });
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        std::fs::write(file, serde_json::to_string_pretty(&body)?).with_context(|| format!("writing {}", file.display()))?;
        let table = Self::table_beside(file);
        std::fs::write(&table, self.table().trim_start()).with_context(|| format!("writing {}", table.display()))
    }
}

fn table_line(cells: &[String; 5], widths: [usize; 5]) -> String {
    let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    format!("| {} |", padded.join(" | "))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, std::num::NonZero::get)
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
