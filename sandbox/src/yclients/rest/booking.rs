//! Online booking: what is free, and taking it.

use axum::http::StatusCode;
use chrono::{DateTime, FixedOffset, NaiveDate, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{
    catalogue::{self, MASTERS, SERVICES},
    clients,
    journal::{self, HOURS, Record},
    number_of,
};
use crate::yclients::{envelope::Answer, routes::Asked, world::Salon};

/// Days offered at most.
const MAX_DAYS: i64 = 62;
/// How long a visit takes when no service is named.
const USUAL_SECONDS: i64 = 3_600;

/// A refusal with YClients' number for it.
fn refusal(status: StatusCode, code: u16, message: &str) -> Answer {
    let meta = json!({"message": message, "errors": [{"code": code, "message": message}]});
    Answer::json(status, json!({"success": false, "data": null, "meta": meta}))
}

/// `book_services`: the length only when a master is named; the groups are called `category`.
pub fn services(asked: &Asked) -> Answer {
    let staff = asked.number("staff_id").filter(|staff| *staff > 0);
    let item = |(id, title, category, price, seconds): catalogue::Service| {
        let mut item = json!({"id": id, "title": title, "category_id": category, "price_min": price, "price_max": price, "discount": 0, "comment": "",
                              "weight": 1, "active": 1, "sex": 0, "image": "", "prepaid": "forbidden"});
        if staff.is_some() {
            item["seance_length"] = json!(seconds);
        }
        item
    };
    let groups = json!([{"id": 91, "title": "Барбершоп", "sex": 0}, {"id": 92, "title": "Ногти", "sex": 0}]);
    Answer::ok(json!({"events": [], "services": SERVICES.map(item), "category": groups}))
}

/// `book_staff`.
pub fn staff(salon: &Salon) -> Answer {
    let tomorrow = (Utc::now().with_timezone(&journal::offset(salon)) + TimeDelta::days(1)).date_naive();
    let item = |id: u64| {
        let nearest: Vec<Value> = free(salon, id, tomorrow, USUAL_SECONDS).into_iter().take(3).map(|at| slot(at, USUAL_SECONDS)).collect();
        json!({"id": id, "name": "Мастер", "bookable": true, "specialization": "Мастер", "position": [], "show_rating": 1, "rating": "4.9",
               "votes_count": 0, "avatar": "", "comments_count": 0, "weight": 1, "information": "<p></p>", "seance_date": tomorrow.to_string(),
               "seances": nearest})
    };
    Answer::ok(json!(MASTERS.map(item)))
}

fn seconds_of(services: &[u64]) -> i64 {
    let known: i64 = services.iter().filter_map(|id| catalogue::service(*id)).map(|service| service.4).sum();
    if known > 0 { known } else { USUAL_SECONDS }
}

fn slot(at: DateTime<FixedOffset>, seconds: i64) -> Value {
    let datetime = at.format("%Y-%m-%dT%H:%M:%S%:z").to_string();
    json!({"time": at.format("%H:%M").to_string(), "seance_length": seconds, "sum_length": seconds, "datetime": datetime})
}

/// Every half hour that is in the future and leaves enough time.
fn free(salon: &Salon, staff: u64, day: NaiveDate, seconds: i64) -> Vec<DateTime<FixedOffset>> {
    let Some(midnight) = day.and_hms_opt(0, 0, 0).and_then(|at| at.and_local_timezone(journal::offset(salon)).single()) else {
        return Vec::new();
    };
    let masters: Vec<u64> = if staff == 0 { MASTERS.to_vec() } else { vec![staff] };
    let (opens, closes) = (midnight + TimeDelta::hours(HOURS.0), midnight + TimeDelta::hours(HOURS.1));
    let starts = (0..(HOURS.1 - HOURS.0) * 2).map(|half| opens + TimeDelta::minutes(30 * half));
    let fits = |at: &DateTime<FixedOffset>| *at > Utc::now() && *at + TimeDelta::seconds(seconds) <= closes;
    let any_free =
        |at: &DateTime<FixedOffset>| masters.iter().any(|id| MASTERS.contains(id) && !salon.data.is_busy(*id, *at, seconds, None));
    starts.filter(fits).filter(any_free).collect()
}

/// `book_times`: `[]` when nothing is free.
pub fn times(salon: &Salon, staff: u64, day: &str, asked: &Asked) -> Answer {
    let Ok(day) = NaiveDate::parse_from_str(day, "%Y-%m-%d") else {
        return Answer::invalid(json!({"date": ["Неверная дата"]}));
    };
    let seconds = seconds_of(&asked.numbers("service_ids[]"));
    Answer::ok(free(salon, staff, day, seconds).into_iter().map(|at| slot(at, seconds)).collect())
}

/// `book_dates`: with `date_from` and `date_to`, or the month of `date`; other names are ignored. `booking_days` has months without a year.
pub fn dates(salon: &Salon, asked: &Asked) -> Answer {
    let day = |name: &str| asked.query.get(name).and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
    let today = Utc::now().with_timezone(&journal::offset(salon)).date_naive();
    let from = day("date_from").or_else(|| day("date")).unwrap_or(today);
    let to = day("date_to").unwrap_or(from + TimeDelta::days(30)).min(from + TimeDelta::days(MAX_DAYS));
    let (staff, seconds) = (asked.number("staff_id").unwrap_or(0), seconds_of(&asked.numbers("service_ids[]")));
    let days = (0..=(to - from).num_days()).map(|days| from + TimeDelta::days(days));
    let free_days: Vec<NaiveDate> = days.filter(|day| !free(salon, staff, *day, seconds).is_empty()).collect();
    let mut months: Map<String, Value> = Map::new();
    for day in &free_days {
        let month = months.entry(day.format("%-m").to_string()).or_insert_with(|| json!([]));
        if let Value::Array(days) = month {
            days.push(json!(day.format("%-d").to_string()));
        }
    }
    let dates = json!(free_days.iter().map(ToString::to_string).collect::<Vec<_>>());
    Answer::ok(json!({"booking_days": months, "booking_dates": dates, "working_days": months, "working_dates": dates}))
}

/// A visit somebody wants.
struct Wish {
    services: Vec<u64>,
    staff: u64,
    at: DateTime<FixedOffset>,
    seconds: i64,
}

/// What is wanted, or why it can't be.
fn wish(salon: &Salon, body: &Value) -> Result<Wish, Answer> {
    let wrong = |field: &str| Answer::invalid(json!({field: ["Неверное значение"]}));
    let appointment = body["appointments"].as_array().and_then(|list| list.first()).ok_or_else(|| wrong("appointments"))?;
    let services: Option<Vec<u64>> = appointment["services"].as_array().and_then(|list| list.iter().map(number_of).collect());
    let services = services.filter(|services| !services.is_empty()).ok_or_else(|| wrong("services"))?;
    if services.iter().any(|id| catalogue::service(*id).is_none()) {
        return Err(refusal(StatusCode::UNPROCESSABLE_ENTITY, 438, "Услуга не найдена"));
    }
    let staff = number_of(&appointment["staff_id"]).ok_or_else(|| wrong("staff_id"))?;
    let at = journal::time(salon, &appointment["datetime"]).ok_or_else(|| wrong("datetime"))?;
    let seconds = seconds_of(&services);
    let free_now = free(salon, staff, at.date_naive(), seconds).contains(&at);
    match (free_now, staff) {
        (true, 0) => {
            let master = MASTERS.into_iter().find(|id| !salon.data.is_busy(*id, at, seconds, None));
            master
                .map(|staff| Wish { services, staff, at, seconds })
                .ok_or_else(|| refusal(StatusCode::UNPROCESSABLE_ENTITY, 436, "Нет свободных"))
        }
        (true, staff) => Ok(Wish { services, staff, at, seconds }),
        (false, 0) => Err(refusal(StatusCode::UNPROCESSABLE_ENTITY, 436, "Нет свободных сотрудников")),
        (false, _) => Err(journal::busy()),
    }
}

/// `book_check`: 201 without data.
pub fn check(salon: &Salon, body: &Value) -> Answer {
    match wish(salon, body) {
        Ok(_) => Answer::json(StatusCode::CREATED, json!({"success": true, "meta": {"message": "Created"}})),
        Err(refused) => refused,
    }
}

/// `book_record`.
pub fn book(salon: &mut Salon, body: &Value) -> Answer {
    let phone: String = body["phone"].as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    if !(10..=15).contains(&phone.len()) {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, 431, "Неверный формат телефона");
    }
    let Some(name) = body["fullname"].as_str().filter(|name| !name.trim().is_empty()) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, 435, "Имя не указано");
    };
    let wish = match wish(salon, body) {
        Ok(wish) => wish,
        Err(refused) => return refused,
    };
    let client = clients::put(salon, name, &phone, body);
    let id = salon.data.next_id();
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    let record = Record {
        id,
        visit_id: id - 100_000,
        staff_id: wish.staff,
        services: wish.services,
        client_id: client.id,
        datetime: wish.at,
        seance_length: wish.seconds,
        attendance: 0,
        comment: text("comment"),
        api_id: text("api_id"),
        online: true,
        deleted: false,
        changed: Utc::now(),
    };
    journal::keep(salon, record);
    let hash = crate::yclients::signing::fingerprint(&format!("record {id} of {}", salon.id));
    Answer::success(StatusCode::CREATED, json!([{"id": 1, "record_id": id, "record_hash": hash}]), json!([]))
}
