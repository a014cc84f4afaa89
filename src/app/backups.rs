//! Backups by the clock: made, verified, and thinned out. A failed one is tried again soon; the last good one is never removed for it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::config::BackupSettings;
use crate::metrics;
use crate::store::Store;
use crate::store::backup::Progress;

/// After a start nothing is copied for this long: a server that falls again and again should not be kept busy.
const AFTER_START: Duration = Duration::from_secs(60);

/// A failed backup is tried again after this, or earlier when they are made more often.
const TRY_AGAIN: Duration = Duration::from_secs(600);

const PREFIX: &str = "frontdesk-";
const SUFFIX: &str = ".backup";
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// A backup in the folder, by the time in its name.
type Made = (DateTime<Utc>, PathBuf);

/// Makes backups until `stopping`. Without `keep` there are none.
pub(super) async fn run(store: Store, settings: BackupSettings, stopping: CancellationToken) {
    if settings.keep == 0 {
        return stopping.cancelled().await;
    }
    let newest = in_folder(&settings, |settings| found(&settings.folder).last().map(|(at, _)| *at)).await.flatten();
    metrics::backup_found(newest);
    let mut wait = until_due(newest, Utc::now(), settings.every).max(AFTER_START.min(settings.every));
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stopping.cancelled() => return,
        }
        let good = tokio::select! {
            good = make(&store, &settings) => good,
            () = stopping.cancelled() => return,
        };
        wait = if good { settings.every } else { TRY_AGAIN.min(settings.every) };
    }
}

fn until_due(newest: Option<DateTime<Utc>>, now: DateTime<Utc>, every: Duration) -> Duration {
    let age = newest.map(|at| (now - at).to_std().unwrap_or_default());
    age.map_or(Duration::ZERO, |age| every.saturating_sub(age))
}

/// One backup; what a crash left half written goes before, what is too old after it. Was it good?
async fn make(store: &Store, settings: &BackupSettings) -> bool {
    in_folder(settings, |settings| remove(leftovers(&settings.folder))).await; // they may be what fills the disk
    let at = Utc::now();
    let file = settings.folder.join(format!("{PREFIX}{}{SUFFIX}", at.format(TIME)));
    let began = tokio::time::Instant::now();
    match store.back_up(file, Progress::default()).await {
        Ok(report) => {
            metrics::backup_made(at, report.bytes, began.elapsed());
            tracing::info!(records = report.records, bytes = report.bytes, "backup.made");
            in_folder(settings, thin_out).await;
            true
        }
        Err(error) => {
            metrics::backup_failed();
            tracing::error!(reason = %super::chain(&error), "backup.failed: it will be tried again");
            false
        }
    }
}

/// On a blocking thread: a disk that hangs must not hold a thread of the runtime.
async fn in_folder<T: Send + 'static>(settings: &BackupSettings, work: fn(&BackupSettings) -> T) -> Option<T> {
    let settings = settings.clone();
    tokio::task::spawn_blocking(move || work(&settings)).await.ok()
}

fn thin_out(settings: &BackupSettings) {
    remove(superfluous(found(&settings.folder), settings.keep, settings.keep_days));
}

fn remove(files: Vec<PathBuf>) {
    for file in files {
        if let Err(error) = fs::remove_file(&file) {
            tracing::warn!(%error, file = %file.display(), "an old backup can't be removed");
        }
    }
}

/// Which to remove: all but the newest `keep`, and the newest of each of the last `keep_days` days that have one.
fn superfluous(mut made: Vec<Made>, keep: usize, keep_days: usize) -> Vec<PathBuf> {
    made.sort();
    let mut days = BTreeSet::new();
    let kept_for_its_day = |at: &DateTime<Utc>, days: &mut BTreeSet<_>| days.len() < keep_days && days.insert(at.date_naive());
    let mut gone = Vec::new();
    for (index, (at, file)) in made.into_iter().rev().enumerate() {
        let of_its_day = kept_for_its_day(&at, &mut days);
        if index >= keep && !of_its_day {
            gone.push(file);
        }
    }
    gone
}

/// Backups of the folder, oldest first. Nobody else's files are looked at.
pub(crate) fn found(folder: &Path) -> Vec<(DateTime<Utc>, PathBuf)> {
    let mut made: Vec<Made> = files(folder).unwrap_or_default().into_iter().filter_map(|file| Some((time_of(&file)?, file))).collect();
    made.sort();
    made
}

/// What a crash left half written. Nothing is being written there now: only we write there, one backup at a time.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let half = |file: &PathBuf| file.extension().is_some_and(|end| end == "part") && time_of(&file.with_extension("")).is_some();
    files(folder).unwrap_or_default().into_iter().filter(half).collect()
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn time_of(file: &Path) -> Option<DateTime<Utc>> {
    let name = file.file_name()?.to_str()?;
    let time = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    NaiveDateTime::parse_from_str(time, TIME).ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;
    use crate::store::{SealKey, StoreOptions};

    fn at(day: u32, hour: u32) -> Made {
        let at = Utc.with_ymd_and_hms(2026, 3, day, hour, 0, 0).unwrap();
        (at, PathBuf::from(format!("{PREFIX}{}{SUFFIX}", at.format(TIME))))
    }

    #[test]
    fn the_newest_and_one_of_each_day_are_kept() {
        let made: Vec<Made> = (1..=4).flat_map(|day| [at(day, 0), at(day, 6), at(day, 12), at(day, 18)]).collect();
        let kept = |keep, keep_days| {
            let gone = superfluous(made.clone(), keep, keep_days);
            made.iter().filter(|(_, file)| !gone.contains(file)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(kept(3, 0), [at(4, 6), at(4, 12), at(4, 18)]);
        assert_eq!(kept(2, 3), [at(2, 18), at(3, 18), at(4, 12), at(4, 18)]);
        assert_eq!(kept(100, 0), made);
        assert_eq!(kept(1, 0), [at(4, 18)]);
    }

    #[test]
    fn the_next_one_is_due_an_interval_after_the_newest() {
        let (now, _) = at(2, 0);
        let hours = |hours: u64| Duration::from_secs(3600 * hours);
        assert_eq!(until_due(None, now, hours(6)), Duration::ZERO);
        assert_eq!(until_due(Some(at(1, 20).0), now, hours(6)), hours(2));
        assert_eq!(until_due(Some(at(1, 6).0), now, hours(6)), Duration::ZERO);
        assert_eq!(until_due(Some(at(3, 0).0), now, hours(6)), hours(6), "a clock that was set back");
    }

    #[test]
    fn only_our_own_files_are_found_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let (late, early) = (at(2, 6), at(1, 6));
        for (_, name) in [&late, &early] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let half = format!("{}.part", late.1.display());
        for other in ["frontdesk-notes.backup", "mine.txt", "frontdesk-20260301T060000Z.backup.old", half.as_str()] {
            fs::write(folder.path().join(other), "").unwrap();
        }
        let names: Vec<_> = found(folder.path()).into_iter().map(|(at, file)| (at, file.file_name().unwrap().into())).collect();
        assert_eq!(names, [early, late]);
        assert_eq!(leftovers(folder.path()), [folder.path().join(half)]);
        assert!(found(Path::new("/nowhere")).is_empty());
    }

    #[tokio::test]
    async fn what_a_crash_left_half_written_goes_before_a_backup_that_may_fail_for_want_of_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::new(folder.path().join("data"), SealKey::new([3; 32]))).unwrap();
        let settings = BackupSettings { folder: folder.path().join("backups"), every: Duration::from_secs(1), keep: 2, keep_days: 0 };
        fs::create_dir(&settings.folder).unwrap();
        let half = settings.folder.join(format!("{}.part", at(1, 6).1.display()));
        fs::write(&half, "half of it").unwrap();
        store.close().await;
        assert!(!make(&store, &settings).await, "a closed store makes none");
        assert!(!half.exists());
    }
}
