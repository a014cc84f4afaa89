//! Every call against the simulated YClients with its quirks, and what becomes of errors and lost answers.

use chrono::{NaiveDate, TimeDelta, Utc};
use frontdesk::yclients::{Appointment, Attendance, BookingProblem, CallError, NewBooking, NewClient, RecordFilter};
use frontdesk_actors::ids::{PaymentId, Phone};
use frontdesk_actors::ports::{
    ActivateError, Channel, Installation, Marketplace as _, MarketplaceError, Money, NewPayment, PartnerApi as _, PartnerError, Percent,
};
use serde_json::json;

use super::{Desk, callback, salon};

fn phone() -> Phone {
    "+7 900 123-45-67".parse().expect("a phone")
}

/// A day with free times in every zone.
fn soon() -> NaiveDate {
    (Utc::now() + TimeDelta::days(2)).date_naive()
}

fn booking(datetime: String) -> NewBooking {
    let appointment = Appointment { services: vec![9_001], staff: 501, datetime };
    let (name, email, comment, api_id) = ("Анна".to_owned(), String::new(), String::new(), "wa-1".to_owned());
    NewBooking { phone: phone(), name, email, comment, api_id, appointment }
}

#[tokio::test]
async fn the_catalogue_and_the_schedule_are_read() {
    let desk = Desk::open(1).await;
    let api = desk.api(1);
    assert_eq!(api.company().await.expect("the salon").timezone_name.as_deref(), Some("Europe/Moscow"));
    assert_eq!(api.company_page().await.expect("the salon").phone_confirmation, Some(false));
    assert_eq!(api.online_settings().await.expect("settings").any_master, Some(true));
    let services = api.services(None, Some(91)).await.expect("services");
    assert_eq!(services.items.iter().filter_map(|service| service.id).collect::<Vec<_>>(), [9_001, 9_002]);
    assert_eq!(services.items[0].seconds_with(501), Some(3_600));
    assert_eq!(api.categories().await.expect("categories").items.len(), 2);
    let staff = api.staff().await.expect("staff").items;
    assert_eq!(staff.iter().map(|one| one.is_shown()).collect::<Vec<_>>(), [true, true, false]);
    let days = api.schedule(soon(), soon() + TimeDelta::days(1), &[501]).await.expect("a schedule").items;
    assert_eq!((days.len(), days[0].date(), days[0].slots[0].from.as_deref()), (2, Some(soon()), Some("10:00")));
}

#[tokio::test]
async fn a_free_time_is_booked_found_moved_confirmed_and_cancelled() {
    let desk = Desk::open(1).await;
    let api = desk.api(1);
    assert!(api.bookable_services(Some(501)).await.expect("services").services[0].seance_length.is_some());
    assert_eq!(api.bookable_staff(&[9_001]).await.expect("staff").items.len(), 2);
    let days = api.bookable_days(501, &[9_001], soon(), soon() + TimeDelta::days(3)).await.expect("days");
    assert!(days.booking().contains(&soon()));
    let times = api.bookable_times(501, &[9_001], soon()).await.expect("times").items;
    let datetime = times[0].datetime.clone().expect("a time");
    let wish = booking(datetime);
    api.check_booking(&wish.appointment).await.expect("it is free");
    let booked = api.book(&wish).await.expect("booked");
    let taken = api.check_booking(&wish.appointment).await;
    let Err(CallError::Refused(refusal)) = taken else { panic!("taken now: {taken:?}") };
    assert_eq!(refusal.booking(), Some(BookingProblem::TimeTaken));

    let record = api.record_by_api_id("wa-1", soon()).await.expect("an answer").expect("the record");
    assert_eq!(record.fields.id, booked.record_id);
    let id = record.fields.id.expect("its number");
    let visit = record.fields.visit_id.expect("its visit");
    api.set_attendance(visit, id, Attendance::Confirmed, "").await.expect("confirmed");
    let later = times[4].datetime.clone().expect("a time");
    let fresh = api.record(id).await.expect("an answer").expect("the record");
    assert_eq!(fresh.fields.attendance(), Some(Attendance::Confirmed));
    api.change_record(&fresh, &[("datetime", json!(later))]).await.expect("moved");
    api.remove_record(id).await.expect("cancelled");
    assert_eq!(api.record(id).await, Ok(None));
    api.remove_record(id).await.expect("harmless when it is gone");
    let all = RecordFilter { with_deleted: true, ..RecordFilter::default() };
    assert_eq!(api.records(&all).await.expect("records").items[0].fields.deleted, Some(true));
}

#[tokio::test]
async fn clients_are_found_by_their_exact_phone_only() {
    let desk = Desk::open(1).await;
    let api = desk.api(1);
    assert_eq!(api.client_by_phone(&phone()).await, Ok(None));
    let client = NewClient { name: "Анна".into(), phone: phone(), email: None, comment: None };
    let id = api.add_client(&client).await.expect("added").id.expect("its number");
    let longer: Phone = "+77900123456799".parse().expect("a phone");
    api.add_client(&NewClient { phone: longer.clone(), ..client.clone() }).await.expect("another one");
    assert_eq!(api.client_by_phone(&phone()).await.expect("an answer").and_then(|client| client.id), Some(id));
    api.change_client(id, &NewClient { comment: Some("любит кофе".into()), ..client.clone() }).await.expect("changed");
    assert_eq!(api.client(id).await.expect("the client").comment.as_deref(), Some("любит кофе"));
    assert!(matches!(api.add_client(&client).await, Err(CallError::Refused(refusal)) if refusal.fields == ["phone"]));
}

#[tokio::test]
async fn webhook_settings_of_others_survive_ours() {
    let desk = Desk::open(1).await;
    let api = desk.api(1);
    let mut settings = api.hooks().await.expect("settings");
    settings.add("https://other.example/hook", |_| false, &["client"]).expect("room");
    api.set_hooks(&settings).await.expect("set");
    let mut settings = api.hooks().await.expect("settings");
    settings.add("https://us.example/data/1/secret", |url| url.contains("us.example"), &["record"]).expect("room");
    api.set_hooks(&settings).await.expect("set");
    assert_eq!(api.hooks().await.expect("settings").urls().len(), 2);
}

#[tokio::test]
async fn the_partners_calls_do_what_they_say() {
    let desk = Desk::open(3).await;
    let partner = &desk.yclients;
    let first = partner.installed_salons(1, 2).await.expect("a page");
    let second = partner.installed_salons(2, 2).await.expect("a page");
    assert_eq!((first.salons.len(), first.is_last, second.salons.len(), second.is_last), (2, false, 1, true));
    assert!(partner.payment_link(salon(1), Some(Percent::new(15.55).expect("a percentage"))).await.expect("a link").contains("15.55"));
    desk.sandbox.yclients().freeze(1).expect("frozen");
    let payment = NewPayment {
        salon: salon(1),
        sum: Money::new(990.99, "RUB").expect("a sum"),
        paid_at: Utc::now(),
        period_from: Utc::now(),
        period_to: Utc::now() + TimeDelta::days(30),
    };
    let id = partner.report_payment(&payment).await.expect("taken");
    let detail = partner.installation_detail(salon(1)).await.expect("an answer").expect("installed");
    assert_eq!(
        (detail.status, detail.payments[0].id, detail.payments[0].sum.as_ref().map(Money::minor)),
        (Installation::Active, Some(id), Some(99_099))
    );
    assert!(
        !detail.logs.is_empty() && detail.since.is_some_and(|since| (Utc::now() - since).num_minutes().abs() < 2),
        "Moscow's time is read right"
    );
    partner.refund(id).await.expect("refunded");
    let nobodys = partner.refund(PaymentId::try_from(999).expect("an id")).await;
    assert!(matches!(nobodys, Err(PartnerError::Refused { status: 422, .. })), "{nobodys:?}");
    assert_eq!(partner.tariffs().await.expect("tariffs")[0].options.len(), 2);
    partner.add_discount(&[salon(1), salon(2)], Percent::new(5.0).expect("a percentage")).await.expect("discount");
    partner.set_channel(salon(1), Channel::Whatsapp, true).await.expect("channel");
    partner.set_short_names(salon(1), &["SALON".to_owned()]).await.expect("names");
    partner.uninstall(salon(2)).await.expect("removed");
    assert_eq!(partner.installation_detail(salon(2)).await, Ok(None));
    assert_eq!(partner.uninstall(salon(2)).await, Err(PartnerError::NotInstalled));
    assert_eq!(
        desk.api(2).services(None, None).await.map(|_| ()).map_err(|error| error.to_string()),
        Err("YClients refused: status 403".into())
    );
}

#[tokio::test]
async fn no_error_of_yclients_reads_as_nothing_there() {
    let desk = Desk::open(1).await;
    for fault in [
        json!({"fault": "html"}),
        json!({"fault": "html", "code": 404}),
        json!({"fault": "status", "code": 429}),
        json!({"fault": "status", "code": 500}),
        json!({"fault": "status", "code": 403, "body": {"success": true, "data": []}}),
        json!({"fault": "close"}),
        json!({"fault": "close_before"}),
    ] {
        let mut everywhere = fault.clone();
        everywhere["endpoint"] = json!("any");
        desk.fault(everywhere);
        // A client of its own, whose breakers are closed.
        let fresh = desk.fresh();
        let api = fresh.salon_api(salon(1), frontdesk::yclients::Urgency::Interactive);
        let (times, listed, detail) =
            tokio::join!(api.bookable_times(501, &[9_001], soon()), fresh.installed_salons(1, 10), fresh.installation_detail(salon(1)));
        assert!(times.is_err() && listed.is_err() && detail.is_err(), "{fault}: {times:?} {listed:?} {detail:?}");
        desk.sandbox.yclients().clear_faults();
    }
}

#[tokio::test]
async fn what_does_something_is_sent_once_and_a_lost_answer_is_settled_by_looking() {
    let desk = Desk::open(1).await;
    let api = desk.api(1);
    let times = api.bookable_times(501, &[9_001], soon()).await.expect("times").items;
    desk.fault(json!({"fault": "close", "endpoint": "rest", "times": 1}));
    let booked = api.book(&booking(times[0].datetime.clone().expect("a time"))).await;
    assert_eq!(booked, Err(CallError::Unclear { status: None }));
    assert_eq!(desk.calls_to("book_record"), 1, "never twice");
    let record = api.record_by_api_id("wa-1", soon()).await.expect("an answer").expect("it was made");
    let id = record.fields.id.expect("its number");

    desk.fault(json!({"fault": "close", "endpoint": "rest", "times": 1}));
    api.set_attendance(1, id, Attendance::Confirmed, "").await.expect("done, as the record tells");
    assert_eq!(desk.calls_to("visits/"), 1, "it was done the first time");
    desk.fault(json!({"fault": "close_before", "endpoint": "rest", "times": 1}));
    api.remove_record(id).await.expect("removed");
    assert_eq!(api.record(id).await, Ok(None));

    desk.fault(json!({"fault": "close", "endpoint": "payment", "times": 1}));
    let sum = Money::new(1.0, "RUB").expect("a sum");
    let now = Utc::now();
    let payment = NewPayment { salon: salon(1), sum, paid_at: now, period_from: now, period_to: now };
    assert_eq!(desk.yclients.report_payment(&payment).await, Err(PartnerError::Unclear));
    assert_eq!(desk.calls_to("partner/payment"), 1);
}

#[tokio::test]
async fn an_activation_is_judged_by_its_status_alone() {
    let desk = Desk::open(1).await;
    let again = desk.yclients.activate(salon(1), &callback()).await;
    assert_eq!(again, Err(ActivateError::AskStatus { status: Some(403) }));
    for (fault, expected) in [
        (json!({"fault": "redirect"}), Ok(())),
        (json!({"fault": "html"}), Ok(())),
        (json!({"fault": "close"}), Err(ActivateError::AskStatus { status: None })),
        (json!({"fault": "status", "code": 502}), Err(ActivateError::AskStatus { status: Some(502) })),
        (
            json!({"fault": "status", "code": 429, "retry_after": 3}),
            Err(ActivateError::Retryable { after: Some(std::time::Duration::from_secs(3)) }),
        ),
        (json!({"fault": "status", "code": 400}), Err(ActivateError::Final { status: 400 })),
    ] {
        desk.sandbox.yclients().uninstall(1).expect("uninstalled");
        desk.sandbox.yclients().connect(1).expect("pending");
        desk.fault(fault.clone());
        assert_eq!(desk.fresh().activate(salon(1), &callback()).await, expected, "{fault}");
        desk.sandbox.yclients().clear_faults();
    }
}

#[tokio::test]
async fn a_revoked_user_is_told_and_a_missing_setting_too() {
    let revoked = Desk::with(1, |settings| settings.user_token = Some("revoked".to_owned().into())).await;
    assert!(matches!(revoked.api(1).staff().await, Err(CallError::Refused(refusal)) if refusal.status == 401));
    assert!(revoked.api(1).bookable_staff(&[]).await.is_ok(), "what the partner alone may ask goes on");
    let unset = Desk::with(1, |settings| settings.application_id = None).await;
    assert_eq!(unset.yclients.installation(salon(1)).await, Err(MarketplaceError::NotConfigured));
    assert_eq!(unset.yclients.installed_salons(1, 10).await, Err(PartnerError::NotConfigured));
}
