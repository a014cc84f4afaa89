//! The salons that exist at YClients, each with our application in some state.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    YclientsError,
    installation::{Installation, Status},
    rest::Data,
};

/// Enough for a benchmark of 10,000 companies.
const MAX_SALONS: usize = 20_000;
/// First number given to a salon that didn't ask for one.
const FIRST_SALON_ID: u64 = 200_001;
const MAX_TITLE: usize = 20_000;

/// A salon to be; whatever is missing is made up.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewSalon {
    /// YClients' number of it; a number or its decimal text.
    #[serde(default, deserialize_with = "number_or_text")]
    pub salon_id: Option<u64>,
    /// Shown to people.
    #[serde(default)]
    pub title: Option<String>,
    /// IANA name.
    #[serde(default)]
    pub timezone: Option<String>,
}

/// One salon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Salon {
    /// YClients' number.
    pub id: u64,
    /// Shown to people.
    pub title: String,
    /// IANA name, `timezone_name` in the calls.
    pub timezone: String,
    /// Phone of the salon and its owner, digits.
    pub phone: String,
    /// Our application there.
    pub installation: Installation,
    /// Clients, records, settings.
    #[serde(default)]
    pub data: Data,
}

impl Salon {
    /// A salon nobody connected yet.
    pub fn new(id: u64, title: String, timezone: String) -> Self {
        let phone = format!("7495{:07}", id % 10_000_000);
        Self { id, title, timezone, phone, installation: Installation::default(), data: Data::default() }
    }

    /// The owner's user number.
    pub fn owner_id(&self) -> u64 {
        self.id.saturating_add(5_000_000)
    }

    /// `GET company/{id}`: the id is a number here, and what is empty is `[]`.
    pub fn company(&self) -> Value {
        let mut company = self.shared_fields();
        company["id"] = json!(self.id);
        company["phone_confirmation"] = json!(false);
        company["active_staff_count"] = json!(3);
        company["social"] = json!([]);
        company["groups"] = json!([]);
        company["access"] = json!({});
        company["bookforms"] = json!([]);
        company
    }

    /// The same salon in a list: the id is a string, booleans are numbers.
    pub fn list_item(&self) -> Value {
        let mut item = self.shared_fields();
        item["id"] = json!(self.id.to_string());
        item["phone"] = json!(format!("+{}", self.phone));
        item["active"] = json!("1");
        item["schedule"] = json!("пн-вс 10:00-21:00");
        item["currency_short_title"] = json!("₽");
        item["allow_change_record"] = json!(1);
        item["allow_delete_record"] = json!("1");
        item
    }

    fn shared_fields(&self) -> Value {
        json!({
            "title": self.title,
            "short_descr": "Салон красоты",
            "country": "Россия",
            "country_id": "7",
            "city": "Москва",
            "city_id": 2,
            "timezone": "3",
            "timezone_name": self.timezone,
            "address": "ул. Тестовая, 1",
            "zip": "",
            "coordinate_lat": "55.751",
            "coordinate_lon": 37.618,
            "site": "",
            "business_type_id": "1",
            "description": "<p>Тестовый <b>салон</b></p>",
            "main_group_id": 0,
            "image_group": [],
        })
    }
}

/// The salons between two runs.
#[derive(Default, Serialize, Deserialize)]
pub struct Kept {
    salons: Vec<Salon>,
    next_payment: u64,
}

/// All salons.
#[derive(Debug)]
pub struct World {
    salons: BTreeMap<u64, Salon>,
    next_salon: u64,
    next_payment: u64,
    pending_ttl: TimeDelta,
}

impl World {
    /// An empty world in which `pending` lasts `pending_ttl`.
    pub fn new(pending_ttl: TimeDelta) -> Self {
        Self { salons: BTreeMap::new(), next_salon: FIRST_SALON_ID, next_payment: 1, pending_ttl }
    }

    /// Describes all salons for a later run.
    pub fn keep(&self) -> Kept {
        Kept { salons: self.salons.values().cloned().collect(), next_payment: self.next_payment }
    }

    /// Puts the salons of an earlier run in place.
    pub fn revive(&mut self, kept: Kept) {
        self.salons = kept.salons.into_iter().take(MAX_SALONS).map(|salon| (salon.id, salon)).collect();
        self.next_payment = kept.next_payment.max(1);
    }

    /// Adds a salon, or renames the one with that number.
    pub fn add(&mut self, wish: NewSalon) -> Result<&Salon, YclientsError> {
        let id = match wish.salon_id {
            Some(0) => return Err(YclientsError::BadSalon("salon_id must be above 0".into())),
            Some(id) => id,
            None => self.free_id(),
        };
        let too_long = |text: &Option<String>, limit| text.as_ref().is_some_and(|text| text.len() > limit);
        if too_long(&wish.title, MAX_TITLE) || too_long(&wish.timezone, 100) {
            return Err(YclientsError::BadSalon("title or timezone is too long".into()));
        }
        if !self.salons.contains_key(&id) && self.salons.len() >= MAX_SALONS {
            return Err(YclientsError::BadSalon(format!("no more than {MAX_SALONS} salons")));
        }
        let salon = self.salons.entry(id).or_insert_with(|| Salon::new(id, format!("Салон {id}"), "Europe/Moscow".into()));
        if let Some(title) = wish.title {
            salon.title = title;
        }
        if let Some(timezone) = wish.timezone {
            salon.timezone = timezone;
        }
        Ok(salon)
    }

    /// The salon and the state of our application in it now.
    pub fn salon(&mut self, id: u64) -> Option<(&mut Salon, Status)> {
        let ttl = self.pending_ttl;
        let salon = self.salons.get_mut(&id)?;
        let status = salon.installation.settle(Utc::now(), ttl);
        Some((salon, status))
    }

    /// All salons in the order of their numbers, states settled.
    pub fn salons(&mut self) -> impl Iterator<Item = (&mut Salon, Status)> {
        let (now, ttl) = (Utc::now(), self.pending_ttl);
        self.salons.values_mut().map(move |salon| {
            let status = salon.installation.settle(now, ttl);
            (salon, status)
        })
    }

    /// A number for a payment, unique in this world.
    pub fn next_payment(&mut self) -> u64 {
        self.next_payment += 1;
        self.next_payment - 1
    }

    fn free_id(&mut self) -> u64 {
        while self.salons.contains_key(&self.next_salon) {
            self.next_salon += 1;
        }
        self.next_salon
    }
}

/// Accepts `17` and `"17"`: both are seen on the wire and in scripts.
pub fn number_or_text<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    let value = Option::<Value>::deserialize(input)?;
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => as_number(&value).map(Some).ok_or_else(|| serde::de::Error::custom("a whole number is needed")),
    }
}

/// A number, or its decimal text.
pub fn as_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: Option<u64>) -> NewSalon {
        NewSalon { salon_id: id, ..NewSalon::default() }
    }

    #[test]
    fn numbers_are_given_once() {
        let mut world = World::new(TimeDelta::hours(1));
        assert_eq!(world.add(named(None)).unwrap().id, 200_001);
        assert_eq!(world.add(named(Some(200_002))).unwrap().id, 200_002);
        assert_eq!(world.add(named(None)).unwrap().id, 200_003);
        assert_eq!(world.add(named(Some(7))).unwrap().id, 7);
        assert_eq!(world.add(named(None)).unwrap().id, 200_004);
        assert!(world.add(named(Some(0))).is_err());
    }

    #[test]
    fn adding_a_salon_again_only_renames_it() {
        let mut world = World::new(TimeDelta::hours(1));
        world.add(named(Some(7))).unwrap();
        world.salon(7).unwrap().0.installation.connect(Utc::now());
        let wish = NewSalon { salon_id: Some(7), title: Some("Новое имя".into()), timezone: None };
        assert_eq!(world.add(wish).unwrap().title, "Новое имя");
        assert_eq!(world.salon(7).unwrap().1, Status::Pending);
    }

    #[test]
    fn ids_are_text_in_lists_and_numbers_alone() {
        let salon = Salon::new(16, "А".into(), "Europe/Moscow".into());
        assert_eq!(salon.list_item()["id"], "16");
        assert_eq!(salon.company()["id"], 16);
        assert_eq!(salon.company()["social"], json!([]));
    }
}
