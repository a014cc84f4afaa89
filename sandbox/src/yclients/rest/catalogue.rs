//! The same small catalogue in every salon: three services in two groups, two masters who work and one who left.

use serde_json::{Value, json};

use crate::yclients::{envelope::Answer, routes::Asked};
use axum::http::StatusCode;

/// A service: number, name, group, price, seconds.
pub type Service = (u64, &'static str, u64, u64, i64);

/// What can be done here.
pub const SERVICES: [Service; 3] =
    [(9_001, "Мужская стрижка", 91, 1_500, 3_600), (9_002, "Борода", 91, 800, 1_800), (9_003, "Маникюр", 92, 2_000, 5_400)];

/// Masters who work here.
pub const MASTERS: [u64; 2] = [501, 502];

/// A master who left, and stays in lists.
const LEFT: u64 = 503;

/// The service of this number.
pub fn service(id: u64) -> Option<Service> {
    SERVICES.into_iter().find(|service| service.0 == id)
}

fn listed(items: Vec<Value>) -> Answer {
    let meta = json!({"total_count": items.len()});
    Answer::success(StatusCode::OK, json!(items), meta)
}

/// `company/{c}/services`.
pub fn services(asked: &Asked) -> Answer {
    let (category, staff) = (asked.number("category_id"), asked.number("staff_id"));
    let wanted = SERVICES.into_iter().filter(|service| category.is_none_or(|category| service.2 == category));
    let wanted = wanted.filter(|_| staff.is_none_or(|staff| MASTERS.contains(&staff)));
    let item = |(id, title, category, price, seconds): Service| {
        json!({"id": id.to_string(), "title": title, "category_id": category.to_string(), "price_min": format!("{price}.00"), "price_max": price,
               "discount": 0, "comment": "", "weight": "6", "active": 0, "api_id": "", "prepaid": "forbidden", "image_group": [], "dates": [],
               "duration": seconds, "staff": MASTERS.map(|id| json!({"id": id, "seance_length": seconds.to_string()}))})
    };
    listed(wanted.map(item).collect())
}

/// `company/{c}/service_categories`.
pub fn categories() -> Answer {
    let item =
        |id: u64, title: &str| json!({"id": id, "salon_service_id": id, "title": title, "api_id": "0", "weight": "1", "staff": MASTERS});
    listed(vec![item(91, "Барбершоп"), item(92, "Ногти")])
}

/// `company/{c}/staff`.
pub fn staff(salon: u64) -> Answer {
    let item = |id: u64, name: &str, position: Value, fired: u8| {
        json!({"id": id, "company_id": salon, "name": name, "specialization": "Мастер", "position": position, "avatar": "", "avatar_big": "",
               "fired": fired, "status": 0, "hidden": 0, "user_id": 0})
    };
    listed(vec![
        item(MASTERS[0], "Сергей", json!({"id": 1, "title": "Барбер"}), 0),
        item(MASTERS[1], "Ольга", json!([]), 0),
        item(LEFT, "Уволенный", json!([]), 1),
    ])
}
