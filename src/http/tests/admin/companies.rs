//! Companies at a glance, in a list and in detail.

use super::*;

#[tokio::test]
async fn companies_are_searched_narrowed_down_and_paged() {
    let desk = Desk::open().await;
    desk.online(77).await;
    for salon in 100..105 {
        desk.register(salon).await;
    }
    let list = async |query: &str| desk.get_as(&format!("/admin/api/v1/companies?{query}"), ADMIN_KEY).await.json();
    let all = list("per_page=4&page=2").await;
    assert_eq!((all["total"].as_u64(), all["pages"].as_u64(), all["companies"].as_array().unwrap().len()), (Some(6), Some(2), 2));
    let online = list("state=Online").await;
    assert_eq!((online["total"].as_u64(), online["companies"][0]["salon_id"].as_u64()), (Some(1), Some(77)));
    assert_eq!(list("search=103").await["companies"][0]["salon_id"], 103);
    assert_eq!(list("search=nothing+like+this").await["total"], 0);
    assert_eq!(list("sort=salon_id&order=desc").await["companies"][0]["salon_id"], 104);
    assert_eq!(list("page=99").await["companies"], json!([]));
    for query in ["status=nonsense", "state=online", "sort=phone", "order=up", "page=x", "per_page=-1", "unknown=1"] {
        let path = format!("/admin/api/v1/companies?{query}");
        desk.get_as(&path, ADMIN_KEY).await.is_error(400, "INVALID_QUERY", &[]);
    }
}

#[tokio::test]
async fn one_company_is_shown_with_session_activation_and_timeline() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    let path = format!("/admin/api/v1/companies/{}", company.company_id());
    let detail = desk.get_as(&path, ADMIN_KEY).await.json();
    assert_eq!((detail["session"]["state"].as_str(), detail["company"]["salon_id"].as_u64()), (Some("Online"), Some(77)));
    assert!(detail["activation"]["status"].is_string(), "{detail}");
    let timeline = desk.get_as(&format!("{path}/timeline"), ADMIN_KEY).await.json();
    let kinds: Vec<_> = timeline["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    assert!(kinds.contains(&"registration_started".to_owned()), "{kinds:?}");
    let latest = desk.get_as(&format!("{path}/timeline?limit=1"), ADMIN_KEY).await.json();
    assert_eq!(latest["events"].as_array().unwrap().len(), 1);
    desk.get_as("/admin/api/v1/companies/9999", ADMIN_KEY).await.is_error(404, "COMPANY_NOT_FOUND", &[]);
}

#[tokio::test]
async fn the_overview_counts_companies_by_status_and_state_and_sums_the_day() {
    let desk = Desk::open().await;
    desk.online(77).await;
    desk.register(78).await;
    let overview = desk.get_as("/admin/api/v1/overview", ADMIN_KEY).await.json();
    assert_eq!((overview["companies"].as_u64(), overview["by_state"]["Online"].as_u64()), (Some(2), Some(1)));
    let by_status = overview["by_status"].as_object().unwrap();
    assert_eq!(by_status.values().filter_map(Value::as_u64).sum::<u64>(), 2);
    assert!(by_status.contains_key("uninstalled"), "every status is named: {by_status:?}");
    assert!(overview["last_24h"]["redirected"].as_u64() >= Some(1), "{overview}");
    let day = desk.get_as("/admin/api/v1/day", ADMIN_KEY).await.json();
    let slots = day["slots"].as_array().unwrap();
    assert_eq!((slots.len(), slots.last().unwrap()["online_now"].as_u64()), (288, Some(1)));
}
