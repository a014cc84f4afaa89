//! End-to-end encrypted messages, both ways.

use frontdesk_sandbox::whatsapp::Direction;
use whatsapp_rust::download::MediaType;
use whatsapp_rust::types::events::Event;
use whatsapp_rust::wacore::store::traits::{ProtocolStore as _, SignalStore as _};
use whatsapp_rust::wacore::types::jid::JidExt as _;
use whatsapp_rust::{Jid, UploadOptions};

use crate::client::{Salon, service, until};
use crate::{GUEST, SALON};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_arrive_both_ways() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    for text in ["Добрый день", "second"] {
        let id = service.send(GUEST, SALON, text).await.unwrap();
        assert_eq!(salon.text().await, text);
        let sent = service.messages(GUEST);
        assert!(sent.iter().any(|message| message.id == id && message.direction == Direction::Out));
    }
    for text in ["answer", "another"] {
        let id = salon.send(GUEST, text).await;
        let received = until("received", || {
            let messages = service.messages(GUEST);
            messages.into_iter().find(|message| message.id == id)
        })
        .await;
        assert_eq!((received.text.as_str(), received.from.as_str()), (text, SALON));
        assert_eq!(received.direction, Direction::In);
        until("copied to the own phone", || {
            let messages = service.messages(SALON);
            messages.into_iter().find(|message| message.id == id && message.to == GUEST)
        })
        .await;
    }
    let stats = service.stats();
    assert_eq!(stats.undecryptable, 0);
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sender_learns_that_a_text_was_delivered() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    let id = salon.send(GUEST, "hello").await;
    salon
        .wait_for("receipt", |event| match event {
            Event::Receipt(receipt) => receipt.message_ids.contains(&id).then_some(()),
            _ => None,
        })
        .await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_salons_write_to_each_other() {
    let service = service().await;
    let (mut one, _) = Salon::paired(&service, SALON).await;
    let (mut other, _) = Salon::paired(&service, GUEST).await;
    one.send(GUEST, "from one").await;
    assert_eq!(other.text().await, "from one");
    other.send(SALON, "from the other").await;
    assert_eq!(one.text().await, "from the other");
    one.stop().await;
    other.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_while_away_is_delivered_at_the_next_login() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (salon, device) = Salon::paired(&service, SALON).await;
    salon.stop().await;
    until("offline", || (service.stats().links == 0).then_some(())).await;
    for text in ["one", "two", "three"] {
        service.send(GUEST, SALON, text).await.unwrap();
    }
    let mut again = Salon::start(&service, &device).await;
    let mut texts = Vec::new();
    while texts.len() < 3 {
        again
            .wait_for("messages", |event| match event {
                Event::Messages(batch) => {
                    let found = batch.messages.iter().filter_map(|inbound| inbound.message.conversation.clone());
                    texts.extend(found);
                    Some(())
                }
                _ => None,
            })
            .await;
    }
    assert_eq!(texts, ["one", "two", "three"]);
    again.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_knows_who_has_an_account() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (salon, _) = Salon::paired(&service, SALON).await;
    let asked = [Jid::pn(GUEST), Jid::pn("79009999999")];
    let client = salon.client();
    let known = client.contacts().is_on_whatsapp(&asked).await.unwrap();
    let registered: Vec<bool> = known.iter().map(|contact| contact.is_registered).collect();
    assert_eq!(registered, [true, false]);
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_lost_its_session_gets_the_text_again() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (mut salon, device) = Salon::paired(&service, SALON).await;
    service.send(GUEST, SALON, "first").await.unwrap();
    assert_eq!(salon.text().await, "first");
    let id = salon.send(GUEST, "the session stands").await;
    until("received", || service.messages(GUEST).into_iter().find(|message| message.id == id)).await;
    salon.stop().await;
    for mapping in device.get_all_lid_mappings().await.unwrap() {
        for jid in [Jid::pn(mapping.phone_number), Jid::lid(mapping.lid)] {
            device.delete_session(&jid.to_protocol_address_string()).await.unwrap();
        }
    }
    service.send(GUEST, SALON, "second").await.unwrap();
    let mut again = Salon::start(&service, &device).await;
    assert_eq!(again.text().await, "second");
    again.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_goes_up_and_comes_down() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (salon, _) = Salon::paired(&service, SALON).await;
    let client = salon.client();
    let picture = vec![7; 50_000];
    let uploaded = client.upload(picture.clone(), MediaType::Image, UploadOptions::default()).await.unwrap();
    let message = whatsapp_rust::media::image_message(uploaded, Default::default());
    let fetched = client.download(&*message.image_message).await.unwrap();
    assert_eq!(fetched, picture);
    client.send_message(Jid::pn(GUEST), message).await.unwrap();
    until("received", || service.messages(GUEST).into_iter().find(|message| message.text == "[image]")).await;
    salon.stop().await;
    service.shutdown().await;
}
