//! Webhooks: how fast they are answered while every one is stored and synced first, and what kill -9 leaves of those that were answered.

mod account;
mod express;
mod load;

use anyhow::Result;

use self::account::Account;
use self::express::Express;
use self::load::{Load, Sent};
use crate::plan::Plan;
use crate::report::{Row, Sample, Target, quantile};
use crate::salons;
use crate::stage::Stage;

const FIRST: u64 = 9_000_000;

/// Callers that wait for their answer before they send the next.
const CALLERS: usize = 64;

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let mut stage = Stage::open().await;
    let salons: Vec<u64> = salons::register(&stage, FIRST, plan.intake.salons).await.iter().map(|salon| salon.id).collect();
    let mut load = Load::new(stage.port, salons)?;
    let ours = load.at_rate(plan.intake.per_second, plan.intake.lasting).await;
    let ours_at_most = load.as_fast_as(CALLERS, plan.writing).await;
    let mut account = Account::default();
    account.note(&ours);
    account.note(&ours_at_most);
    account.crash_under_load(&mut stage, &mut load, plan).await?;
    let verdict = account.settle(&mut stage, &load).await?;
    let beside = beside(plan, &load).await?;
    let mut rows = answers(plan, &ours, beside.as_ref().map(|beside| &beside.at_rate));
    let fast = Row::new(format!("webhooks answered, {CALLERS} callers"), "/s", per_second(plan, &ours_at_most));
    rows.push(match &beside {
        Some(beside) => fast.beside(express::NAME, per_second(plan, &beside.at_most)),
        None => fast,
    });
    rows.extend(verdict.rows(plan));
    Ok(rows)
}

/// The same requests to the yardstick.
struct Beside {
    at_rate: Vec<Sent>,
    at_most: Vec<Sent>,
}

async fn beside(plan: &Plan, load: &Load) -> Result<Option<Beside>> {
    let Some(express) = Express::start().await? else { return Ok(None) };
    let mut load = load.to(express.port)?;
    let at_rate = load.at_rate(plan.intake.per_second, plan.intake.lasting_beside).await;
    let at_most = load.as_fast_as(CALLERS, plan.writing).await;
    Ok(Some(Beside { at_rate, at_most }))
}

fn answers(plan: &Plan, ours: &[Sent], theirs: Option<&Vec<Sent>>) -> Vec<Row> {
    let intake = &plan.intake;
    let what = |part: &str| format!("webhook, {}/s over {} salons for {:?}: {part}", intake.per_second, intake.salons, intake.lasting);
    let of = |sent: &[Sent], part: f64| {
        let took: Vec<f64> = sent.iter().filter(|sent| sent.acknowledged).map(|sent| sent.took_ms).collect();
        // Without a single answer there is nothing to be under.
        Sample::of([if took.is_empty() { f64::INFINITY } else { quantile(&took, part) }])
    };
    let row = |name: &str, part: f64| {
        let row = Row::new(what(name), "ms", of(ours, part));
        match theirs {
            Some(theirs) => row.beside(express::NAME, of(theirs, part)),
            None => row,
        }
    };
    let refused = ours.iter().filter(|sent| !sent.acknowledged).count();
    vec![
        row("p50", 0.5),
        row("p99", 0.99).target(Target::AtMost(50.0)),
        Row::new(what("not acknowledged"), "", Sample::of([refused as f64])).target(Target::AtMost(0.0)),
    ]
}

fn per_second(plan: &Plan, sent: &[Sent]) -> Sample {
    let acknowledged = sent.iter().filter(|sent| sent.acknowledged).count();
    Sample::of([acknowledged as f64 / plan.writing.as_secs_f64()])
}
