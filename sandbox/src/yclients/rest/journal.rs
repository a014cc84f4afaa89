//! The journal: records, visits, and who works when.

use axum::http::StatusCode;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MAX_ENTRIES, catalogue, clients, number_of};
use crate::yclients::{envelope::Answer, routes::Asked, world::Salon};

/// Opening hours of every salon.
pub const HOURS: (i64, i64) = (10, 20);
/// Most records on one page.
const MAX_PAGE: u64 = 300;
/// Most days of one schedule.
const MAX_DAYS: i64 = 366;

/// A record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Number.
    pub id: u64,
    /// Several records of one client on one day share it.
    pub visit_id: u64,
    /// The master.
    pub staff_id: u64,
    /// Numbers of the services.
    pub services: Vec<u64>,
    /// Number of the client.
    pub client_id: u64,
    /// When it begins, with the salon's offset.
    pub datetime: DateTime<FixedOffset>,
    /// Seconds.
    pub seance_length: i64,
    /// -1, 0, 1, 2.
    pub attendance: i64,
    /// Remark.
    pub comment: String,
    /// The maker's number for it.
    pub api_id: String,
    /// Made by a client.
    pub online: bool,
    /// Removed.
    pub deleted: bool,
    /// When it was changed.
    pub changed: DateTime<Utc>,
}

impl Record {
    fn ends(&self) -> DateTime<FixedOffset> {
        self.datetime + TimeDelta::seconds(self.seance_length)
    }

    fn day(&self) -> NaiveDate {
        self.datetime.date_naive()
    }

    /// As `GET record` shows it. The order of services is never the same twice.
    fn describe(&self, salon: &Salon) -> Value {
        let mut services: Vec<Value> = self.services.iter().filter_map(|id| catalogue::service(*id)).map(booked).collect();
        if salon.data.reads % 2 == 1 {
            services.reverse();
        }
        let client = salon.data.clients.iter().find(|client| client.id == self.client_id);
        let client = client.map_or(json!([]), |client| {
            json!({"id": client.id, "name": client.name, "display_name": client.name, "phone": client.phone, "email": client.email,
                   "success_visits_count": 0, "fail_visits_count": 0, "discount": 0, "custom_fields": []})
        });
        json!({"id": self.id, "company_id": salon.id, "staff_id": self.staff_id, "services": services, "client": client, "comer": null,
               "staff": {"id": self.staff_id, "name": "Мастер", "position": []}, "clients_count": 1,
               "date": self.datetime.format("%Y-%m-%d %H:%M:%S").to_string(), "datetime": self.datetime.format("%Y-%m-%dT%H:%M:%S%z").to_string(),
               "create_date": self.changed.to_rfc3339(), "last_change_date": self.changed.to_rfc3339(), "comment": self.comment,
               "online": self.online, "visit_attendance": self.attendance, "attendance": self.attendance, "confirmed": 1,
               "seance_length": self.seance_length, "length": self.seance_length, "sms_remain_hours": 0, "api_id": self.api_id,
               "visit_id": self.visit_id.to_string(), "created_user_id": 42, "deleted": u8::from(self.deleted), "paid_full": 0, "prepaid": false,
               "record_labels": [], "activity_id": 0, "custom_fields": [], "documents": []})
    }
}

fn booked((id, title, _, price, _): catalogue::Service) -> Value {
    json!({"id": id, "title": title, "cost": price, "cost_to_pay": price, "manual_cost": price, "first_cost": price, "discount": 0, "amount": 1})
}

impl super::Data {
    /// Is there such a record?
    pub fn has_record(&self, id: u64) -> bool {
        self.records.iter().any(|record| record.id == id)
    }

    /// Is this master taken then, by another record than `except`?
    pub fn is_busy(&self, staff: u64, from: DateTime<FixedOffset>, seconds: i64, except: Option<u64>) -> bool {
        let to = from + TimeDelta::seconds(seconds);
        let others = self.records.iter().filter(|record| !record.deleted && record.staff_id == staff && Some(record.id) != except);
        others.into_iter().any(|record| record.datetime < to && from < record.ends())
    }
}

/// The salon's offset; enough zones for tests.
pub fn offset(salon: &Salon) -> FixedOffset {
    let hours = match salon.timezone.as_str() {
        "Europe/Kaliningrad" => 2,
        "Europe/Samara" => 4,
        "Asia/Yekaterinburg" => 5,
        "Asia/Omsk" => 6,
        "Asia/Novosibirsk" => 7,
        "Asia/Vladivostok" => 10,
        _ => 3,
    };
    FixedOffset::east_opt(hours * 3_600).expect("a few hours are a valid offset")
}

/// ISO with an offset, or the salon's local time.
pub fn time(salon: &Salon, value: &Value) -> Option<DateTime<FixedOffset>> {
    let text = value.as_str()?;
    let with_offset = ["%Y-%m-%dT%H:%M:%S%:z", "%Y-%m-%dT%H:%M:%S%z"].iter().find_map(|form| DateTime::parse_from_str(text, form).ok());
    let local = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?.and_local_timezone(offset(salon)).single();
    Some(with_offset.or_else(local)?.with_timezone(&offset(salon)))
}

fn not_found() -> Answer {
    Answer::failure(StatusCode::NOT_FOUND, "Запись не найдена")
}

/// `GET records/{c}`.
pub fn list(salon: &mut Salon, asked: &Asked) -> Answer {
    let (page, count) = (asked.number("page").unwrap_or(1).max(1), asked.number("count").unwrap_or(50));
    if !(1..=MAX_PAGE).contains(&count) {
        return Answer::invalid(json!({"count": ["От 1 до 300"]}));
    }
    salon.data.reads += 1;
    let day = |name: &str| asked.query.get(name).and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
    let changed = asked.query.get("changed_after").and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let (from, to, staff, client) = (day("start_date"), day("end_date"), asked.number("staff_id"), asked.number("client_id"));
    let with_deleted = asked.query.get("with_deleted").is_some_and(|flag| flag == "1");
    let wanted = |record: &&Record| {
        (with_deleted || !record.deleted)
            && from.is_none_or(|day| record.day() >= day)
            && to.is_none_or(|day| record.day() <= day)
            && staff.is_none_or(|staff| record.staff_id == staff)
            && client.is_none_or(|client| record.client_id == client)
            && changed.is_none_or(|since| record.changed >= since)
    };
    let found: Vec<&Record> = salon.data.records.iter().filter(wanted).collect();
    let skip = usize::try_from((page - 1).saturating_mul(count)).unwrap_or(usize::MAX);
    let shown = found.iter().skip(skip).take(usize::try_from(count).unwrap_or(usize::MAX)).map(|record| record.describe(salon));
    Answer::success(StatusCode::OK, shown.collect(), json!({"page": page, "total_count": found.len()}))
}

/// `GET record/{c}/{id}`.
pub fn one(salon: &mut Salon, id: u64) -> Answer {
    salon.data.reads += 1;
    match salon.data.records.iter().find(|record| record.id == id && !record.deleted) {
        Some(record) => Answer::ok(record.describe(salon)),
        None => not_found(),
    }
}

/// What a body makes of a record, or what is wrong with it. Every field the journal cannot do without must be there.
fn read(salon: &mut Salon, id: u64, body: &Value) -> Result<Record, Answer> {
    let wrong = |field: &str| Answer::invalid(json!({field: ["Неверное значение"]}));
    let staff_id = number_of(&body["staff_id"]).filter(|staff| catalogue::MASTERS.contains(staff)).ok_or_else(|| wrong("staff_id"))?;
    let services: Option<Vec<u64>> =
        body["services"].as_array().and_then(|list| list.iter().map(|service| number_of(&service["id"])).collect());
    let known = |services: &Vec<u64>| !services.is_empty() && services.iter().all(|id| catalogue::service(*id).is_some());
    let services = services.filter(known).ok_or_else(|| wrong("services"))?;
    let datetime = time(salon, &body["datetime"]).ok_or_else(|| wrong("datetime"))?;
    let seance_length = number_of(&body["seance_length"]).and_then(|seconds| i64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    let seance_length = seance_length.ok_or_else(|| wrong("seance_length"))?;
    let phone: String = body["client"]["phone"].as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    if !(9..=15).contains(&phone.len()) {
        return Err(wrong("client"));
    }
    if body["save_if_busy"] != true && salon.data.is_busy(staff_id, datetime, seance_length, Some(id)) {
        return Err(busy());
    }
    let client = clients::put(salon, body["client"]["name"].as_str().unwrap_or_default(), &phone, &Value::Null);
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    Ok(Record {
        id,
        visit_id: id.saturating_sub(100_000),
        staff_id,
        services,
        client_id: client.id,
        datetime,
        seance_length,
        attendance: body["attendance"].as_i64().filter(|attendance| (-1..=2).contains(attendance)).unwrap_or(0),
        comment: text("comment"),
        api_id: text("api_id"),
        online: false,
        deleted: false,
        changed: Utc::now(),
    })
}

/// The time is taken. The errors are a list here, and an object where fields are wrong.
pub fn busy() -> Answer {
    let meta = json!({"message": "Выбранное время занято", "errors": [{"code": 433, "message": "Выбранное время занято"}]});
    Answer::json(StatusCode::UNPROCESSABLE_ENTITY, json!({"success": false, "data": null, "meta": meta}))
}

/// `POST records/{c}`: the data is a list.
pub fn add(salon: &mut Salon, body: &Value) -> Answer {
    let id = salon.data.next_id();
    match read(salon, id, body) {
        Ok(record) => {
            let shown = record.describe(salon);
            keep(salon, record);
            Answer::success(StatusCode::CREATED, json!([shown]), json!([]))
        }
        Err(refused) => refused,
    }
}

/// Adds a record, the oldest ones give way.
pub fn keep(salon: &mut Salon, record: Record) {
    if salon.data.records.len() >= MAX_ENTRIES {
        salon.data.records.remove(0);
    }
    salon.data.records.push(record);
}

/// `PUT record/{c}/{id}`: the whole record, answered with 201.
pub fn change(salon: &mut Salon, id: u64, body: &Value) -> Answer {
    let Some(place) = salon.data.records.iter().position(|record| record.id == id && !record.deleted) else {
        return not_found();
    };
    match read(salon, id, body) {
        Ok(record) => {
            let shown = record.describe(salon);
            salon.data.records[place] = record;
            Answer::success(StatusCode::CREATED, shown, json!([]))
        }
        Err(refused) => refused,
    }
}

/// `DELETE record/{c}/{id}`: 204, and no body.
pub fn remove(salon: &mut Salon, id: u64) -> Answer {
    match salon.data.records.iter_mut().find(|record| record.id == id && !record.deleted) {
        Some(record) => {
            (record.deleted, record.changed) = (true, Utc::now());
            Answer::no_content()
        }
        None => not_found(),
    }
}

/// `PUT visits/{visit}/{record}`: attendance and comment are needed.
pub fn attend(salon: &mut Salon, id: u64, body: &Value) -> Answer {
    let attendance = body["attendance"].as_i64().filter(|attendance| (-1..=2).contains(attendance));
    let (Some(attendance), Some(comment)) = (attendance, body["comment"].as_str()) else {
        return Answer::invalid(json!({"attendance": ["Обязательное поле"], "comment": ["Обязательное поле"]}));
    };
    match salon.data.records.iter_mut().find(|record| record.id == id && !record.deleted) {
        Some(record) => {
            (record.attendance, record.changed) = (attendance, Utc::now());
            comment.clone_into(&mut record.comment);
            Answer::ok(json!({"attendance": attendance, "records": [{"id": id}]}))
        }
        None => not_found(),
    }
}

/// `company/{c}/staff/schedule`: every day the same hours; what is taken only when asked for.
pub fn schedule(salon: &Salon, asked: &Asked) -> Answer {
    let day = |name: &str| asked.query.get(name).and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
    let (Some(from), Some(to)) = (day("start_date"), day("end_date")) else {
        return Answer::invalid(json!({"start_date": ["Обязательное поле"], "end_date": ["Обязательное поле"]}));
    };
    let wanted = asked.numbers("staff_ids[]");
    let staff = catalogue::MASTERS.into_iter().filter(|id| wanted.is_empty() || wanted.contains(id));
    let days = (to - from).num_days().clamp(-1, MAX_DAYS);
    let with_busy = asked.texts("include[]").any(|wish| wish == "busy_intervals");
    let mut items = Vec::new();
    for id in staff {
        for day in (0..=days).map(|days| from + TimeDelta::days(days)) {
            let mut item =
                json!({"staff_id": id, "date": day.to_string(), "slots": [{"from": "10:00", "to": "20:00"}], "off_day_type": null});
            if with_busy {
                item["busy_intervals"] = busy_of(salon, id, day);
            }
            items.push(item);
        }
    }
    let meta = json!({"count": items.len()});
    Answer::success(StatusCode::OK, json!(items), meta)
}

fn busy_of(salon: &Salon, staff: u64, day: NaiveDate) -> Value {
    let records = salon.data.records.iter().filter(|record| !record.deleted && record.staff_id == staff && record.day() == day);
    let hour = |at: DateTime<FixedOffset>| at.format("%H:%M").to_string();
    let spans = records
        .map(|record| json!({"entity_type": "record", "entity_id": record.id, "from": hour(record.datetime), "to": hour(record.ends())}));
    spans.collect()
}
