//! Limits on messages to people who never wrote, as the client can see them.

use frontdesk_sandbox::whatsapp::{Enforcement, FaultTarget, Service, WhatsappFault};
use serde_json::Value;
use whatsapp_rust::Client;
use whatsapp_rust::features::MexRequest;
use whatsapp_rust::types::events::Event;
use whatsapp_rust::wacore::iq::mex_operations::fetch_new_chat_message_capping_info as capping;

use crate::client::{Salon, service, until};
use crate::{GUEST, SALON};

fn salon_only() -> FaultTarget {
    FaultTarget::Number(SALON.to_owned())
}

/// Waits for a notification of this kind and returns its payload.
async fn notified(salon: &mut Salon, operation: &str) -> Value {
    salon
        .wait_for(operation, |event| match event {
            Event::MexNotification(mex) if mex.op_name == operation => Some(mex.payload["data"].clone()),
            _ => None,
        })
        .await
}

/// Sends a text and returns the number it was refused with, if it was.
async fn send_and_hear(salon: &mut Salon, to: &str) -> Option<String> {
    let id = salon.send(to, "are you coming?").await;
    salon
        .wait_for("ack", |event| match event {
            Event::ServerAck(ack) if ack.id == id => Some(ack.error.clone()),
            _ => None,
        })
        .await
}

/// Waits for the next status of the quota, and for the ack of a message; the client reports the two in any order.
async fn cap_told(salon: &mut Salon, message: Option<String>) -> String {
    let mut acked = message.is_none();
    let mut status = None;
    salon
        .wait_for("the state of the quota", |event| {
            match event {
                Event::MexNotification(mex) => {
                    let state = &mex.payload["data"]["xwa2_notify_new_chat_messages_capping_info_update"];
                    status = state["capping_status"].as_str().map(str::to_owned);
                }
                Event::ServerAck(ack) if Some(&ack.id) == message.as_ref() => acked = ack.error.is_none(),
                _ => {}
            }
            if acked { status.clone() } else { None }
        })
        .await
}

async fn cap_of(client: &Client) -> capping::Xwa2MessageCappingInfo {
    let input = capping::Input { r#type: Some("INDIVIDUAL_NEW_CHAT_MSG".into()) };
    let request = MexRequest::new(capping::NAME, capping::DOC_ID, capping::Variables { input: Some(input) });
    let answer = client.mex().query(request).await.expect("the service answers").data.expect("data");
    let answer: capping::Response = serde_json::from_value(answer).expect("the client's own shape");
    answer.xwa2_message_capping_info.expect("a state")
}

fn has_text(service: &Service, number: &str) -> bool {
    service.messages(number).iter().any(|message| message.text == "are you coming?")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timelock_stops_first_messages_only_and_is_told() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    let lock = WhatsappFault::Timelock { seconds: 3600, enforcement: Enforcement::RestrictAllCompanions };
    service.set_fault(salon_only(), lock).unwrap();
    let told = notified(&mut salon, "NotificationUserReachoutTimelockUpdate").await;
    assert_eq!(told["xwa2_notify_account_reachout_timelock"]["is_active"], true);
    let client = salon.client();
    let state = client.mex().fetch_reachout_timelock().await.unwrap();
    assert_eq!((state.is_active, state.enforcement_type.as_deref()), (Some(true), Some("RESTRICT_ALL_COMPANIONS")));
    let ends: i64 = state.time_enforcement_ends.unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&(ends - chrono::Utc::now().timestamp())));
    assert_eq!(send_and_hear(&mut salon, GUEST).await.as_deref(), Some("463"));
    assert!(!has_text(&service, GUEST));
    // Whoever has written may be answered.
    service.send(GUEST, SALON, "is noon free?").await.unwrap();
    assert_eq!(salon.text().await, "is noon free?");
    assert_eq!(send_and_hear(&mut salon, GUEST).await, None);
    until("delivered", || has_text(&service, GUEST).then_some(())).await;
    service.clear_faults();
    let told = notified(&mut salon, "NotificationUserReachoutTimelockUpdate").await;
    assert_eq!(told["xwa2_notify_account_reachout_timelock"]["is_active"], false);
    assert_eq!(client.mex().fetch_reachout_timelock().await.unwrap().is_active, Some(false));
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timelock_ends_by_itself() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    service.set_fault(FaultTarget::All, WhatsappFault::Timelock { seconds: 1, enforcement: Enforcement::Default }).unwrap();
    for active in [true, false] {
        let told = notified(&mut salon, "NotificationUserReachoutTimelockUpdate").await;
        assert_eq!(told["xwa2_notify_account_reachout_timelock"]["is_active"], active);
    }
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_of_new_chats_warns_twice_and_then_refuses() {
    let service = service().await;
    let people: Vec<String> = (0..6).map(|person| format!("7911000000{person}")).collect();
    for person in &people {
        service.add_phone(person).unwrap();
    }
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    let client = salon.client();
    assert_eq!(cap_of(&client).await.capping_status.as_deref(), Some("NONE"));
    service.set_fault(salon_only(), WhatsappFault::NewChatCap { total_quota: 5, used_quota: None }).unwrap();
    let mut told = vec![cap_told(&mut salon, None).await];
    for (index, person) in people[..5].iter().enumerate() {
        if index < 2 {
            assert_eq!(send_and_hear(&mut salon, person).await, None);
        } else {
            let id = salon.send(person, "are you coming?").await;
            told.push(cap_told(&mut salon, Some(id)).await);
        }
    }
    assert_eq!(told, ["NONE", "FIRST_WARNING", "SECOND_WARNING", "CAPPED"]);
    assert_eq!(send_and_hear(&mut salon, &people[5]).await.as_deref(), Some("463"));
    assert_eq!(send_and_hear(&mut salon, &people[0]).await, None, "that chat isn't new");
    let cap = cap_of(&client).await;
    assert_eq!((cap.total_quota.as_deref(), cap.used_quota.as_deref()), (Some("5"), Some("5")));
    assert!(cap.cycle_end_timestamp > cap.cycle_start_timestamp);
    salon.stop().await;
    service.shutdown().await;
}
