//! End-to-end encrypted messages, both ways.

use frontdesk_sandbox::whatsapp::Direction;
use whatsapp_rust::types::events::Event;

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
        assert!(
            sent.iter()
                .any(|message| message.id == id && message.direction == Direction::Out)
        );
    }
    for text in ["answer", "another"] {
        let id = salon.send(GUEST, text).await;
        let received = until("received", || {
            let messages = service.messages(GUEST);
            messages.into_iter().find(|message| message.id == id)
        })
        .await;
        assert_eq!(
            (received.text.as_str(), received.from.as_str()),
            (text, SALON)
        );
        assert_eq!(received.direction, Direction::In);
        until("copied to the own phone", || {
            let messages = service.messages(SALON);
            messages
                .into_iter()
                .find(|message| message.id == id && message.to == GUEST)
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
            Event::Receipt(receipt) => receipt
                .message_ids
                .iter()
                .any(|known| *known == id)
                .then_some(()),
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
                    let found = batch
                        .messages
                        .iter()
                        .filter_map(|inbound| inbound.message.conversation.clone());
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
    let asked = [
        whatsapp_rust::Jid::pn(GUEST),
        whatsapp_rust::Jid::pn("79009999999"),
    ];
    let client = salon.client();
    let known = client.contacts().is_on_whatsapp(&asked).await.unwrap();
    let registered: Vec<bool> = known.iter().map(|contact| contact.is_registered).collect();
    assert_eq!(registered, [true, false]);
    salon.stop().await;
    service.shutdown().await;
}
