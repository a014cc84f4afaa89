//! The REST API about one salon's data, in the simple form a partner sees, with YClients' quirks: ids and prices as text in lists, `[]` for what is
//! missing, whole catalogues with `active: 0`, 201 for a PUT, 204 without a body, masters who left among the others.

use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    envelope::Answer,
    installation::Status,
    routes::Asked,
    world::{Salon, World},
};

mod booking;
mod catalogue;
mod clients;
mod journal;

use clients::Client;
use journal::Record;

/// Clients and records of one salon; the oldest give way.
const MAX_ENTRIES: usize = 5_000;

/// What a salon has beside its installation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Data {
    last_id: u64,
    clients: Vec<Client>,
    records: Vec<Record>,
    /// Data webhooks as last set; `None` = never.
    hooks: Option<Value>,
    /// Reads so far: the order of services changes with each.
    #[serde(skip)]
    reads: u64,
}

impl Data {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        700_000 + self.last_id
    }
}

/// The calls about a salon's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    OnlineSettings,
    Services,
    Categories,
    Staff,
    Schedule,
    Records,
    Record(u64),
    Visit { visit: u64, record: u64 },
    ClientsSearch,
    Clients,
    Client(u64),
    BookServices,
    BookStaff,
    BookDates,
    BookTimes { staff: u64, day: String },
    BookCheck,
    BookRecord,
    Hooks,
}

/// Finds the call of a path below `/api/v1`, the salon it is about (`None`: the path does not say), and how it may be called.
pub fn find(segments: &[&str]) -> Option<(Resource, Option<u64>, &'static [Method])> {
    const GET: &[Method] = &[Method::GET];
    const POST: &[Method] = &[Method::POST];
    let number = |text: &str| text.parse::<u64>().ok();
    let (resource, salon, methods) = match segments {
        ["company", salon, "settings", "online"] => (Resource::OnlineSettings, *salon, GET),
        ["company", salon, "services"] => (Resource::Services, *salon, GET),
        ["company", salon, "service_categories"] => (Resource::Categories, *salon, GET),
        ["company", salon, "staff"] => (Resource::Staff, *salon, GET),
        ["company", salon, "staff", "schedule"] => (Resource::Schedule, *salon, GET),
        ["company", salon, "clients", "search"] => (Resource::ClientsSearch, *salon, POST),
        ["records", salon] => (Resource::Records, *salon, &[Method::GET, Method::POST] as &[Method]),
        ["record", salon, id] => (Resource::Record(number(id)?), *salon, &[Method::GET, Method::PUT, Method::DELETE] as &[Method]),
        ["clients", salon] => (Resource::Clients, *salon, POST),
        ["client", salon, id] => (Resource::Client(number(id)?), *salon, &[Method::GET, Method::PUT] as &[Method]),
        ["book_services", salon] => (Resource::BookServices, *salon, GET),
        ["book_staff", salon] => (Resource::BookStaff, *salon, GET),
        ["book_dates", salon] => (Resource::BookDates, *salon, GET),
        ["book_times", salon, staff, day] => (Resource::BookTimes { staff: number(staff)?, day: (*day).to_owned() }, *salon, GET),
        ["book_check", salon] => (Resource::BookCheck, *salon, POST),
        ["book_record", salon] => (Resource::BookRecord, *salon, POST),
        ["hooks_settings", salon] => (Resource::Hooks, *salon, &[Method::GET, Method::POST] as &[Method]),
        ["visits", visit, record] => {
            return Some((Resource::Visit { visit: number(visit)?, record: number(record)? }, None, &[Method::PUT]));
        }
        _ => return None,
    };
    Some((resource, Some(number(salon)?), methods))
}

/// Carries out one call.
pub fn answer(world: &mut World, salon: Option<u64>, resource: &Resource, method: &Method, asked: &Asked) -> Answer {
    let id = match (salon, resource) {
        (Some(id), _) => Some(id),
        (None, Resource::Visit { record, .. }) => {
            world.salons().find(|(salon, _)| salon.data.has_record(*record)).map(|(salon, _)| salon.id)
        }
        (None, _) => None,
    };
    match id.and_then(|id| world.salon(id)) {
        Some((salon, Status::Active)) => within(salon, resource, method, asked),
        // After an uninstall, and while nothing is paid, access is gone.
        Some(_) => Answer::failure(StatusCode::FORBIDDEN, "Нет прав на управление филиалом"),
        None => Answer::json(StatusCode::NOT_FOUND, json!({"success": false, "data": null, "meta": {"message": "Не найдено"}})),
    }
}

fn within(salon: &mut Salon, resource: &Resource, method: &Method, asked: &Asked) -> Answer {
    match (resource, method) {
        (Resource::OnlineSettings, _) => Answer::ok(
            json!({"confirm_number": 0, "any_master": "1", "seance_delay_step": "0", "activity_online_record_clients_count_max": 1}),
        ),
        (Resource::Services, _) => catalogue::services(asked),
        (Resource::Categories, _) => catalogue::categories(),
        (Resource::Staff, _) => catalogue::staff(salon.id),
        (Resource::Schedule, _) => journal::schedule(salon, asked),
        (Resource::Records, &Method::POST) => journal::add(salon, &asked.body),
        (Resource::Records, _) => journal::list(salon, asked),
        (Resource::Record(id), &Method::PUT) => journal::change(salon, *id, &asked.body),
        (Resource::Record(id), &Method::DELETE) => journal::remove(salon, *id),
        (Resource::Record(id), _) => journal::one(salon, *id),
        (Resource::Visit { record, .. }, _) => journal::attend(salon, *record, &asked.body),
        (Resource::ClientsSearch, _) => clients::search(salon, &asked.body),
        (Resource::Clients, _) => clients::add(salon, &asked.body),
        (Resource::Client(id), &Method::PUT) => clients::change(salon, *id, &asked.body),
        (Resource::Client(id), _) => clients::one(salon, *id),
        (Resource::BookServices, _) => booking::services(asked),
        (Resource::BookStaff, _) => booking::staff(salon),
        (Resource::BookDates, _) => booking::dates(salon, asked),
        (Resource::BookTimes { staff, day }, _) => booking::times(salon, *staff, day, asked),
        (Resource::BookCheck, _) => booking::check(salon, &asked.body),
        (Resource::BookRecord, _) => booking::book(salon, &asked.body),
        (Resource::Hooks, &Method::POST) => set_hooks(salon, &asked.body),
        (Resource::Hooks, _) => Answer::ok(salon.data.hooks.clone().unwrap_or_else(no_hooks)),
    }
}

fn no_hooks() -> Value {
    json!({"urls": [], "active": 0, "record": 0, "client": 0, "self_sending": 0})
}

/// Replaces everything, whoever set it before.
fn set_hooks(salon: &mut Salon, body: &Value) -> Answer {
    let urls = body["urls"].as_array();
    let proper = |url: &Value| url.as_str().is_some_and(|url| url.starts_with("http"));
    if !urls.is_some_and(|urls| urls.len() <= 10 && urls.iter().all(proper)) {
        return Answer::invalid(json!({"urls": ["Нужен массив из не более чем 10 адресов"]}));
    }
    salon.data.hooks = Some(body.clone());
    Answer::success(StatusCode::CREATED, body.clone(), json!([]))
}

/// A number, or its text.
fn number_of(value: &Value) -> Option<u64> {
    super::world::as_number(value)
}

#[cfg(test)]
mod tests;
