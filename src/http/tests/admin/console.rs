//! Sessions of the console.

use super::*;

impl Desk {
    /// A log-in: the cookie, and the page's word.
    async fn log_in(&self, key: &str) -> (String, String) {
        let answer = self.post_json("/console/login", &json!({"key": key})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        (cookie, answer.json()["operator"]["csrf_token"].as_str().unwrap().to_owned())
    }

    async fn with_cookie(&self, method: Method, path: &str, cookie: &str, csrf: Option<&str>) -> Answer {
        let request = with_header(request(method, path, Body::empty()), "cookie", cookie);
        self.send(match csrf {
            Some(word) => with_header(request, "x-csrf-token", word),
            None => request,
        })
        .await
    }
}

#[tokio::test]
async fn a_session_reads_with_its_cookie_and_changes_only_with_the_pages_word() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    let (cookie, csrf) = desk.log_in(&desk.key("operator").await).await;
    let present = desk.with_cookie(Method::GET, "/console/session", &cookie, None).await.json();
    assert_eq!((present["operator"]["name"].as_str(), present["operator"]["csrf_token"].as_str()), (Some("operator"), Some(csrf.as_str())));
    assert_eq!(desk.get("/console/session").await.json()["operator"], Value::Null);
    let me = desk.with_cookie(Method::GET, "/admin/api/v1/me", &cookie, None).await.json();
    assert_eq!((me["role"].as_str(), me["csrf_token"].as_str()), (Some("operator"), Some(csrf.as_str())));
    let stop = format!("/admin/api/v1/companies/{}/stop", company.company_id());
    for word in [None, Some(""), Some("wrong"), Some(cookie.as_str())] {
        desk.with_cookie(Method::POST, &stop, &cookie, word).await.is_error(403, "CSRF_REQUIRED", &[]);
    }
    assert_eq!(company.view().session.state, SessionState::Online);
    assert_eq!(desk.with_cookie(Method::POST, &stop, &cookie, Some(&csrf)).await.status, 200);
    desk.with_cookie(Method::GET, KEYS, &cookie, None).await.is_error(403, "ROLE_REQUIRED", &["role"]);
}

#[tokio::test]
async fn a_session_ends_with_a_log_out_and_with_its_key() {
    let desk = Desk::open().await;
    let (cookie, _) = desk.log_in(ADMIN_KEY).await;
    let out = desk.with_cookie(Method::POST, "/console/logout", &cookie, None).await;
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{:?}", out.headers);
    desk.with_cookie(Method::GET, "/admin/api/v1/me", &cookie, None).await.is_error(401, "AUTH_EXPIRED", &[]);
    let viewer = desk.key("viewer").await;
    let (cookie, _) = desk.log_in(&viewer).await;
    desk.delete_as("/admin/api/v1/keys/1", ADMIN_KEY).await;
    desk.with_cookie(Method::GET, "/admin/api/v1/me", &cookie, None).await.is_error(401, "AUTH_EXPIRED", &[]);
}

#[tokio::test]
async fn the_cookie_has_the_right_flags_and_two_of_them_open_nothing() {
    let settings = || HttpSettings { base_url: "https://desk.example".parse().unwrap(), per_ip_limits: false, ..HttpSettings::default() };
    for (secure, name) in [(true, "__Host-frontdesk_console="), (false, "frontdesk_console=")] {
        let desk = Desk::with(HttpSettings { secure_cookies: secure, ..settings() }).await;
        let answer = desk.post_json("/console/login", &json!({"key": ADMIN_KEY})).await;
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with(name) && cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), secure);
        let id = cookie.split(['=', ';']).nth(1).unwrap();
        assert!(!answer.text.contains(id), "scripts never see the cookie");
        // A sibling host can plant the plain name: only the name that was set counts.
        for (taken, sent) in [(true, name), (false, if secure { "frontdesk_console=" } else { "__Host-frontdesk_console=" })] {
            let me = desk.with_cookie(Method::GET, "/admin/api/v1/me", &format!("{sent}{id}"), None).await;
            assert_eq!(me.status == 200, taken, "{sent}: {}", me.text);
            let present = desk.with_cookie(Method::GET, "/console/session", &format!("{sent}{id}"), None).await.json();
            assert_eq!(present["operator"].is_object(), taken, "{sent}: {present}");
        }
    }
    let desk = Desk::open().await;
    let (cookie, _) = desk.log_in(ADMIN_KEY).await;
    let twice = format!("{cookie}; {cookie}");
    desk.with_cookie(Method::GET, "/admin/api/v1/me", &twice, None).await.is_error(401, "AUTH_REQUIRED", &[]);
}

#[tokio::test]
async fn another_site_can_neither_log_anybody_in_nor_out() {
    let desk = Desk::open().await;
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")] {
        for path in ["/console/login", "/console/logout"] {
            let request = with_header(json_request(path, json!({"key": ADMIN_KEY}).to_string()), name, value);
            desk.send(request).await.is_error(403, "ORIGIN_REFUSED", &[]);
        }
    }
}

#[tokio::test]
async fn guessing_at_the_log_in_locks_out() {
    let desk = Desk::with(HttpSettings::default()).await;
    for _ in 0..10 {
        desk.post_json("/console/login", &json!({"key": "guess"})).await.is_error(401, "AUTH_INVALID", &[]);
    }
    desk.post_json("/console/login", &json!({"key": ADMIN_KEY})).await.is_error(429, "LOCKED_OUT", &["retry_after"]);
}

#[tokio::test]
async fn the_console_and_its_scripts_are_served_and_its_bare_address_leads_there() {
    let desk = Desk::open().await;
    desk.get("/console/").await.is_page(200);
    assert_eq!(desk.get("/console").await.header("location"), "/console/");
    for asset in ["main.js", "words_ru.js", "words_en.js", "console.css"] {
        assert_eq!(desk.get(&format!("/assets/console/{asset}")).await.status, 200, "{asset}");
    }
}
