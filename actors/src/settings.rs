//! Limits and times of the tree. Defaults are the specification's; `config/default.toml` documents each for operators.

use std::time::Duration;

use crate::records::Retention;

/// All settings of fleet, companies and sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetSettings {
    /// Links that may start per second, fleet-wide. `None` = no limit.
    pub dials_per_second: Option<u32>,
    /// Links that may be between dial and login at once.
    pub dials_at_once: usize,
    /// How long an unpaired link is kept when nobody looks at the page.
    pub unpaired_linger: Duration,
    /// QR rounds without a scan before the page suggests the pairing code.
    pub qr_rounds: u32,
    /// A link that neither shows a code nor comes online within this is failed.
    pub connect_timeout: Duration,
    /// First wait after a loss; doubles up to `backoff_max`, full jitter.
    pub backoff_min: Duration,
    /// Longest wait after a loss.
    pub backoff_max: Duration,
    /// Online this long before the backoff starts anew.
    pub stable_after: Duration,
    /// Between two probes of an online link.
    pub probe_every: Duration,
    /// A probe of which the link says nothing within this counts as unanswered. Longer than the link itself waits for WhatsApp.
    pub answer_within: Duration,
    /// After `Replaced`: one probe after this.
    pub replaced_probe_after: Duration,
    /// After `Outdated`: another try, with the version of that day, after this and up to a quarter more.
    pub outdated_retry_after: Duration,
    /// A link that comes back within this was never lost to people.
    pub flap_grace: Duration,
    /// How long after the redirect an activation may begin or be retried.
    pub activation_window: Duration,
    /// First wait between activation calls; doubles up to `activation_backoff_max`.
    pub activation_backoff_min: Duration,
    /// Longest wait between activation calls.
    pub activation_backoff_max: Duration,
    /// How YClients reaches us, without a slash at the end; the address of each salon's data webhook begins with it. `None`: it is told none.
    pub webhook_base: Option<String>,
    /// Tries to act on a webhook before it goes to the dead letters.
    pub webhook_tries: u32,
    /// What a removed salon left behind is erased after this.
    pub erase_after: Duration,
    /// How much of the past is kept.
    pub retention: Retention,
    /// Restarts of one session or company actor within `restart_window` before it is parked.
    pub restarts: usize,
    /// See `restarts`.
    pub restart_window: Duration,
    /// Messages waiting for one company before callers get `Busy`.
    pub company_queue: usize,
    /// Longest wait for an actor's answer.
    pub call_timeout: Duration,
}

impl Default for FleetSettings {
    fn default() -> Self {
        Self {
            dials_per_second: Some(20),
            dials_at_once: 64,
            unpaired_linger: Duration::from_secs(120),
            qr_rounds: 5,
            connect_timeout: Duration::from_secs(45),
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(300),
            stable_after: Duration::from_secs(60),
            probe_every: Duration::from_secs(180),
            answer_within: Duration::from_secs(30),
            replaced_probe_after: Duration::from_secs(600),
            outdated_retry_after: Duration::from_secs(3600),
            flap_grace: Duration::from_secs(10),
            activation_window: Duration::from_secs(3600),
            activation_backoff_min: Duration::from_secs(2),
            activation_backoff_max: Duration::from_secs(300),
            webhook_base: None,
            webhook_tries: 5,
            // An hour before the promise of 24 h, so that a sweep that comes late still keeps it.
            erase_after: Duration::from_secs(23 * 3600),
            retention: Retention::default(),
            restarts: 5,
            restart_window: Duration::from_secs(60),
            company_queue: 256,
            call_timeout: Duration::from_secs(5),
        }
    }
}
