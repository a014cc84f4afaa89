//! In which order sessions come back after a start: those that were in use last come first. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::ids::CompanyId;
use crate::records::{Desired, StoredCompany};
use crate::view::SessionState;

/// Most recently active first.
pub(super) fn by_activity(mut stored: Vec<StoredCompany>) -> Vec<StoredCompany> {
    stored.sort_by_cached_key(|company| Reverse(activity(company)));
    stored
}

/// Places in the queue for the first dial of each session that will dial by itself.
pub(super) fn ranks(ordered: &[StoredCompany]) -> HashMap<CompanyId, u32> {
    let dials = |stored: &&StoredCompany| {
        stored.session.as_ref().is_some_and(|session| session.desired == Desired::Online && !session.state.is_final())
    };
    ordered.iter().filter(dials).map(|stored| stored.company.company_id).zip(0..).collect()
}

/// What was online when it was last heard of comes before what was not; among those, the latest news counts.
fn activity(stored: &StoredCompany) -> (bool, DateTime<Utc>) {
    let session = stored.session.as_ref();
    let was_online = session.is_some_and(|session| session.state == SessionState::Online);
    let news = [stored.company.whatsapp_connected_at, session.map(|session| session.since)];
    let latest = news.into_iter().flatten().fold(stored.company.updated_at, DateTime::max);
    (was_online, latest)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::ids::SalonId;
    use crate::ports::Records as _;
    use crate::records::{MarketplaceUser, NewCompany, SessionRecord};
    use crate::testing::MemoryRecords;

    async fn stored(records: &MemoryRecords, id: u64, state: SessionState, hours_ago: i64) -> StoredCompany {
        let then = DateTime::from_timestamp(1_795_168_800, 0).unwrap() - TimeDelta::hours(hours_ago);
        let new = NewCompany {
            salon_id: SalonId::try_from(id).unwrap(),
            title: None,
            timezone: None,
            marketplace_user: MarketplaceUser::default(),
            registered_at: then,
        };
        let company = records.create_company(new).await.unwrap();
        let (company_id, desired) = (company.company_id, Desired::Online);
        let session = SessionRecord { company_id, desired, state, reason: None, since: then, not_before: None, own: None, probed_at: None };
        StoredCompany { company, session: Some(session), activation: None }
    }

    fn ids(stored: &[StoredCompany]) -> Vec<u64> {
        stored.iter().map(|stored| stored.company.company_id.get()).collect()
    }

    #[tokio::test]
    async fn the_most_recently_active_come_first_and_those_that_were_online_before_those_that_were_not() {
        use SessionState::{Connecting, Online};
        let records = MemoryRecords::new();
        let mut all = Vec::new();
        for (id, (state, hours_ago)) in (1..).zip([(Online, 9), (Connecting, 0), (Online, 2), (Online, 700), (Online, 50)]) {
            all.push(stored(&records, id, state, hours_ago).await);
        }
        let late_connect = &mut all[4];
        late_connect.company.whatsapp_connected_at = Some(late_connect.company.updated_at + TimeDelta::hours(49));
        assert_eq!(ids(&by_activity(all)), [5, 3, 1, 4, 2]);
    }

    #[tokio::test]
    async fn only_what_dials_by_itself_has_a_place() {
        let records = MemoryRecords::new();
        let mut all = Vec::new();
        for (id, state) in (1..).zip([SessionState::Online, SessionState::Banned, SessionState::Online]) {
            all.push(stored(&records, id, state, 1).await);
        }
        let ranks = ranks(&all);
        let place = |id| ranks.get(&CompanyId::try_from(id).unwrap()).copied();
        assert_eq!((place(1), place(2), place(3)), (Some(0), None, Some(1)));
    }
}
