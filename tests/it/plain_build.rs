//! The server as it is shipped, without the feature `sandbox`, against the simulated service: it must refuse the certificate chain.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::stage::{Stage, eventually};

const SALON: u64 = 900_001;

/// `make test` builds it first and puts it here.
fn shipped_build() -> PathBuf {
    let sandbox_build = Path::new(env!("CARGO_BIN_EXE_frontdesk"));
    let target = sandbox_build.parent().and_then(Path::parent).expect("binaries are in <target>/<profile>");
    let plain = target.join("plain/frontdesk");
    assert!(plain.exists(), "{} is missing: `make test` builds it with tests/setup/build.sh plain", plain.display());
    plain
}

#[tokio::test]
async fn a_default_build_refuses_the_simulated_services_certificate_chain() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SERVER_MODE", "development");
    stage.spawn_binary(&shipped_build());
    stage.ready().await;
    stage.salon(SALON, "Салон").await;
    let token = stage.onboard(SALON).await;
    let asked = stage.http.post(stage.url("/marketplace/api/qr")).bearer_auth(&token);
    let (answer, ()) = tokio::join!(asked.send(), async {
        let refused = |status: &Value| status["state"] == "Backoff" && status["hasQR"] == false;
        stage.status_when(SALON, &token, refused).await;
    });
    assert_eq!(answer.expect("an answer").status().as_u16(), 503, "no code was shown");
    eventually("the log names the certificate chain", async || stage.log().contains("certificate chain")).await;
    let stats = stage.control("GET", "/control/stats", Value::Null).await;
    assert_eq!(stats["pairings"], 0, "{stats}");
}

#[tokio::test]
async fn a_default_build_refuses_the_sandbox_mode_before_it_binds_anything() {
    let mut stage = Stage::without_server().await;
    stage.spawn_binary(&shipped_build());
    assert_eq!(stage.ended().await, Some(64));
    assert!(stage.log().contains("--features sandbox"), "{}", stage.log());
}
