//! The operators' namespace, frame by frame.

use frontdesk_actors::events::{Fact, FunnelStep};
use frontdesk_actors::ports::EventSink as _;
use frontdesk_actors::testing::MemoryOperators;
use secrecy::ExposeSecret as _;

use super::*;
use crate::auth::testing::key as operators_key;
use crate::auth::{Operators, PLAIN_COOKIE, SECURE_COOKIE, Sessions};
use crate::pulse::Pulse;
use crate::realtime::console::{self, ConsoleState};

/// A house with its operators' namespace open.
struct Console {
    house: House,
    operators: Operators,
    sessions: Sessions,
    pulse: Pulse,
    admission: Arc<Admission>,
}

impl Console {
    async fn open(per_ip_limits: bool) -> Self {
        let house = House::open().await;
        let records = Arc::new(MemoryOperators::new());
        let operators = Operators::open(records.clone(), None).await.unwrap();
        let (sessions, pulse) = (Sessions::new(operators.clone()), Pulse::open(&*records).await.unwrap());
        let seen = pulse.clone();
        let glance: console::Glance = Arc::new(move || {
            let shown: u32 = seen.day().iter().map(|slot| slot.qr_shown).sum();
            Box::pin(async move { Some(json!({"qr_shown": shown})) })
        });
        let admission = Arc::new(Admission::new(AdmissionSettings { per_ip_limits, ..AdmissionSettings::default() }));
        let state = ConsoleState {
            fleet: house.fleet.clone(),
            operators: operators.clone(),
            sessions: sessions.clone(),
            cookie: SECURE_COOKIE,
            pulse: pulse.clone(),
            admission: admission.clone(),
            origins: OriginPolicy::new(&"https://frontdesk.example".parse().unwrap(), OriginPolicy::yclients(), true),
            glance,
            observer: house.counts.clone(),
        };
        console::open(&house.io, state);
        Self { house, operators, sessions, pulse, admission }
    }

    /// A key, and a session's cookie opened with it.
    async fn operator(&self) -> (SecretString, String) {
        let (key, operator) = operators_key(&self.operators).await;
        let opened = self.sessions.open(operator);
        (key, format!("{SECURE_COOKIE}={}", opened.id.expose_secret()))
    }

    async fn join(&self, hello: Hello) -> Result<Client, String> {
        Client::join_in(console::NAMESPACE, self.house.address, hello).await
    }

    async fn refusal(&self, hello: Hello) -> String {
        self.join(hello).await.err().expect("refused")
    }
}

#[tokio::test]
async fn a_cookie_or_a_key_opens_the_operators_namespace_and_nothing_else_does() {
    let console = Console::open(false).await;
    let (key, cookie) = console.operator().await;
    let (_, page_token) = console.house.salon(1).await;
    console.join(Hello::default().header("cookie", cookie.clone())).await.unwrap();
    console.join(Hello::auth(key.expose_secret())).await.unwrap();
    assert_eq!(console.refusal(Hello::default()).await, "AUTH_REQUIRED");
    assert_eq!(console.refusal(Hello::auth(&page_token)).await, "AUTH_INVALID", "an owner's token opens nothing here");
    assert_eq!(console.refusal(Hello::default().header("cookie", format!("{SECURE_COOKIE}=x"))).await, "AUTH_EXPIRED");
    let owners = console.house.refusal(Hello::auth(key.expose_secret())).await;
    assert_eq!(owners, "AUTH_INVALID", "a key opens no owner's room");
}

#[tokio::test]
async fn a_cookie_opens_from_our_own_page_only_and_under_the_name_that_was_set() {
    let console = Console::open(false).await;
    let (key, cookie) = console.operator().await;
    let from = |origin: &str| Hello::default().header("cookie", cookie.clone()).header("origin", origin);
    for foreign in ["https://evil.example", "https://yclients.com"] {
        assert_eq!(console.refusal(from(foreign)).await, "ORIGIN_REFUSED", "{foreign}: a cookie alone is no word of our page");
    }
    console.join(from("https://frontdesk.example")).await.unwrap();
    console.join(Hello::auth(key.expose_secret()).header("origin", "https://yclients.com")).await.expect("a key is shown on purpose");
    let planted = cookie.replace(SECURE_COOKIE, PLAIN_COOKIE);
    assert_eq!(console.refusal(Hello::default().header("cookie", planted)).await, "AUTH_REQUIRED");
}

#[tokio::test]
async fn a_key_in_the_address_opens_nothing() {
    let console = Console::open(false).await;
    let (key, _) = console.operator().await;
    let in_query = Hello { query: format!("&token={}", key.expose_secret()), ..Hello::default() };
    assert_eq!(console.refusal(in_query).await, "AUTH_REQUIRED");
}

#[tokio::test]
async fn the_overview_comes_at_once_and_after_news() {
    let console = Console::open(false).await;
    let (key, _) = console.operator().await;
    let mut client = console.join(Hello::auth(key.expose_secret())).await.unwrap();
    client.hear("overview", |overview| overview["qr_shown"] == 0).await;
    let (company, _) = console.house.salon(1).await;
    console.pulse.publish(&Fact::FunnelStep { company: company.company_id(), step: FunnelStep::QrShown });
    client.hear("overview", |overview| overview["qr_shown"] == 1).await;
}

#[tokio::test]
async fn a_followed_company_is_told_and_no_other() {
    let console = Console::open(false).await;
    let (key, _) = console.operator().await;
    let (followed, _) = console.house.salon(1).await;
    let (other, _) = console.house.salon(2).await;
    let mut client = console.join(Hello::auth(key.expose_secret())).await.unwrap();
    client.say("follow", json!({"company_id": followed.company_id()})).await;
    let _other = other.attach().await.unwrap();
    // The wish travels beside us: whatever changes after it arrived is told.
    let mut viewers = Vec::new();
    let told = async {
        loop {
            viewers.push(followed.attach().await);
            let _ = followed.request_qr().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            viewers.clear();
            let _ = followed.stop().await;
        }
    };
    let heard = tokio::select! {
        heard = client.hear("company", |_| true) => heard,
        () = told => unreachable!("it goes on until it is heard"),
    };
    assert_eq!(heard["company_id"], followed.company_id().get());
}

#[tokio::test]
async fn guessing_keys_over_sockets_is_slow() {
    let console = Console::open(true).await;
    // Five sockets a minute come first.
    let mut refusals = Vec::new();
    for n in 0..7 {
        refusals.push(console.refusal(Hello::auth(&format!("sk_guess_{n}"))).await);
    }
    assert_eq!(refusals[..5], ["AUTH_INVALID"; 5]);
    assert_eq!(refusals[5..], ["RATE_LIMITED"; 2]);
}

#[tokio::test]
async fn a_flood_of_guesses_from_everywhere_keeps_no_right_key_out() {
    let console = Console::open(true).await;
    let (key, _) = console.operator().await;
    for n in 0..40_000_u128 {
        let _ = console.admission.guessed_key(std::net::Ipv6Addr::from_bits((0x2001_0db8 << 96) | (n << 64)).into());
    }
    assert_eq!(console.refusal(Hello::auth("sk_guess")).await, "RATE_LIMITED");
    console.join(Hello::auth(key.expose_secret())).await.expect("joined");
}

#[tokio::test]
async fn a_socket_is_counted_out_however_it_ends() {
    let console = Console::open(false).await;
    let (key, cookie) = console.operator().await;
    let gone = console.join(Hello::auth(key.expose_secret())).await.unwrap();
    let mut put_out = console.join(Hello::default().header("cookie", cookie.clone())).await.unwrap();
    wait_until("both are counted", || console.house.counts.opened.load(Ordering::SeqCst) == 2).await;
    drop(gone);
    console.house.until_closed(1).await;
    console.sessions.close(cookie.split_once('=').unwrap().1);
    while put_out.event().await.is_some() {}
    console.house.until_closed(2).await;
}

#[tokio::test]
async fn a_session_that_ends_closes_its_socket() {
    let console = Console::open(false).await;
    let (_, cookie) = console.operator().await;
    let mut client = console.join(Hello::default().header("cookie", cookie.clone())).await.unwrap();
    client.hear("overview", |_| true).await;
    let id = cookie.split_once('=').unwrap().1;
    console.sessions.close(id);
    let farewell = client.hear("error", |_| true).await;
    assert_eq!(farewell["code"], "AUTH_EXPIRED");
}
