//! The salon itself: what the store keeps of it, and what a booking has to know.

use frontdesk_actors::ids::Phone;
use frontdesk_actors::ports::SalonInfo;
use serde::Deserialize;
use serde_json::Value;

use super::loose::{self, Known};
use super::sane;

/// Salon descriptions with HTML can be long; the store keeps at most this much of one.
const MAX_RAW_SALON_BYTES: usize = 32 * 1024;

/// What a salon is, and its rules for bookings.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Company {
    /// YClients' number: text in lists, a number alone.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name; hostile until escaped.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
    /// City.
    #[serde(deserialize_with = "loose::text")]
    pub city: Option<String>,
    /// Address.
    #[serde(deserialize_with = "loose::text")]
    pub address: Option<String>,
    /// Phone.
    #[serde(deserialize_with = "loose::phone")]
    pub phone: Option<Phone>,
    /// Web site.
    #[serde(deserialize_with = "loose::text")]
    pub site: Option<String>,
    /// IANA zone. The numeric `timezone` beside it is not reliable.
    #[serde(deserialize_with = "loose::text")]
    pub timezone_name: Option<String>,
    /// Online booking wants a code from an SMS.
    #[serde(deserialize_with = "loose::flag")]
    pub phone_confirmation: Option<bool>,
    /// Online booking refuses an empty comment.
    #[serde(deserialize_with = "loose::flag")]
    pub booking_comment_required: Option<bool>,
    /// Online booking refuses an empty e-mail.
    #[serde(deserialize_with = "loose::flag")]
    pub booking_email_required: Option<bool>,
    /// Currency, as shown.
    #[serde(deserialize_with = "loose::text")]
    pub currency_short_title: Option<String>,
    /// May a client move a booking?
    #[serde(deserialize_with = "loose::flag")]
    pub allow_change_record: Option<bool>,
    /// Until so many seconds before it.
    #[serde(deserialize_with = "loose::integer")]
    pub allow_change_record_delay_step: Option<i64>,
    /// May a client cancel a booking?
    #[serde(deserialize_with = "loose::flag")]
    pub allow_delete_record: Option<bool>,
    /// Until so many seconds before it.
    #[serde(deserialize_with = "loose::integer")]
    pub allow_delete_record_delay_step: Option<i64>,
    /// YClients' own reminders by SMS are off.
    #[serde(deserialize_with = "loose::flag")]
    pub reminds_sms_disabled: Option<bool>,
}

impl Known for Company {
    fn is_known(&self) -> bool {
        self.id.is_some()
    }
}

/// `settings/online`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct OnlineSettings {
    /// Booking wants a code from an SMS.
    #[serde(deserialize_with = "loose::flag")]
    pub confirm_number: Option<bool>,
    /// A client may leave the choice of the master to the salon (staff 0).
    #[serde(deserialize_with = "loose::flag")]
    pub any_master: Option<bool>,
    /// The first bookable moment is so many minutes from now.
    #[serde(deserialize_with = "loose::integer")]
    pub seance_delay_step: Option<i64>,
}

impl Known for OnlineSettings {
    fn is_known(&self) -> bool {
        self.confirm_number.is_some() || self.any_master.is_some() || self.seance_delay_step.is_some()
    }
}

/// What the store keeps of a salon. `None` when there is no salon in the answer.
pub(crate) fn salon(data: Value) -> Option<SalonInfo> {
    let salon = match data {
        Value::Array(list) => list.into_iter().next()?,
        other => other,
    };
    let company: Company = loose::object_of(salon.clone())?;
    let short = |text: Option<String>| text.as_deref().and_then(sane);
    Some(SalonInfo {
        title: short(company.title),
        timezone: short(company.timezone_name),
        phone: company.phone,
        address: short(company.address),
        raw: bounded(&salon),
    })
}

/// The salon untouched, unless it is too long to keep: then without the long texts.
fn bounded(salon: &Value) -> Value {
    if salon.to_string().len() <= MAX_RAW_SALON_BYTES {
        return salon.clone();
    }
    let short = |value: &Value| value.to_string().len() <= 512;
    let kept = salon.as_object().into_iter().flatten().filter(|(_, value)| short(value));
    Value::Object(kept.take(40).map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_salon_is_read_from_a_list_or_alone() {
        let salon_json = json!({"id": "16", "title": "Ромашка", "timezone_name": "Asia/Omsk", "phone": 79161234567_u64, "address": ""});
        for body in [json!([salon_json]), salon_json.clone()] {
            let info = salon(body).expect("a salon");
            assert_eq!(info.title.as_deref(), Some("Ромашка"));
            assert_eq!(info.timezone.as_deref(), Some("Asia/Omsk"));
            assert_eq!(info.phone.map(|phone| phone.e164()).as_deref(), Some("+79161234567"));
            assert_eq!(info.address, None);
        }
        assert_eq!(salon(json!([])), None);
        assert_eq!(salon(json!(null)), None);
    }

    #[test]
    fn an_endless_description_is_cut_before_it_is_kept() {
        let info = salon(json!({"title": "x", "description": "я".repeat(100_000)})).expect("a salon");
        assert!(info.raw.to_string().len() < 2_000);
    }

    #[test]
    fn booleans_of_a_list_are_numbers_and_text() {
        let company: Company = serde_json::from_value(json!({"id": "16", "allow_change_record": 1, "allow_delete_record": "1",
            "allow_delete_record_delay_step": "7200", "phone_confirmation": false, "social": [], "groups": []}))
        .expect("readable");
        assert_eq!(
            (company.allow_change_record, company.allow_delete_record, company.phone_confirmation),
            (Some(true), Some(true), Some(false))
        );
        assert_eq!(company.allow_delete_record_delay_step, Some(7200));
    }

    proptest! {
        #[test]
        fn no_value_makes_the_readers_panic(value in loose::tests::any_json()) {
            let _ = salon(value);
        }
    }
}
