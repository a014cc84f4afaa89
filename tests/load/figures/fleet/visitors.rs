//! Owners who look at the state of their salons while something else happens.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::salons::Salon;
use crate::stage::Stage;

/// One status query after the other, some hundred salons a few times each while a thousand come back.
const QUERY_EVERY: Duration = Duration::from_millis(20);

/// Between two queries whose salons are neighbours.
const STRIDE: usize = 37;

/// Asks for the status of salons until `meanwhile` has ended. How long each answer took, in milliseconds.
pub async fn ask(stage: &Stage, salons: &[Salon], meanwhile: impl Future) -> Result<Vec<f64>> {
    let mut took_ms = Vec::new();
    let asking = async {
        let mut pace = interval(QUERY_EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for salon in salons.iter().cycle().step_by(STRIDE) {
            pace.tick().await;
            let began = Instant::now();
            let url = stage.url(&format!("/marketplace/api/status/company_{}", salon.id));
            let answer = stage.http.get(url).bearer_auth(&salon.token).send().await?;
            let status = answer.status();
            let words = answer.text().await?;
            ensure!(status.is_success(), "a status query is answered {status}: {words}");
            took_ms.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        anyhow::Ok(())
    };
    tokio::select! {
        failed = asking => failed?,
        _ = meanwhile => {}
    }
    ensure!(!took_ms.is_empty(), "no status query was answered meanwhile");
    Ok(took_ms)
}
