//! The supervision tree.

use std::time::Duration;

use super::catalog::{Metric, SECONDS, number};

const RESTARTS: Metric = Metric::counter("frontdesk_actors_restarts_total", "Actors started again after a crash, by level");
const PARKED: Metric = Metric::counter("frontdesk_actors_parked_total", "Companies parked after too many crashes");
const COMMITS_FAILED: Metric = Metric::counter("frontdesk_actors_commits_failed_total", "Commits that failed in an actor's hands");
const PARKED_NOW: Metric = Metric::gauge("frontdesk_actors_parked", "Companies that are parked and wait for an operator");
const RUNNING: Metric = Metric::gauge("frontdesk_actors_running", "Companies with a running actor");
const ASKS: Metric = Metric::gauge("frontdesk_actors_waiting_requests", "Requests that wait for an actor's answer, by whose");
const FULLEST: Metric = Metric::gauge("frontdesk_actors_fullest_queue", "Requests that wait for the busiest company");
const ANSWER: Metric =
    Metric::histogram("frontdesk_actors_answer_seconds", SECONDS, "Until the root of the tree answers a question of ours");
const NO_ANSWER: Metric =
    Metric::counter("frontdesk_actors_unanswered_total", "Questions of ours that the root of the tree did not answer in time");
const DIAL_QUEUE: Metric = Metric::gauge("frontdesk_links_dial_queue", "Sessions that wait for a dial permit, by lane");
const DIALLING: Metric = Metric::gauge("frontdesk_links_dialling", "Dial permits given out and not back");
const RESTORING: Metric = Metric::gauge("frontdesk_sessions_offline", "Linked sessions that should be online and are not yet");

pub(super) const ALL: &[Metric] =
    &[RESTARTS, PARKED, COMMITS_FAILED, PARKED_NOW, RUNNING, ASKS, FULLEST, ANSWER, NO_ANSWER, DIAL_QUEUE, DIALLING, RESTORING];

pub(super) fn begin() {
    for level in ["session", "company"] {
        RESTARTS.add_with(&[("level", level)], 0);
    }
    for counter in [PARKED, COMMITS_FAILED, NO_ANSWER] {
        counter.appear();
    }
}

pub(super) fn restarted(level: &'static str) {
    RESTARTS.count_with(&[("level", level)]);
}

pub(super) fn parked() {
    PARKED.count();
}

pub(super) fn commit_failed() {
    COMMITS_FAILED.count();
}

/// The tree at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Companies with a running actor.
    pub running: usize,
    /// Linked sessions that should be online and are not.
    pub offline: usize,
    /// Parked companies.
    pub parked: usize,
    /// Requests that wait for the root.
    pub waiting_for_fleet: usize,
    /// Requests that wait for all companies together.
    pub waiting_for_companies: usize,
    /// Requests that wait for the busiest company.
    pub fullest: usize,
    /// Owners in the dial queue.
    pub owners_queued: usize,
    /// Restores in the dial queue.
    pub restores_queued: usize,
    /// Permits given out.
    pub dialling: usize,
}

/// The root of the tree was asked and answered after this long; `None`: not in time.
pub fn fleet_measured(fleet: Option<Fleet>, after: Duration) {
    ANSWER.observe(after);
    let Some(fleet) = fleet else {
        NO_ANSWER.count();
        return;
    };
    RUNNING.set(number(fleet.running));
    PARKED_NOW.set(number(fleet.parked));
    RESTORING.set(number(fleet.offline));
    ASKS.set_with(&[("actor", "fleet")], number(fleet.waiting_for_fleet));
    ASKS.set_with(&[("actor", "company")], number(fleet.waiting_for_companies));
    FULLEST.set(number(fleet.fullest));
    DIAL_QUEUE.set_with(&[("lane", "owner")], number(fleet.owners_queued));
    DIAL_QUEUE.set_with(&[("lane", "restore")], number(fleet.restores_queued));
    DIALLING.set(number(fleet.dialling));
}
