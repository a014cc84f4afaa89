//! The process: which build it is, how its runtime fares. Memory, CPU and descriptors come from `metrics-process`.

use std::time::Duration;

use tokio::runtime::RuntimeMetrics;

use super::catalog::{Metric, SECONDS, number};

const BUILD: Metric = Metric::gauge("frontdesk_build_info", "Always 1; which build runs is in the labels");
const READY: Metric =
    Metric::gauge("frontdesk_ready", "1 while this process should get traffic: not starting, not draining, and able to store");
const WORKERS: Metric = Metric::gauge("frontdesk_runtime_workers", "Threads that run tasks");
const TASKS: Metric = Metric::gauge("frontdesk_runtime_alive_tasks", "Tasks that have not ended");
const QUEUE: Metric = Metric::gauge("frontdesk_runtime_queued_tasks", "Tasks that wait for any thread");
const BUSY: Metric = Metric::counter("frontdesk_runtime_busy_seconds_total", "Time the threads spent running tasks, whole seconds");
const LATE: Metric = Metric::histogram(
    "frontdesk_runtime_late_seconds",
    SECONDS,
    "How late a timer of ours was: what everything here waits when the process is overloaded",
);
const FELL: Metric = Metric::counter("frontdesk_runtime_tasks_fell_total", "Tasks of the server itself that panicked and were begun anew");

pub(super) const ALL: &[Metric] = &[BUILD, READY, WORKERS, TASKS, QUEUE, BUSY, LATE, FELL];

/// Tasks that run beside the listeners.
const OWN_TASKS: [&str; 4] = ["backups", "sweeps", "watchdog", "upkeep"];

pub(super) fn begin() {
    let commit = option_env!("FRONTDESK_COMMIT").unwrap_or("unknown");
    let sandbox = if cfg!(feature = "sandbox") { "true" } else { "false" };
    BUILD.set_with(&[("version", env!("CARGO_PKG_VERSION")), ("commit", commit), ("sandbox", sandbox)], 1.0);
    READY.set(0.0);
    BUSY.appear();
    OWN_TASKS.into_iter().for_each(|task| FELL.add_with(&[("task", task)], 0));
}

/// Should this process get traffic?
pub fn ready(ready: bool) {
    READY.set(f64::from(u8::from(ready)));
}

/// Reads the figures of the runtimes, the server's own and that of the links, as one; before each scrape.
pub fn read_runtimes(runtimes: &[&RuntimeMetrics]) {
    let sum = |figure: fn(&RuntimeMetrics) -> usize| number(runtimes.iter().map(|runtime| figure(runtime)).sum());
    WORKERS.set(sum(RuntimeMetrics::num_workers));
    TASKS.set(sum(RuntimeMetrics::num_alive_tasks));
    QUEUE.set(sum(RuntimeMetrics::global_queue_depth));
    let busy_of = |runtime: &RuntimeMetrics| -> Duration {
        (0..runtime.num_workers()).map(|worker| runtime.worker_total_busy_duration(worker)).sum()
    };
    let busy: Duration = runtimes.iter().map(|runtime| busy_of(runtime)).sum();
    BUSY.total(busy.as_secs());
}

/// A task of the server itself panicked, or ended by itself.
pub fn task_fell(task: &'static str) {
    FELL.count_with(&[("task", task)]);
}

/// A timer came this late.
pub fn timer_was_late(by: Duration) {
    LATE.observe(by);
}
