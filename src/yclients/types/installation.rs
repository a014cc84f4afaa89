//! Installations, their history, the list of installed salons, tariffs.

use frontdesk_actors::ids::{PaymentId, SalonId};
use frontdesk_actors::ports::{
    Installation, InstallationDetail, ListedSalon, Money, Payment, SalonsPage, StatusChange, Tariff, TariffOption,
};
use serde::Deserialize;
use serde_json::Value;

use super::loose::{self, Known, Listed};
use super::sane;
use super::times::When;

/// Changes and payments of one installation; more is nobody's history.
const MAX_LINES: usize = 500;

/// `data` of the status call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "loose::object")]
    connection_status: Option<Connection>,
    #[serde(deserialize_with = "loose::list")]
    logs: Vec<Log>,
    #[serde(deserialize_with = "loose::list")]
    payments: Vec<Paid>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Connection {
    #[serde(deserialize_with = "loose::text")]
    status: Option<String>,
    #[serde(deserialize_with = "loose::when")]
    created_at: Option<When>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Log {
    #[serde(deserialize_with = "loose::when")]
    changed_at: Option<When>,
    #[serde(deserialize_with = "loose::text")]
    status_from: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    status_to: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    source: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Paid {
    #[serde(deserialize_with = "loose::id")]
    id: Option<u64>,
    #[serde(deserialize_with = "loose::decimal")]
    payment_sum: Option<f64>,
    #[serde(deserialize_with = "loose::text")]
    currency_iso: Option<String>,
    #[serde(deserialize_with = "loose::when")]
    payment_date: Option<When>,
    #[serde(deserialize_with = "loose::flag")]
    is_refunded: Option<bool>,
    #[serde(deserialize_with = "loose::when")]
    period_from: Option<When>,
    #[serde(deserialize_with = "loose::when")]
    period_to: Option<When>,
}

/// A word of YClients' for a state; one we don't know is never active.
fn state_of(word: Option<&str>) -> Installation {
    match word {
        Some("pending") => Installation::Pending,
        Some("active") => Installation::Active,
        Some("freezed" | "frozen") => Installation::Frozen,
        Some("uninstalled") => Installation::NotInstalled,
        Some(_) | None => Installation::Unknown,
    }
}

/// An installation with its history. `None` when this is no installation at all.
pub(crate) fn detail(data: Value) -> Option<InstallationDetail> {
    let status: Status = loose::object_of(data)?;
    let connection = status.connection_status.unwrap_or_default();
    Some(InstallationDetail {
        status: state_of(connection.status.as_deref()),
        status_word: connection.status.as_deref().and_then(sane),
        since: connection.created_at.and_then(|when| when.in_moscow()),
        logs: status.logs.into_iter().take(MAX_LINES).map(Log::told).collect(),
        payments: status.payments.into_iter().take(MAX_LINES).map(Paid::told).collect(),
    })
}

impl Log {
    fn told(self) -> StatusChange {
        let short = |text: Option<String>| text.as_deref().and_then(sane);
        StatusChange {
            changed_at: self.changed_at.and_then(|when| when.in_moscow()),
            status_from: short(self.status_from),
            status_to: short(self.status_to),
            source: short(self.source),
        }
    }
}

impl Paid {
    fn told(self) -> Payment {
        let instant = |when: Option<When>| when.and_then(|when| when.in_moscow());
        let currency = self.currency_iso.as_deref().unwrap_or("RUB");
        Payment {
            id: self.id.and_then(|id| PaymentId::try_from(id).ok()),
            sum: self.payment_sum.and_then(|sum| Money::new(sum, currency).ok()),
            payment_date: instant(self.payment_date),
            is_refunded: self.is_refunded == Some(true),
            period_from: instant(self.period_from),
            period_to: instant(self.period_to),
        }
    }
}

/// A salon in the list of those that installed the app.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InstalledSalon {
    #[serde(deserialize_with = "loose::salon")]
    id: Option<SalonId>,
    #[serde(deserialize_with = "loose::salon")]
    salon_id: Option<SalonId>,
    #[serde(deserialize_with = "loose::text")]
    title: Option<String>,
    #[serde(deserialize_with = "loose::phone")]
    phone: Option<frontdesk_actors::ids::Phone>,
    #[serde(deserialize_with = "loose::text")]
    city: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    address: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    timezone_name: Option<String>,
}

impl Known for InstalledSalon {
    fn is_known(&self) -> bool {
        self.id.or(self.salon_id).is_some()
    }
}

/// A page of the list; `asked` is how many it may hold.
pub(crate) fn page(listed: Listed<InstalledSalon>, asked: u32) -> SalonsPage {
    let unreadable = u32::try_from(listed.unreadable).unwrap_or(u32::MAX);
    let entries = listed.items.len() + listed.unreadable;
    let short = |text: Option<String>| text.as_deref().and_then(sane);
    let told = |salon: InstalledSalon| {
        let salon_id = salon.id.or(salon.salon_id)?;
        let (title, city, address) = (short(salon.title), short(salon.city), short(salon.address));
        Some(ListedSalon { salon_id, title, phone: salon.phone, city, address, timezone: short(salon.timezone_name) })
    };
    SalonsPage { salons: listed.items.into_iter().filter_map(told).collect(), unreadable, is_last: entries < asked as usize }
}

/// A tariff as it stands on the wire.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TariffData {
    #[serde(deserialize_with = "loose::id")]
    id: Option<u64>,
    #[serde(deserialize_with = "loose::text")]
    title: Option<String>,
    #[serde(deserialize_with = "loose::list")]
    options: Vec<OptionData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OptionData {
    #[serde(deserialize_with = "loose::id")]
    id: Option<u64>,
    #[serde(deserialize_with = "loose::text")]
    title: Option<String>,
    #[serde(deserialize_with = "loose::decimal")]
    overall_price: Option<f64>,
    #[serde(deserialize_with = "loose::text")]
    currency_iso: Option<String>,
    #[serde(deserialize_with = "loose::integer")]
    duration_in_months: Option<i64>,
    #[serde(deserialize_with = "loose::integer")]
    staff_amount: Option<i64>,
    #[serde(deserialize_with = "loose::integer")]
    free_period_in_months: Option<i64>,
}

impl Known for TariffData {
    fn is_known(&self) -> bool {
        self.id.is_some()
    }
}

impl TariffData {
    pub(crate) fn told(self) -> Tariff {
        let option = |option: OptionData| TariffOption {
            id: option.id,
            title: option.title.as_deref().and_then(sane),
            overall_price: option.overall_price,
            currency: option.currency_iso.as_deref().and_then(sane),
            duration_in_months: option.duration_in_months,
            staff_amount: option.staff_amount,
            free_period_in_months: option.free_period_in_months,
        };
        let options = self.options.into_iter().take(MAX_LINES).map(option).collect();
        Tariff { id: self.id, title: self.title.as_deref().and_then(sane), options }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_of_a_status_is_understood_and_the_unknown_is_never_active() {
        let read = |status: Value| detail(json!({"connection_status": {"status": status}})).map(|detail| detail.status);
        assert_eq!(read(json!("pending")), Some(Installation::Pending));
        assert_eq!(read(json!("active")), Some(Installation::Active));
        assert_eq!(read(json!("freezed")), Some(Installation::Frozen));
        assert_eq!(read(json!("frozen")), Some(Installation::Frozen));
        assert_eq!(read(json!("uninstalled")), Some(Installation::NotInstalled));
        for odd in [json!("Active!"), json!(1), json!(null), json!([])] {
            assert_eq!(read(odd), Some(Installation::Unknown));
        }
        assert_eq!(detail(json!({"connection_status": [], "logs": null})).map(|detail| detail.status), Some(Installation::Unknown));
        for nothing in [json!(null), json!([]), json!({}), json!("active")] {
            assert_eq!(detail(nothing.clone()), None, "{nothing}");
        }
    }

    #[test]
    fn the_history_is_read_with_moscows_times() {
        let told = detail(json!({
            "connection_status": {"status": "active", "created_at": "2026-11-20 12:00:00"},
            "logs": [{"changed_at": "2026-11-20 12:00:00", "status_from": "pending", "status_to": "active", "source": "partner_api"}],
            "payments": [{"id": "5", "payment_sum": "990.99", "currency_iso": "RUB", "payment_date": "2026-11-20 12:00:00", "is_refunded": 0,
                          "period_from": "2026-11-20 00:00:00", "period_to": "2026-12-19 23:59:59"}, {"id": 6, "is_refunded": "1", "period_to": []}],
        }))
        .expect("an installation");
        assert_eq!(told.since.map(|at| at.to_rfc3339()).as_deref(), Some("2026-11-20T09:00:00+00:00"));
        assert_eq!(told.logs[0].status_to.as_deref(), Some("active"));
        let sums: Vec<_> = told.payments.iter().map(|payment| (payment.sum.as_ref().map(Money::minor), payment.is_refunded)).collect();
        assert_eq!(sums, [(Some(99_099), false), (None, true)]);
    }

    #[test]
    fn a_page_counts_what_it_could_not_read() {
        let listed = Listed::of(json!([{"id": "16", "title": "А"}, {"id": 17}, {"title": "кто?"}]), None).expect("a list");
        let page = page(listed, 3);
        assert_eq!(page.salons.iter().map(|salon| salon.salon_id.get()).collect::<Vec<_>>(), [16, 17]);
        assert_eq!((page.unreadable, page.is_last), (1, false));
        let empty = super::page(Listed::of(json!([]), None).expect("a list"), 3);
        assert_eq!((empty.salons.len(), empty.is_last), (0, true));
    }

    proptest! {
        #[test]
        fn no_value_makes_the_readers_panic(value in loose::tests::any_json()) {
            let _ = detail(value.clone());
            let _ = Listed::of(value.clone(), None).map(|listed| page(listed, 10));
            let _ = Listed::<TariffData>::of(value, None).map(|listed| listed.items.into_iter().map(TariffData::told).count());
        }
    }
}
