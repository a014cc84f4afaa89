//! What a process takes, as the kernel counts it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;

/// Memory that moves by less counts as still, in KiB.
const STILL_KIB: u64 = 256;

/// Longest wait for memory that is still, as a multiple of the time it has to be.
const STILL_PATIENCE: u32 = 4;

/// Ticks of `/proc/<pid>/stat` in a second: the same on every Linux (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Resident memory of a process in KiB, once it has not moved for `still`.
pub async fn settled_memory(pid: u32, still: Duration) -> Result<u64> {
    let deadline = Instant::now() + still * STILL_PATIENCE;
    let (mut since, mut low, mut high) = (Instant::now(), u64::MAX, 0);
    loop {
        let now = memory(pid)?;
        (low, high) = (low.min(now), high.max(now));
        if high - low > STILL_KIB {
            (since, low, high) = (Instant::now(), now, now);
        }
        if since.elapsed() >= still || Instant::now() > deadline {
            return Ok(now);
        }
        tokio::time::sleep(still / 40).await;
    }
}

/// Resident memory in KiB.
pub fn memory(pid: u32) -> Result<u64> {
    status(pid, "VmRSS:")
}

/// The most it ever had resident, in KiB.
pub fn peak_memory(pid: u32) -> Result<u64> {
    status(pid, "VmHWM:")
}

/// Open file descriptors.
pub fn descriptors(pid: u32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd")).context("the process runs")?.count())
}

/// Cores that a process kept busy while `busy_with` ran.
pub async fn cores<T>(pid: u32, busy_with: impl Future<Output = Result<T>>) -> Result<(f64, T)> {
    let (began, before) = (Instant::now(), cpu_seconds(pid)?);
    let result = busy_with.await?;
    Ok(((cpu_seconds(pid)? - before) / began.elapsed().as_secs_f64(), result))
}

/// Processor time so far, its own and the kernel's for it.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process runs")?;
    // The name may hold spaces and parentheses; what follows it is numbers. The 14th and 15th fields are utime and stime.
    let (_, numbers) = stat.rsplit_once(')').context("the name is in parentheses")?;
    let ticks: Vec<f64> = numbers.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

fn status(pid: u32, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process runs")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("the kernel tells {name}"))?;
    line.trim().trim_end_matches(" kB").parse().with_context(|| format!("{name} is a number"))
}
