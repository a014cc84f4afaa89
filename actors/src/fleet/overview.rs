//! The tree at one moment, in numbers.

use super::actor::Root;
use super::{FleetOverview, WaitingRequests};
use crate::view::SessionState;

impl Root {
    pub(super) fn overview(&mut self) -> FleetOverview {
        let (mut waiting, mut parked, mut online) = (0, 0, 0);
        let mut never_begun = 0;
        for entry in self.companies.values() {
            let view = entry.view.borrow();
            match view.session.state {
                SessionState::Connecting if view.session.own.is_some() => {
                    waiting += 1;
                    never_begun += usize::from(view.session.generation == Default::default());
                }
                SessionState::Pairing | SessionState::Backoff | SessionState::Deaf if view.session.own.is_some() => waiting += 1,
                SessionState::Idle
                | SessionState::Connecting
                | SessionState::AwaitingScan
                | SessionState::AwaitingCode
                | SessionState::AwaitingPasskey
                | SessionState::Pairing
                | SessionState::Backoff
                | SessionState::Deaf
                | SessionState::Replaced
                | SessionState::LoggedOut
                | SessionState::Banned
                | SessionState::Outdated => {}
                SessionState::Online => online += 1,
                SessionState::Parked => parked += 1,
            }
        }
        self.restored |= never_begun == 0;
        FleetOverview {
            running: self.actors.len(),
            online,
            waiting,
            restored: self.restored,
            parked,
            dials: self.admission.queue_now(),
            requests: self.waiting_requests(),
        }
    }

    fn waiting_requests(&self) -> WaitingRequests {
        let waiting = || self.companies.values().map(|entry| entry.handle.waiting_requests());
        WaitingRequests { fleet: 0, companies: waiting().sum(), fullest: waiting().max().unwrap_or_default() }
    }
}
