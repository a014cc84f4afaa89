//! The log of a whole run: one line per event, requests that can be followed, and nothing that should not be in it.

use serde_json::{Value, json};

use crate::support::stage::{Stage, eventually};

const SALON: u64 = 500_001;
const PHONE: &str = "79001110001";
const PARTNER_TOKEN: &str = "sandbox-partner-token-not-a-secret";

async fn stage_at(level: &str) -> Stage {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_LOG_LEVEL", level);
    stage.set("JWT_SECRET", "a secret of this test, which must not be in the log at all");
    stage.start().await;
    stage
}

/// Every line as JSON: one that isn't is an event on several lines, or no event at all.
fn lines(stage: &Stage) -> Vec<Value> {
    stage.log().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}

/// Requests with secrets in every place that a request has, all refused.
async fn knock(stage: &Stage, secret: &str) {
    for path in [format!("/marketplace/onboarding?token={secret}"), format!("/{secret}"), format!("/marketplace/qr/{secret}")] {
        let _ = stage.http.get(stage.url(&path)).header("x-auth-token", secret).bearer_auth(secret).send().await.expect("an answer");
    }
    let data = format!("/webhook/yclients/data/{SALON}/{secret}");
    for path in ["/webhook/yclients", "/marketplace/activate", "/marketplace/callback", &data] {
        let body = json!({"partner_token": secret, "token": secret, "api_key": secret, "salon_id": SALON, "event": "uninstall", "data": {"phone": secret}});
        let _ = stage.http.post(stage.url(path)).json(&body).send().await.expect("an answer");
    }
}

#[tokio::test]
async fn a_whole_run_at_the_finest_level_tells_no_secret_and_no_number() {
    let mut stage = stage_at("trace").await;
    let token = stage.connect(SALON, PHONE).await;
    stage.phone("79001110009").await;
    stage.control("POST", "/control/phones/79001110009/send", json!({"to": PHONE, "text": "a private message"})).await;
    knock(&stage, "S3cretThatIsGuessed").await;
    let refuse = json!({"service": "whatsapp", "target": PHONE, "fault": "drop"});
    stage.control("POST", "/control/faults", refuse).await;
    stage.status_when(SALON, &token, |status| status["connected"] == true).await;
    stage.control("POST", &format!("/control/phones/{PHONE}/unlink"), json!({})).await;
    stage.status_when(SALON, &token, |status| status["state"] == "LoggedOut").await;
    let qr = stage.qr(&token).await;
    stage.control("POST", &format!("/control/salons/{SALON}/uninstall"), json!({})).await;
    eventually("the uninstall is logged or done", async || stage.status(SALON, &token).await["connected"] == false).await;
    assert_eq!(stage.stop().await, Some(0));

    let log = stage.log();
    assert!(lines(&stage).len() > 50, "the finest level says much:\n{log}");
    let qr_parts = qr.split(',').filter(|part| part.len() > 20);
    let secrets =
        [token.as_str(), PARTNER_TOKEN, PHONE, "79001110009", "S3cretThatIsGuessed", "a secret of this test", "a private message"];
    for secret in secrets.into_iter().chain(qr_parts) {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in {line:?}");
    }
    let number = log.lines().find(|line| has_a_phone_number(line));
    assert!(number.is_none(), "a phone number is in {number:?}");
}

/// Eleven digits that begin as Russian numbers do, with nothing of a number or an id around them.
fn has_a_phone_number(line: &str) -> bool {
    let words = line.split(|letter: char| !letter.is_ascii_alphanumeric());
    words
        .filter(|word| word.len() == 11 && word.bytes().all(|byte| byte.is_ascii_digit()))
        .any(|word| word.starts_with("79") || word.starts_with("89"))
}

#[tokio::test]
async fn a_request_can_be_followed_through_all_rooms_by_its_id() {
    let stage = stage_at("trace").await;
    stage.salon(SALON, "Салон").await;
    let redirect = stage.press_connect(SALON).await;
    let answer = stage.http.get(redirect).header("x-request-id", "followed-1").send().await.expect("an answer");
    assert_eq!(answer.headers()["x-request-id"], "followed-1");
    let rooms = ["frontdesk::http", "frontdesk::yclients", "frontdesk_actors::company", "frontdesk::store"];
    for room in rooms {
        let seen =
            |line: &Value| line["request.id"] == "followed-1" && line["target"].as_str().is_some_and(|target| target.starts_with(room));
        eventually(&format!("a line of {room} with the request's id"), async || lines(&stage).iter().any(seen)).await;
    }
    let lines = lines(&stage);
    for line in &lines {
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "no {field} in {line}");
        }
    }
    let answered = lines.iter().find(|line| line["request.id"] == "followed-1" && line["message"] == "request answered").expect("its line");
    assert_eq!((&answered["http.route"], &answered["http.method"]), (&json!("/auth/yclients/redirect"), &json!("GET")));
}

#[tokio::test]
async fn the_level_is_changed_while_the_server_runs_and_falls_back_by_itself() {
    let stage = stage_at("info").await;
    let url = format!("http://127.0.0.1:{}/loglevel", stage.ops_port);
    let debug_lines = || lines(&stage).iter().filter(|line| line["level"] == "DEBUG").count();
    let knock = async || drop(stage.http.get(stage.url("/health")).send().await.expect("an answer"));
    knock().await;
    assert_eq!(debug_lines(), 0);

    let foreign = stage.http.put(&url).header("origin", "http://evil.example").body("debug").send().await.expect("an answer");
    assert_eq!(foreign.status().as_u16(), 403, "a page in a browser can't");
    let wrong = stage.http.put(&url).body("loud!").send().await.expect("an answer");
    assert_eq!(wrong.status().as_u16(), 400);

    let answer: Value = stage.http.put(format!("{url}?for=3s")).body("debug").send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&answer["success"], &answer["level"]), (&json!(true), &json!("debug")));
    knock().await;
    eventually("a line at debug", async || debug_lines() > 0).await;
    let present = async || stage.http.get(&url).send().await.expect("an answer").json::<Value>().await.expect("JSON");
    eventually("it falls back", async || present().await["level"] == "info").await;
    let before = debug_lines();
    knock().await; // its line would be written before the answer
    assert_eq!(debug_lines(), before);
}
