//! The operators' console in a real Chromium, with many companies stored.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::Utc;
use frontdesk::store::{SealKey, Store, StoreOptions};
use frontdesk_actors::ids::SalonId;
use frontdesk_actors::ports::Records;
use frontdesk_actors::records::{Change, IntegrationStatus, MarketplaceUser, NewCompany};
use futures_util::{TryStreamExt as _, stream};
use serde::Deserialize;
use tokio::process::Command;

use crate::plan::Plan;
use crate::report::{Row, Sample, Target};
use crate::stage::Stage;

/// Companies seeded at the same time: they share commits.
const AT_ONCE: usize = 64;

/// No measurement in the browser takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Page loads: more would meet the limit of requests for each operator's key.
const LOADS: usize = 10;

/// Enough for a full page of the list.
const FEW: u64 = 60;

/// What a person takes for at once, in milliseconds.
const AT_ONCE_MS: f64 = 200.0;

/// Milliseconds of each run, as the script tells them.
#[derive(Deserialize)]
struct Times {
    overview_paint: Vec<f64>,
    overview: Vec<f64>,
    list_paint: Vec<f64>,
    list: Vec<f64>,
    search: Vec<f64>,
}

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/console_speed.mjs");
    if !script.with_file_name("node_modules").exists() {
        eprintln!("  the console is left out: a browser's packages are not installed (make setup)");
        return Ok(Vec::new());
    }
    let (none, many) = (times(&script, 0, plan).await?, times(&script, plan.stored, plan).await?);
    let row = |what: &str, ours: Vec<f64>, empty: Vec<f64>| {
        let what = format!("console, {} companies: {what}", plan.stored);
        Row::new(what, "ms", Sample::of(ours)).beside("the same, few companies", Sample::of(empty))
    };
    let at_once = |row: Row| row.target(Target::AtMost(AT_ONCE_MS));
    Ok(vec![
        at_once(row("overview, first paint", many.overview_paint, none.overview_paint)),
        row("overview, its figures are drawn", many.overview, none.overview),
        at_once(row("list, first paint", many.list_paint, none.list_paint)),
        row("list, its first page is drawn", many.list, none.list),
        at_once(row("last letter of a search → result painted", many.search, none.search)),
    ])
}

/// With so many companies stored beside the few that fill one page of the list.
async fn times(script: &Path, stored: u64, plan: &Plan) -> Result<Times> {
    let mut stage = Stage::without_server().await;
    let companies = stored.max(FEW);
    seed(&stage.data_dir, companies).await?;
    stage.start().await;
    let mut command = Command::new("node");
    command.arg(script).args([LOADS.min(plan.runs * 2), companies as usize].map(|number| number.to_string()));
    command.env("FRONTDESK_URL", stage.url("")).env("CONTROL_URL", stage.sandbox.control_url());
    command.env("ADMIN_KEY", stage.admin_key().context("the server made a key")?);
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.context("the browser takes too long")??;
    ensure!(output.status.success(), "console_speed.mjs ended with {}", output.status);
    stage.stop().await;
    serde_json::from_slice(&output.stdout).context("the script's word is JSON")
}

async fn seed(data_dir: &Path, count: u64) -> Result<()> {
    std::fs::create_dir_all(data_dir)?;
    let store = Store::open(StoreOptions::new(data_dir, SealKey::in_folder(data_dir)?))?;
    let numbers = stream::iter((0..count).map(Ok::<u64, anyhow::Error>));
    numbers.try_for_each_concurrent(AT_ONCE, async |number| store_company(&store, number).await).await?;
    store.close().await;
    Ok(())
}

async fn store_company(store: &Store, number: u64) -> Result<()> {
    let marketplace_user = MarketplaceUser { name: Some("Анна Петрова".to_owned()), ..MarketplaceUser::default() };
    let salon_id = SalonId::try_from(6_000_000 + number).context("a valid salon id")?;
    let title = Some(format!("Салон красоты {number}"));
    let new = NewCompany { salon_id, title, timezone: None, marketplace_user, registered_at: Utc::now() };
    let mut company = store.create_company(new).await?;
    company.integration_status = IntegrationStatus::Active;
    company.connected_at = Some(Utc::now());
    store.commit(vec![Change::PutCompany(Box::new(company))]).await?;
    Ok(())
}
