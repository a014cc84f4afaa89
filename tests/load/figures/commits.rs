//! Acknowledged durable commits of the store, beside appends to a file on the same disk with an `fdatasync` each.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use frontdesk::store::{SealKey, Store, StoreOptions};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::Records;
use frontdesk_actors::records::{Change, EventKind, EventRecord, MarketplaceUser, NewCompany};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::plan::Plan;
use crate::report::{Row, Sample, quantile};

/// Callers that wait for their own commit before they ask for the next.
const WRITERS: usize = 64;

/// Bytes of one raw record: about what a stored event takes.
const RECORD: usize = 256;

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    // Beside the build, because the folder for temporary files may be in memory.
    let parent = crate::build_folder().join("bench");
    std::fs::create_dir_all(&parent)?;
    let folder = tempfile::tempdir_in(&parent)?;
    let store = Store::open(StoreOptions::new(folder.path().join("store"), SealKey::new([7; 32])))?;
    let companies = companies(&store).await?;
    let (mut ours, mut single, mut grouped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        ours.push(through_the_store(&store, &companies, plan.writing).await?);
        single.push(raw(folder.path(), 1, plan.writing).await?);
        grouped.push(raw(folder.path(), WRITERS, plan.writing).await?);
    }
    store.close().await;
    let rate = |runs: &[Run]| Sample::of(runs.iter().map(|run| run.per_second));
    let part = |runs: &[Run], part: f64| Sample::of(runs.iter().map(|run| quantile(&run.took_ms, part)));
    let what = |figure: &str| format!("durable commits, {WRITERS} writers: {figure}");
    Ok(vec![
        Row::new(what("rate"), "/s", rate(&ours)).beside(format!("raw, {WRITERS} records per fdatasync"), rate(&grouped)),
        Row::new(what("p50"), "ms", part(&ours, 0.5)).beside("raw, one record and fdatasync", part(&single, 0.5)),
        Row::new(what("p99"), "ms", part(&ours, 0.99)).beside("raw, one record and fdatasync", part(&single, 0.99)),
    ])
}

struct Run {
    per_second: f64,
    took_ms: Vec<f64>,
}

async fn companies(store: &Store) -> Result<Vec<(CompanyId, SalonId)>> {
    let mut companies = Vec::new();
    for salon in (1..).take(WRITERS) {
        let salon_id = SalonId::try_from(salon)?;
        let marketplace_user = MarketplaceUser::default();
        let new = NewCompany { salon_id, title: None, timezone: None, marketplace_user, registered_at: Utc::now() };
        companies.push((store.create_company(new).await?.company_id, salon_id));
    }
    Ok(companies)
}

async fn through_the_store(store: &Store, companies: &[(CompanyId, SalonId)], writing: Duration) -> Result<Run> {
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for (company_id, salon_id) in companies.iter().copied() {
        let store = store.clone();
        writers.spawn(async move {
            let mut took_ms = Vec::new();
            while began.elapsed() < writing {
                let data = json!({"state": "Online", "attempt": took_ms.len()});
                let event = EventRecord { company_id, salon_id, kind: EventKind::WhatsappConnected, data, at: Utc::now() };
                let asked = Instant::now();
                store.commit(vec![Change::AppendEvent(event)]).await?;
                took_ms.push(asked.elapsed().as_secs_f64() * 1000.0);
            }
            anyhow::Ok(took_ms)
        });
    }
    let mut took_ms = Vec::new();
    while let Some(writer) = writers.join_next().await {
        took_ms.extend(writer??);
    }
    Ok(Run { per_second: took_ms.len() as f64 / began.elapsed().as_secs_f64(), took_ms })
}

/// `records` at a time are appended, then synced.
async fn raw(folder: &Path, records: usize, writing: Duration) -> Result<Run> {
    let file = folder.join("raw");
    let run = tokio::task::spawn_blocking(move || {
        let mut file = OpenOptions::new().create(true).append(true).open(file)?;
        let bytes = vec![7; records * RECORD];
        let began = Instant::now();
        let mut took_ms = Vec::new();
        while began.elapsed() < writing {
            let asked = Instant::now();
            file.write_all(&bytes)?;
            file.sync_data()?;
            took_ms.push(asked.elapsed().as_secs_f64() * 1000.0);
        }
        let per_second = (took_ms.len() * records) as f64 / began.elapsed().as_secs_f64();
        std::io::Result::Ok(Run { per_second, took_ms })
    });
    Ok(run.await??)
}
