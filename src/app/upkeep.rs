//! What runs beside everything else, at its own pace: tidying of metrics and limits, and looks at the tree, the runtime and the disk.

mod inbox;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::FleetHandle;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Instruments;
use crate::admission::Admission;
use crate::http::{AdminState, Phase, Readiness};
use crate::metrics::{self, DiskUse};
use crate::store::Store;
use crate::telemetry::LogLevels;

/// Histograms keep every measurement until they are tidied.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// How often the buckets of addresses that went quiet are forgotten (spec §3).
const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// A timer that measures how late it is, and ends what lasts for a while.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// How often the tree is asked for its numbers: more often than it is scraped.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// How often the data folder and the inbox are measured.
const MEASURE_EVERY: Duration = Duration::from_secs(30);

/// How often it is stored when operators' keys were last used, and what the last minutes brought.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// What is looked after.
#[derive(Clone)]
pub(super) struct Upkeep {
    instruments: Instruments,
    admission: Arc<Admission>,
    pub fleet: FleetHandle,
    pub store: Store,
    readiness: Readiness,
    data_dir: PathBuf,
    /// When keys were last used, and what the last minutes brought.
    notes: AdminState,
}

impl Upkeep {
    pub(super) fn new(
        instruments: Instruments,
        admission: Arc<Admission>,
        (fleet, store, admin): (&FleetHandle, &Store, &AdminState),
        readiness: &Readiness,
        data_dir: PathBuf,
    ) -> Self {
        let (fleet, store, notes) = (fleet.clone(), store.clone(), admin.clone());
        Self { instruments, admission, fleet, store, readiness: readiness.clone(), data_dir, notes }
    }

    /// Runs until `stopping`.
    pub(super) async fn run(self, stopping: CancellationToken) {
        let Self { instruments: Instruments { recorder, levels, traces: _ }, admission, fleet, store, readiness, data_dir, notes } = self;
        tokio::select! {
            () = stopping.cancelled() => {}
            () = keep_tidy(&recorder, &admission) => {}
            () = beat(&levels, &readiness) => {}
            () = watch_tree(&fleet) => {}
            () = watch_disk(&data_dir) => {}
            () = watch_inbox(&store) => {}
            () = write_notes(&notes) => {}
        }
    }
}

/// Ticks that are late are not made up for.
fn every(pause: Duration) -> Interval {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn keep_tidy(recorder: &PrometheusHandle, admission: &Admission) {
    let (mut tidy, mut sweep) = (every(TIDY_EVERY), every(SWEEP_EVERY));
    loop {
        tokio::select! {
            _ = tidy.tick() => recorder.run_upkeep(),
            _ = sweep.tick() => admission.sweep(),
        }
    }
}

async fn beat(levels: &LogLevels, readiness: &Readiness) {
    let mut beat = every(BEAT_EVERY);
    loop {
        let due = beat.tick().await;
        metrics::timer_was_late(due.elapsed());
        metrics::ready(readiness.phase() == Phase::Ready);
        levels.tick();
    }
}

async fn watch_tree(fleet: &FleetHandle) {
    let mut ticks = every(ASK_EVERY);
    loop {
        ticks.tick().await;
        ask(fleet).await;
    }
}

async fn watch_inbox(store: &Store) {
    let mut ticks = every(MEASURE_EVERY);
    loop {
        ticks.tick().await;
        inbox::look(store).await;
    }
}

/// What may be lost with the process, but for the last minute of it.
async fn write_notes(admin: &AdminState) {
    let mut ticks = every(NOTE_EVERY);
    loop {
        ticks.tick().await;
        admin.write_notes().await;
    }
}

async fn watch_disk(data_dir: &Path) {
    let mut ticks = every(MEASURE_EVERY);
    loop {
        ticks.tick().await;
        measure(data_dir).await;
    }
}

async fn ask(fleet: &FleetHandle) {
    let began = Instant::now();
    let overview = fleet.overview().await.ok();
    let numbers = overview.map(|overview| metrics::Fleet {
        running: overview.running,
        offline: overview.waiting,
        parked: overview.parked,
        waiting_for_fleet: overview.requests.fleet,
        waiting_for_companies: overview.requests.companies,
        fullest: overview.requests.fullest,
        owners_queued: overview.dials.owners,
        restores_queued: overview.dials.restores,
        dialling: overview.dials.out,
    });
    metrics::fleet_measured(numbers, began.elapsed());
}

/// On a blocking thread: a disk that hangs must not hold a thread of the runtime.
async fn measure(data_dir: &Path) {
    let folder = data_dir.to_owned();
    match tokio::task::spawn_blocking(move || disk_use(&folder)).await {
        Ok(Ok(disk)) => metrics::disk_measured(disk),
        Ok(Err(error)) => tracing::warn!(%error, "the data folder can't be measured"),
        Err(error) => tracing::warn!(%error, "measuring the data folder did not end"),
    }
}

fn disk_use(folder: &Path) -> io::Result<DiskUse> {
    let room = fs2::statvfs(folder)?;
    Ok(DiskUse { files: files_bytes(folder)?, free: room.available_space(), size: room.total_space() })
}

/// Files come and go meanwhile: one that is gone counts nothing.
fn files_bytes(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(data) if data.is_dir() => sum += files_bytes(&entry.path()).unwrap_or_default(),
            Ok(data) => sum += data.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_measured_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        fs::write(folder.path().join("lock"), [0; 10]).unwrap();
        fs::write(folder.path().join("store/db"), [0; 1000]).unwrap();
        let disk = disk_use(folder.path()).unwrap();
        assert_eq!(disk.files, 1010);
        assert!(disk.free > 0 && disk.free <= disk.size, "{disk:?}");
    }
}
