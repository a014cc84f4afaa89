//! From the start of the process to a server that is ready, with many linked companies stored and with none.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::Utc;
use frontdesk::store::{SealKey, Store, StoreOptions};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::{Records, Vault, VaultOp};
use frontdesk_actors::records::{Change, IntegrationStatus, MarketplaceUser, NewCompany, SessionRecord};
use futures_util::{TryStreamExt as _, stream};
use tokio::time::Instant;

use crate::plan::Plan;
use crate::report::{Row, Sample};
use crate::salons;
use crate::stage::Stage;

/// The one salon that is really linked.
const MODEL: u64 = 5_000_000;

/// Its copies.
const FIRST: u64 = 5_100_000;

/// No start takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two questions whether the server is ready.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Companies seeded at the same time: they share commits.
const AT_ONCE: usize = 64;

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let mut full = Stage::open().await;
    salons::link(&full, MODEL, 1).await;
    full.stop().await;
    seed(&full.data_dir, plan.stored).await?;
    let mut empty = Stage::open().await;
    empty.kill().await;
    let (mut with_many, mut with_none) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        with_many.push(start(&mut full).await?);
        with_none.push(start(&mut empty).await?);
    }
    let what = format!("process start → ready, {} linked companies stored", plan.stored);
    Ok(vec![Row::new(what, "ms", Sample::of(with_many)).beside("the same, nothing stored", Sample::of(with_none))])
}

/// In milliseconds. The server is killed afterwards, so that each start is one after a crash.
async fn start(stage: &mut Stage) -> Result<f64> {
    let url = format!("http://127.0.0.1:{}/readyz", stage.ops_port);
    let began = Instant::now();
    stage.spawn();
    while !stage.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        ensure!(began.elapsed() < PATIENCE, "the server is not ready in time:\n{}", stage.log());
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let took = began.elapsed();
    stage.kill().await;
    Ok(took.as_secs_f64() * 1000.0)
}

/// Copies of a company that was really linked, credentials included, each with ids of its own.
async fn seed(data_dir: &Path, count: u64) -> Result<()> {
    let store = Store::open(StoreOptions::new(data_dir, SealKey::in_folder(data_dir)?))?;
    let model = store.company_by_salon(salon(MODEL)).await?.context("the model was linked")?;
    let session = model.session.context("the model has a session")?;
    let vault = whole_vault(&store, model.company.company_id)?;
    ensure!(!vault.is_empty(), "the model has credentials");
    let copies = stream::iter((FIRST..FIRST + count).map(Ok::<u64, anyhow::Error>));
    copies.try_for_each_concurrent(AT_ONCE, async |id| copy(&store, &session, &vault, salon(id)).await).await?;
    store.close().await;
    Ok(())
}

fn salon(id: u64) -> SalonId {
    SalonId::try_from(id).expect("a valid salon id")
}

fn whole_vault(store: &Store, company: CompanyId) -> Result<Vec<VaultOp>> {
    let mut all = Vec::new();
    for table in 0..=u8::MAX {
        let pairs = store.scan(company, table, &[])?;
        all.extend(pairs.into_iter().map(|(key, value)| VaultOp::Put { table, key, value }));
    }
    Ok(all)
}

async fn copy(store: &Store, session: &SessionRecord, vault: &[VaultOp], salon_id: SalonId) -> Result<()> {
    let marketplace_user = MarketplaceUser { name: Some("Анна Петрова".to_owned()), ..MarketplaceUser::default() };
    let title = Some(format!("Салон красоты {salon_id}"));
    let new = NewCompany { salon_id, title, timezone: None, marketplace_user, registered_at: Utc::now() };
    let mut company = store.create_company(new).await?;
    let company_id = company.company_id;
    store.write(company_id, vault.to_vec()).await?;
    company.integration_status = IntegrationStatus::Active;
    company.whatsapp_connected = true;
    company.connected_at = Some(Utc::now());
    let session = SessionRecord { company_id, ..session.clone() };
    store.commit(vec![Change::PutCompany(Box::new(company)), Change::PutSession(session)]).await?;
    Ok(())
}
