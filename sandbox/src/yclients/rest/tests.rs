use chrono::{TimeDelta, Utc};

use super::*;
use crate::yclients::world::NewSalon;

/// A salon with the application installed.
fn world() -> World {
    let mut world = World::new(TimeDelta::hours(1));
    world.add(NewSalon { salon_id: Some(7), ..NewSalon::default() }).unwrap();
    let (salon, _) = world.salon(7).unwrap();
    salon.installation.connect(Utc::now());
    salon.installation.activate(crate::yclients::installation::Registration::default(), Utc::now()).unwrap();
    world
}

fn call(world: &mut World, method: Method, path: &str, body: Value) -> (u16, Value) {
    let uri: axum::http::Uri = format!("http://x/{path}").parse().unwrap();
    let asked = Asked::read(&uri, body.to_string().as_bytes());
    let segments: Vec<&str> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let (resource, salon, methods) = find(&segments).unwrap_or_else(|| panic!("no call {path}"));
    assert!(methods.contains(&method), "{path}");
    let answer = answer(world, salon, &resource, &method, &asked);
    (answer.status.as_u16(), answer.shown().unwrap_or_default())
}

fn tomorrow() -> String {
    (Utc::now() + TimeDelta::days(2)).date_naive().to_string()
}

#[test]
fn without_an_active_installation_access_is_gone() {
    let mut world = world();
    assert_eq!(call(&mut world, Method::GET, "company/7/services", json!(null)).0, 200);
    world.salon(7).unwrap().0.installation.uninstall(Utc::now(), crate::yclients::installation::Source::Marketplace);
    assert_eq!(call(&mut world, Method::GET, "company/7/services", json!(null)).0, 403);
    assert_eq!(call(&mut world, Method::GET, "company/8/services", json!(null)).0, 404);
}

#[test]
fn a_free_time_can_be_booked_once() {
    let mut world = world();
    let (_, times) = call(&mut world, Method::GET, &format!("book_times/7/501/{}?service_ids[]=9001", tomorrow()), json!(null));
    let datetime = times["data"][0]["datetime"].clone();
    let body = json!({"phone": "+7 900 123-45-67", "fullname": "Анна", "email": "", "api_id": "wa-1",
                      "appointments": [{"id": 1, "services": [9_001], "staff_id": 501, "datetime": datetime}]});
    let (status, checked) = call(&mut world, Method::POST, "book_check/7", body.clone());
    assert_eq!((status, checked.get("data")), (201, None), "no data");
    let (status, booked) = call(&mut world, Method::POST, "book_record/7", body.clone());
    assert_eq!(status, 201);
    let id = booked["data"][0]["record_id"].as_u64().unwrap();
    let (status, refused) = call(&mut world, Method::POST, "book_record/7", body);
    assert_eq!((status, &refused["meta"]["errors"][0]["code"]), (422, &json!(433)));
    let (_, records) = call(&mut world, Method::GET, "records/7?page=1&count=50", json!(null));
    assert_eq!((records["data"][0]["id"].as_u64(), &records["data"][0]["api_id"]), (Some(id), &json!("wa-1")));
    assert_eq!(call(&mut world, Method::DELETE, &format!("record/7/{id}"), json!(null)), (204, Value::Null));
    assert_eq!(call(&mut world, Method::GET, &format!("record/7/{id}"), json!(null)).0, 404);
    let (_, records) = call(&mut world, Method::GET, "records/7?with_deleted=1", json!(null));
    assert_eq!(records["data"][0]["deleted"], 1);
}

#[test]
fn a_change_needs_the_whole_record_and_a_visit_its_comment() {
    let mut world = world();
    let body = json!({"staff_id": 501, "services": [{"id": 9_002}, {"id": 9_001}], "client": {"phone": "79001234567", "name": "Анна"},
                      "datetime": format!("{} 12:00:00", tomorrow()), "seance_length": 3_600, "save_if_busy": false});
    let (status, made) = call(&mut world, Method::POST, "records/7", body.clone());
    assert_eq!(status, 201);
    let id = made["data"][0]["id"].as_u64().unwrap();
    let path = format!("record/7/{id}");
    assert_eq!(call(&mut world, Method::PUT, &path, json!({"attendance": 2})).0, 422);
    assert_eq!(call(&mut world, Method::PUT, &path, body).0, 201);
    assert_eq!(call(&mut world, Method::PUT, &format!("visits/1/{id}"), json!({"attendance": 2})).0, 422);
    assert_eq!(call(&mut world, Method::PUT, &format!("visits/1/{id}"), json!({"attendance": 2, "comment": ""})).0, 200);
    let first = call(&mut world, Method::GET, &path, json!(null)).1;
    let second = call(&mut world, Method::GET, &path, json!(null)).1;
    assert_ne!(first["data"]["services"], second["data"]["services"], "their order is never the same");
}

#[test]
fn a_search_is_fuzzy_and_gives_what_was_asked_for_only() {
    let mut world = world();
    for (name, phone) in [("Анна", "79001234567"), ("Ольга", "79001234568")] {
        assert_eq!(call(&mut world, Method::POST, "clients/7", json!({"name": name, "phone": phone})).0, 201);
    }
    assert_eq!(call(&mut world, Method::POST, "clients/7", json!({"name": "Анна", "phone": "79001234567"})).0, 422);
    let search = json!({"page": 1, "page_size": 25, "fields": ["id", "name"], "filters": [{"type": "quick_search", "state": {"value": "7900123456"}}]});
    let (_, found) = call(&mut world, Method::POST, "company/7/clients/search", search);
    assert_eq!((found["meta"]["total_count"].as_u64(), found["data"][0].get("phone")), (Some(2), None));
}

#[test]
fn hooks_are_replaced_as_a_whole() {
    let mut world = world();
    let ours = json!({"urls": ["https://example.com/a"], "active": 1, "record": 1});
    assert_eq!(call(&mut world, Method::POST, "hooks_settings/7", ours.clone()).0, 201);
    assert_eq!(call(&mut world, Method::GET, "hooks_settings/7", json!(null)).1["data"], ours);
    assert_eq!(call(&mut world, Method::POST, "hooks_settings/7", json!({"urls": "https://example.com"})).0, 422);
}
