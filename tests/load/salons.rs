//! Many salons on a stage, and what the server takes for them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use crate::page::Page;
use crate::stage::Stage;

/// Salons that are onboarded at the same time. More only make each slower on two cores.
const AT_ONCE: usize = 8;

/// Memory that moves by less counts as still, in KiB.
const STILL_KIB: u64 = 256;

/// Longest wait for memory that is still, as a multiple of the time it has to be.
const STILL_PATIENCE: u32 = 4;

/// Between two looks at a state that is being timed.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A phone for each salon.
fn number(salon: u64) -> String {
    format!("79{:09}", salon % 1_000_000_000)
}

/// Salons from `first` on, each linked by QR and active at YClients.
pub async fn link(stage: &Stage, first: u64, count: usize) {
    let salons = stream::iter((first..).take(count));
    salons.for_each_concurrent(AT_ONCE, async |salon| drop(stage.connect(salon, &number(salon)).await)).await;
}

/// Open pages of salons from `first` on, each showing its first code.
pub async fn open_pages(stage: &Stage, first: u64, count: usize) -> Result<Vec<Page>> {
    let pages = stream::iter((first..).take(count)).map(async |salon| {
        stage.salon(salon, "Салон").await;
        let token = stage.onboard(salon).await;
        Page::with_qr(stage.port, &token).await
    });
    pages.buffer_unordered(AT_ONCE).try_collect().await
}

/// Waits until the service counts `count` logged-in devices and at least `logins` accepted logins, and the server says the same of itself.
pub async fn all_online(stage: &Stage, count: usize, logins: u64, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let stats = stage.sandbox.whatsapp().stats();
        if stats.links == count && stats.logins >= logins && online(stage).await == Some(count) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{} of {count} sessions are online after {patience:?}", stats.links);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Sessions online, in the server's own words.
async fn online(stage: &Stage) -> Option<usize> {
    let url = format!("http://127.0.0.1:{}/metrics", stage.ops_port);
    let text = stage.http.get(url).send().await.ok()?.text().await.ok()?;
    let count = text.lines().find_map(|line| line.strip_prefix("frontdesk_sessions{state=\"Online\"} "))?;
    count.parse::<f64>().ok().map(|count| count as usize)
}

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

/// `VmRSS` in KiB.
fn memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process runs")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().context("VmRSS is a number")
}
