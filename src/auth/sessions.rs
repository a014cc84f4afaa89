//! Sessions of the console: opened with an operator's key, held in memory, gone with the process. What a browser sends by itself (the cookie) is
//! never enough to change anything: the page adds a second value that other sites can't read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::operators::{Operator, Operators};

/// Name of the cookie. Over HTTPS browsers then refuse it from anything but this host.
pub const SECURE_COOKIE: &str = "__Host-frontdesk_console";
/// The same without HTTPS, where browsers take no such name.
pub const PLAIN_COOKIE: &str = "frontdesk_console";

/// A session ends this long after its log-in, whatever is done with it: a working day.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Sessions at once; then the oldest goes.
const MAX_SESSIONS: usize = 1_000;

/// Sessions of one key at once, for it logs in as often as it likes; then its own oldest goes, and nobody else's.
const MAX_PER_KEY: usize = 20;

/// Longer cookies are not ours.
const MAX_ID_BYTES: usize = 128;

/// The session's id in the cookies of a request, under the one name this server sets: a page of a sibling host could plant the other one.
/// Two of them are none.
pub fn session_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(found, _)| *found == name).map(|(_, id)| id);
    let id = found.next()?;
    found.next().is_none().then_some(id)
}

/// What a log-in gives to the browser.
pub struct Opened {
    /// For the cookie.
    pub id: SecretString,
    /// For the page.
    pub csrf: SecretString,
}

/// Who is logged in, and what the page must add to change anything.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who.
    pub operator: Operator,
    csrf: SecretString,
    began: Instant,
}

impl Session {
    /// The value for the page.
    pub fn csrf(&self) -> &str {
        self.csrf.expose_secret()
    }

    /// Is this the page's value? Constant time.
    pub fn is_csrf(&self, text: &str) -> bool {
        self.csrf().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

/// Of `limit` sessions that `count`, the oldest goes.
fn make_room(book: &mut HashMap<[u8; 32], Session>, limit: usize, counts: impl Fn(&Session) -> bool) {
    let counted = || book.iter().filter(|(_, session)| counts(session));
    if counted().count() >= limit
        && let Some(oldest) = counted().min_by_key(|(_, session)| session.began).map(|(place, _)| *place)
    {
        book.remove(&oldest);
    }
}

/// All sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    operators: Operators,
    book: Arc<watch::Sender<HashMap<[u8; 32], Session>>>,
}

fn place(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

fn fresh() -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

impl Sessions {
    /// None yet.
    pub fn new(operators: Operators) -> Self {
        Self { operators, book: Arc::new(watch::Sender::new(HashMap::new())) }
    }

    /// A session for this operator.
    pub fn open(&self, operator: Operator) -> Opened {
        let opened = Opened { id: fresh(), csrf: fresh() };
        let session = Session { operator, csrf: opened.csrf.clone(), began: Instant::now() };
        self.book.send_modify(|book| {
            book.retain(|_, session| session.began.elapsed() < SESSION_LIFETIME);
            make_room(book, MAX_PER_KEY, |other| other.operator.key == session.operator.key);
            make_room(book, MAX_SESSIONS, |_| true);
            book.insert(place(opened.id.expose_secret()), session);
        });
        opened
    }

    /// The session of this cookie, while its key is good.
    pub fn find(&self, id: &str) -> Option<Session> {
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return None;
        }
        let session = self.book.borrow().get(&place(id)).cloned()?;
        let alive = session.began.elapsed() < SESSION_LIFETIME && self.operators.still_good(&session.operator);
        alive.then_some(session)
    }

    /// Ends the session of this cookie. Harmless when there is none.
    pub fn close(&self, id: &str) {
        self.book.send_modify(|book| {
            book.remove(&place(id));
        });
    }
}

#[cfg(test)]
mod tests {
    use frontdesk_actors::testing::MemoryOperators;

    use super::*;
    use crate::auth::testing::{audit, key};

    async fn stage() -> (Operators, Sessions, Operator) {
        let operators = Operators::open(Arc::new(MemoryOperators::new()), None).await.unwrap();
        let (_, operator) = key(&operators).await;
        let sessions = Sessions::new(operators.clone());
        (operators, sessions, operator)
    }

    #[tokio::test]
    async fn a_session_is_found_by_its_cookie_only_and_ends_with_a_log_out() {
        let (_, sessions, operator) = stage().await;
        let opened = sessions.open(operator.clone());
        let found = sessions.find(opened.id.expose_secret()).unwrap();
        assert!(found.is_csrf(opened.csrf.expose_secret()) && !found.is_csrf("") && !found.is_csrf(opened.id.expose_secret()));
        assert_eq!(found.operator, operator);
        for wrong in ["", "x", opened.csrf.expose_secret()] {
            assert!(sessions.find(wrong).is_none());
        }
        sessions.close(opened.id.expose_secret());
        assert!(sessions.find(opened.id.expose_secret()).is_none());
    }

    #[tokio::test]
    async fn a_session_does_not_outlive_its_key() {
        let (operators, sessions, operator) = stage().await;
        let opened = sessions.open(operator.clone());
        operators.revoke(operator.key.unwrap(), audit("key.revoke")).await.unwrap();
        assert!(sessions.find(opened.id.expose_secret()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_logs_in_for_ever_throws_out_its_own_sessions_only() {
        let (operators, sessions, operator) = stage().await;
        let (_, other) = key(&operators).await;
        let (bystander, first) = (sessions.open(other), sessions.open(operator.clone()));
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..MAX_SESSIONS {
            sessions.open(operator.clone());
        }
        assert!(sessions.find(first.id.expose_secret()).is_none(), "the oldest made room");
        assert!(sessions.find(bystander.id.expose_secret()).is_some());
        assert_eq!(sessions.book.borrow().len(), MAX_PER_KEY + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_a_working_day_and_their_number_is_bounded() {
        let (operators, sessions, operator) = stage().await;
        for _ in 0..=MAX_SESSIONS / MAX_PER_KEY {
            let (_, operator) = key(&operators).await;
            (0..MAX_PER_KEY).for_each(|_| drop(sessions.open(operator.clone())));
        }
        assert_eq!(sessions.book.borrow().len(), MAX_SESSIONS);
        let last = sessions.open(operator.clone());
        tokio::time::advance(SESSION_LIFETIME).await;
        assert!(sessions.find(last.id.expose_secret()).is_none());
    }
}
