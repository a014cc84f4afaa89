//! The server's metrics, as an operator's Prometheus reads them.

use anyhow::{Result, ensure};

use crate::stage::Stage;

/// One scrape.
pub struct Scrape(String);

impl Scrape {
    pub async fn of(stage: &Stage) -> Result<Self> {
        let url = format!("http://127.0.0.1:{}/metrics", stage.ops_port);
        let text = stage.http.get(url).send().await?.error_for_status()?.text().await?;
        Ok(Self(text))
    }

    /// A metric over all its labels. Counters that never counted are not there yet: 0.
    pub fn sum(&self, name: &str) -> f64 {
        self.values(name).sum()
    }

    /// A metric that must be there.
    pub fn value(&self, name: &str) -> Result<f64> {
        ensure!(self.values(name).next().is_some(), "the server has no metric {name}");
        Ok(self.sum(name))
    }

    /// Sessions online, in the server's own words.
    pub fn online(&self) -> Option<usize> {
        let count = self.0.lines().find_map(|line| line.strip_prefix("frontdesk_sessions{state=\"Online\"} "))?;
        count.parse::<f64>().ok().map(|count| count as usize)
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = f64> + 'a {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
            rest.rsplit_once(' ')?.1.parse().ok()
        })
    }
}
