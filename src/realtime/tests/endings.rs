//! How sockets end: with their token, with the server, and when nobody reads the farewell.

use super::*;

/// Packets the engine keeps for a client that does not fetch them.
const PLACES: usize = 128;

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let house = House::open().await;
    let (company, _) = house.salon(110).await;
    let dying = house.token(&company, TimeDelta::hours(1) - TimeDelta::seconds(2));
    let mut client = house.join(Hello::auth(&dying)).await.unwrap();
    client.hear("error", |error| error["code"] == "AUTH_EXPIRED").await;
    assert_eq!(client.event().await, None, "disconnected");
    house.until_closed(1).await;
}

/// A client over polling, which hears only what it fetches.
struct Poller {
    address: SocketAddr,
    session: String,
}

impl Poller {
    async fn join(address: SocketAddr, token: &str) -> Self {
        let session = format!("&sid={}", sid_in(&http(address, "GET", "", "", "").await));
        let poller = Self { address, session };
        poller.say(&[&format!("40/marketplace,{}", json!({"token": token}))]).await;
        assert!(poller.fetch().await.contains("40/marketplace,"));
        poller
    }

    async fn say(&self, packets: &[&str]) {
        let posted = http(self.address, "POST", &self.session, "", &packets.join("\u{1e}")).await;
        assert!(posted.starts_with("HTTP/1.1 200"), "{posted}");
    }

    async fn fetch(&self) -> String {
        http(self.address, "GET", &self.session, "", "").await
    }
}

#[tokio::test]
async fn a_client_that_reads_no_farewell_asks_for_nothing_after_its_tokens_end_and_is_put_out_when_it_reads() {
    let house = House::open().await;
    let (company, _) = house.salon(120).await;
    let client = Poller::join(house.address, &house.token(&company, TimeDelta::hours(1) - TimeDelta::seconds(4))).await;
    // Each is answered by an ack and an event.
    client.say(&[r#"42/marketplace,1["passkey-confirm"]"#; PLACES]).await;
    wait_until("the token has expired", || house.counts.ended.load(Ordering::SeqCst) == 1).await;
    client.say(&[r#"42/marketplace,2["request-pairing-code",{"phoneNumber":"+79161234567"}]"#]).await;
    assert_eq!(house.counts.closed.load(Ordering::SeqCst), 0, "the seat is taken as long as the socket is there");
    let waiting = client.fetch().await;
    assert!(waiting.contains("passkey-error") && !waiting.contains("AUTH_EXPIRED"), "there was no room for a farewell: {waiting}");
    while !client.fetch().await.contains("41/marketplace,") {}
    house.until_closed(1).await;
    assert!(company.view().session.pairing.is_none(), "{:?}", company.view().session);
}

#[tokio::test]
async fn closing_lets_every_socket_go() {
    let house = House::open().await;
    let (_, token) = house.salon(113).await;
    let mut client = house.join(Hello::auth(&token)).await.unwrap();
    close(&house.io, Duration::from_secs(5)).await;
    client.until_closed().await;
    house.until_closed(1).await;
}
