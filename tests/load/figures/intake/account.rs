//! Every webhook that was answered 2xx is accounted for in the store: acted on once, in the order of its salon.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use frontdesk::store::{SealKey, Store, StoreOptions};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::{InboxRecords as _, Records};
use frontdesk_actors::records::EventKind;
use rand::RngExt as _;
use tokio::time::{sleep, timeout};

use super::load::{Load, Sent, event_name};
use crate::plan::Plan;
use crate::report::{Row, Sample, Target};
use crate::scrape::Scrape;
use crate::stage::Stage;

/// Acting on what waits takes no longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Nothing more was acted on for this long: nothing waits any more.
const QUIET: Duration = Duration::from_secs(2);

/// More than any salon gets here.
const LINES: usize = 10_000;

/// What was answered.
#[derive(Default)]
pub struct Account {
    acknowledged: Vec<Sent>,
}

/// What the store says.
#[derive(Default)]
pub struct Verdict {
    acknowledged: usize,
    /// Answered, and no trace of it.
    lost: usize,
    /// Acted on more than once.
    repeated: usize,
    /// Stored, but never acted on.
    waiting: usize,
    /// Acted on before one that was answered before this one was sent.
    overtaken: usize,
}

impl Account {
    pub fn note(&mut self, sent: &[Sent]) {
        self.acknowledged.extend(sent.iter().filter(|sent| sent.acknowledged));
    }

    /// kill -9 somewhere in the load, again and again.
    pub async fn crash_under_load(&mut self, stage: &mut Stage, load: &mut Load, plan: &Plan) -> Result<()> {
        for _ in 0..plan.intake.kills {
            let moment = plan.intake.life.mul_f64(rand::rng().random_range(0.2..0.9));
            let kill = async {
                sleep(moment).await;
                stage.kill().await;
            };
            let (sent, ()) = tokio::join!(load.at_rate(plan.intake.per_second, plan.intake.life), kill);
            self.note(&sent);
            stage.start().await;
        }
        Ok(())
    }

    /// Lets the server finish, stops it, and looks into its store.
    pub async fn settle(&self, stage: &mut Stage, load: &Load) -> Result<Verdict> {
        timeout(PATIENCE, nothing_waits(stage)).await.context("the server still acts on webhooks")??;
        stage.stop().await;
        let store = Store::open(StoreOptions::new(&stage.data_dir, SealKey::in_folder(&stage.data_dir)?))?;
        let mut verdict = Verdict { acknowledged: self.acknowledged.len(), ..Verdict::default() };
        let mut by_salon: HashMap<u64, Vec<&Sent>> = HashMap::new();
        for sent in &self.acknowledged {
            by_salon.entry(sent.salon).or_default().push(sent);
        }
        for salon in load.salons() {
            let stored = store.company_by_salon(SalonId::try_from(*salon)?).await?.context("the salon was registered")?;
            let company = stored.company.company_id;
            verdict.waiting += store.pending_inbox(company, LINES).await?.len();
            verdict.add(by_salon.get(salon).map_or(&[], Vec::as_slice), &timeline(&store, company).await?);
        }
        store.close().await;
        Ok(verdict)
    }
}

async fn nothing_waits(stage: &Stage) -> Result<()> {
    let handled = async || anyhow::Ok(Scrape::of(stage).await?.sum("frontdesk_webhooks_handled_total"));
    let mut before = handled().await?;
    loop {
        sleep(QUIET).await;
        let now = handled().await?;
        if now <= before {
            return Ok(());
        }
        before = now;
    }
}

/// Names of the unknown events of a company, oldest first.
async fn timeline(store: &Store, company: CompanyId) -> Result<Vec<String>> {
    let mut lines = store.events(company, LINES).await?;
    lines.retain(|line| line.kind == EventKind::UnknownWebhook);
    let names = lines.iter().rev().map(|line| line.data["event"].as_str().unwrap_or_default().to_owned());
    Ok(names.collect())
}

impl Verdict {
    fn add(&mut self, acknowledged: &[&Sent], lines: &[String]) {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, name) in lines.iter().enumerate() {
            places.entry(name).or_default().push(place);
        }
        self.repeated += places.values().filter(|places| places.len() > 1).count();
        let mut found = Vec::new();
        for sent in acknowledged {
            match places.get(event_name(sent.number).as_str()) {
                Some(at) => found.push((at[0], *sent)),
                None => self.lost += 1,
            }
        }
        found.sort_by_key(|(place, _)| *place);
        self.overtaken += found.windows(2).filter(|pair| pair[1].1.answered_at < pair[0].1.sent_at).count();
    }

    pub fn rows(&self, plan: &Plan) -> Vec<Row> {
        let what = |part: &str| format!("{} webhooks acknowledged under {} × kill -9: {part}", self.acknowledged, plan.intake.kills);
        let none = |part: &str, count: usize| Row::new(what(part), "", Sample::of([count as f64])).target(Target::AtMost(0.0));
        vec![
            none("lost", self.lost),
            none("acted on twice", self.repeated),
            none("never acted on", self.waiting),
            none("overtaken in their salon", self.overtaken),
        ]
    }
}
