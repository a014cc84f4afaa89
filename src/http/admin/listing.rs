//! Finding companies among thousands: filter, order and page, without a store or a clock.

use std::cmp::Ordering;
use std::sync::Arc;

use frontdesk_actors::ports::CompanyRow;
use frontdesk_actors::records::IntegrationStatus;
use frontdesk_actors::view::SessionState;

use crate::pulse::Standing;

/// Words of a search that are looked at.
const MAX_WORDS: usize = 8;

/// What companies are put in order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// Our number.
    CompanyId,
    /// Name, without regard to large and small letters; nameless ones last.
    Title,
    /// YClients' number.
    SalonId,
    /// Integration status, in the order of the onboarding.
    Status,
    /// Session state, by name.
    State,
    /// First registration.
    CreatedAt,
    /// Since when the integration is active; those that never were come last.
    ConnectedAt,
    /// Last write.
    UpdatedAt,
}

/// Which companies, and in which order.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Each of these words, in small letters, stands somewhere in names or numbers.
    pub words: Vec<String>,
    /// Only with this status.
    pub status: Option<IntegrationStatus>,
    /// Only with a session in this state.
    pub state: Option<SessionState>,
    /// The order.
    pub sort: SortBy,
    /// Last first.
    pub descending: bool,
}

/// A company and its session.
pub type Line = (Arc<CompanyRow>, Standing);

impl Wanted {
    /// All whose names and numbers contain every word of this text.
    pub fn search(text: &str) -> Self {
        // People type numbers as they are written: +7 916 … is stored as digits.
        let text = text.to_lowercase();
        let words = text.split_whitespace().map(|word| word.trim_start_matches('+').to_owned());
        let words = words.filter(|word| !word.is_empty()).take(MAX_WORDS).collect();
        Self { words, status: None, state: None, sort: SortBy::CompanyId, descending: false }
    }

    fn matches(&self, (row, standing): &Line) -> bool {
        self.status.is_none_or(|status| row.status == status)
            && self.state.is_none_or(|state| standing.state == state)
            && self.words.iter().all(|word| row.haystack.contains(word.as_str()))
    }

    /// The lines that match, in order.
    pub fn of(&self, lines: impl Iterator<Item = Line>) -> Vec<Line> {
        let mut found: Vec<Line> = lines.filter(|line| self.matches(line)).collect();
        found.sort_by(|left, right| {
            let order = compare(self.sort, left, right);
            let order = if self.descending { order.reverse() } else { order };
            order.then_with(|| left.0.company_id.cmp(&right.0.company_id))
        });
        found
    }
}

fn compare(sort: SortBy, (left, left_stands): &Line, (right, right_stands): &Line) -> Ordering {
    match sort {
        SortBy::CompanyId => left.company_id.cmp(&right.company_id),
        SortBy::Title => title(left).cmp(&title(right)),
        SortBy::SalonId => left.salon_id.cmp(&right.salon_id),
        SortBy::Status => (left.status as u8).cmp(&(right.status as u8)),
        SortBy::State => left_stands.state.name().cmp(right_stands.state.name()),
        SortBy::CreatedAt => left.created_at.cmp(&right.created_at),
        SortBy::ConnectedAt => (left.connected_at.is_none(), left.connected_at).cmp(&(right.connected_at.is_none(), right.connected_at)),
        SortBy::UpdatedAt => left.updated_at.cmp(&right.updated_at),
    }
}

/// The haystack begins with the title in small letters; it ends at the first line break.
fn title(row: &CompanyRow) -> (bool, &str) {
    (row.title.is_none(), row.haystack.split('\n').next().unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use frontdesk_actors::ids::{CompanyId, SalonId};

    use super::*;

    fn line(id: u64, title: Option<&str>, state: SessionState) -> Line {
        let at = DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(i64::try_from(id).unwrap());
        let salon = SalonId::try_from(900_000 + id).unwrap();
        let row = CompanyRow {
            company_id: CompanyId::try_from(id).unwrap(),
            salon_id: salon,
            title: title.map(str::to_owned),
            status: if id.is_multiple_of(2) { IntegrationStatus::Active } else { IntegrationStatus::Pending },
            whatsapp_phone: None,
            created_at: at,
            registered_at: at,
            connected_at: id.is_multiple_of(2).then_some(at),
            updated_at: at,
            haystack: format!("{}\n{salon}\n7916000{id:04}", title.unwrap_or("").to_lowercase()),
        };
        (Arc::new(row), Standing { state, reason: None })
    }

    fn all() -> Vec<Line> {
        vec![
            line(1, Some("Ромашка"), SessionState::Online),
            line(2, Some("аист"), SessionState::Idle),
            line(3, None, SessionState::Online),
            line(4, Some("Бьюти Ромашка"), SessionState::Banned),
        ]
    }

    fn ids(wanted: &Wanted) -> Vec<u64> {
        wanted.of(all().into_iter()).iter().map(|line| line.0.company_id.get()).collect()
    }

    #[test]
    fn every_word_must_be_found_in_any_case_and_anywhere() {
        assert_eq!(ids(&Wanted::search("")), [1, 2, 3, 4]);
        assert_eq!(ids(&Wanted::search("  РОМАШКА ")), [1, 4]);
        assert_eq!(ids(&Wanted::search("ромашка бьюти")), [4]);
        assert_eq!(ids(&Wanted::search("900003")), [3]);
        assert_eq!(ids(&Wanted::search("+79160000002")), [2]);
        assert_eq!(ids(&Wanted::search("ромашка 900003")), Vec::<u64>::new());
    }

    #[test]
    fn status_and_state_narrow_the_list() {
        assert_eq!(ids(&Wanted { state: Some(SessionState::Online), ..Wanted::search("") }), [1, 3]);
        assert_eq!(ids(&Wanted { status: Some(IntegrationStatus::Active), ..Wanted::search("") }), [2, 4]);
        let both = Wanted { status: Some(IntegrationStatus::Active), state: Some(SessionState::Banned), ..Wanted::search("") };
        assert_eq!(ids(&both), [4]);
    }

    #[test]
    fn every_order_has_a_tie_breaker_and_a_reverse() {
        let by = |sort, descending| ids(&Wanted { sort, descending, ..Wanted::search("") });
        assert_eq!(by(SortBy::CompanyId, true), [4, 3, 2, 1]);
        assert_eq!(by(SortBy::Title, false), [2, 4, 1, 3], "nameless ones last");
        assert_eq!(by(SortBy::SalonId, false), [1, 2, 3, 4]);
        assert_eq!(by(SortBy::Status, false), [1, 3, 2, 4]);
        assert_eq!(by(SortBy::State, false), [4, 2, 1, 3]);
        assert_eq!(by(SortBy::ConnectedAt, false), [2, 4, 1, 3]);
        assert_eq!(by(SortBy::CreatedAt, true), [4, 3, 2, 1]);
        assert_eq!(by(SortBy::UpdatedAt, false), [1, 2, 3, 4]);
    }

    #[test]
    fn ten_thousand_companies_are_searched_and_sorted_in_no_time() {
        let many: Vec<Line> =
            (1..=10_000).map(|id| line(id, Some(&format!("Салон {}", id * 7_919 % 10_007)), SessionState::Online)).collect();
        let began = tokio::time::Instant::now();
        let found = Wanted { sort: SortBy::Title, ..Wanted::search("салон 9") }.of(many.into_iter());
        assert!(found.len() > 1_000);
        assert!(began.elapsed().as_millis() < 1_000, "{:?} even without optimisation", began.elapsed());
    }
}
