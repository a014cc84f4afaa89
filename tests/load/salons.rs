//! Many salons on a stage.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use crate::page::Page;
use crate::scrape::Scrape;
use crate::stage::Stage;

/// Salons that are onboarded at the same time. More only make each slower on two cores.
const AT_ONCE: usize = 8;

/// Between two looks at a state that is being timed: a look costs the service a walk over its phones, so it takes longer with many of them.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOK_EVERY_PER_SESSION: Duration = Duration::from_micros(20);

/// A salon that was onboarded.
pub struct Salon {
    pub id: u64,
    /// Of its owner's page.
    pub token: String,
}

/// A phone for each salon.
fn number(salon: u64) -> String {
    format!("79{:09}", salon % 1_000_000_000)
}

/// Salons from `first` on, each linked by QR and active at YClients.
pub async fn link(stage: &Stage, first: u64, count: usize) -> Vec<Salon> {
    link_at_once(stage, first, count, AT_ONCE).await
}

/// As [`link`], with another number of them at the same time: thousands are linked sooner when they share commits of the store.
pub async fn link_at_once(stage: &Stage, first: u64, count: usize, at_once: usize) -> Vec<Salon> {
    let salons = stream::iter((first..).take(count)).map(async |id| Salon { id, token: stage.connect(id, &number(id)).await });
    salons.buffer_unordered(at_once).collect().await
}

/// Salons from `first` on whose owners pressed *Connect* and went no further.
pub async fn register(stage: &Stage, first: u64, count: usize) -> Vec<Salon> {
    let salons = stream::iter((first..).take(count)).map(async |id| {
        stage.salon(id, "Салон").await;
        Salon { id, token: stage.onboard(id).await }
    });
    salons.buffer_unordered(AT_ONCE).collect().await
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
    let pause = LOOK_EVERY.max(LOOK_EVERY_PER_SESSION * u32::try_from(count)?);
    loop {
        let stats = stage.sandbox.whatsapp().stats();
        if stats.links == count && stats.logins >= logins && online(stage).await == Some(count) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{} of {count} sessions are online after {patience:?}", stats.links);
        tokio::time::sleep(pause).await;
    }
}

async fn online(stage: &Stage) -> Option<usize> {
    Scrape::of(stage).await.ok()?.online()
}

/// An orderly restart, until all sessions are online again.
pub async fn restart(stage: &mut Stage, count: usize, patience: Duration) -> Result<()> {
    let before = stage.sandbox.whatsapp().stats().logins;
    stage.stop().await;
    stage.start().await;
    all_online(stage, count, before + count as u64, patience).await
}

/// kill -9 and a new process, until all sessions are online again. In milliseconds; includes the death of the old process.
pub async fn kill_and_restore(stage: &mut Stage, count: usize, patience: Duration) -> Result<f64> {
    let before = stage.sandbox.whatsapp().stats().logins;
    let began = Instant::now();
    stage.kill().await;
    stage.spawn();
    all_online(stage, count, before + count as u64, patience).await?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}
