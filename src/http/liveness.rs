//! Does the inside still answer? Fed by the watchdog, asked by `/livez` and the service manager.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// When the inside last answered. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Liveness {
    last: Arc<watch::Sender<Option<Instant>>>,
    limit: Duration,
}

impl Liveness {
    /// Nothing is expected before the first [`Liveness::beat`]; afterwards one at least every `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { last: Arc::new(watch::Sender::new(None)), limit }
    }

    /// The inside answered just now.
    pub fn beat(&self) {
        self.last.send_replace(Some(Instant::now()));
    }

    /// Nothing is expected any more: the process is stopping.
    pub fn rest(&self) {
        self.last.send_replace(None);
    }

    /// For how long there was no answer, when that is too long.
    pub fn stuck(&self) -> Option<Duration> {
        let silent = self.last.borrow().map(|last| last.elapsed())?;
        (silent > self.limit).then_some(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_answer_and_not_before_the_first_or_after_the_end() {
        let liveness = Liveness::new(Duration::from_secs(30));
        tokio::time::advance(Duration::from_secs(300)).await;
        assert_eq!(liveness.stuck(), None);
        liveness.beat();
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(liveness.stuck(), None);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(liveness.stuck(), Some(Duration::from_secs(31)));
        liveness.beat();
        assert_eq!(liveness.stuck(), None);
        tokio::time::advance(Duration::from_secs(300)).await;
        liveness.rest();
        assert_eq!(liveness.stuck(), None);
    }
}
