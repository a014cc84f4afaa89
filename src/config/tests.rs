use super::*;

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn the_embedded_defaults_are_valid_once_the_secret_is_given() {
    let config = Config::load(None, &environment(&[("JWT_SECRET", SECRET)])).expect("valid");
    assert_eq!(config.fleet, FleetSettings::default());
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.yclients.application_id, None);
}

#[test]
fn production_without_a_secret_or_with_a_short_one_does_not_start() {
    for secret in ["", "short", "changeme"] {
        let error = Config::load(None, &environment(&[("JWT_SECRET", secret)])).expect_err("refused");
        assert!(error.to_string().contains("auth.jwt_secret"), "{error}");
    }
}

#[test]
fn development_starts_without_a_secret() {
    let file = include_str!("../../config/development.toml");
    assert!(Config::load(Some(("development.toml", file)), &BTreeMap::new()).expect("valid").jwt_secret.is_none());
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[server]\nport = 4000\n[yclients]\napplication_id = 5\n";
    let config = Config::load(Some(("x.toml", file)), &environment(&[("JWT_SECRET", SECRET), ("PORT", "5000")])).expect("valid");
    assert_eq!(config.listen.port(), 5000);
    assert_eq!(config.yclients.application_id, Some(5));
}

#[test]
fn every_problem_is_told_at_once_with_its_key_and_no_secret_value() {
    let file = "[server]\nprot = 1\nlisten = \"here\"\nshutdown_grace = \"soon\"\n[nonsense]\nkey = 1\n";
    let settings = environment(&[
        ("YCLIENTS_PARTNER_TOKEN", "top secret token"),
        ("FRONTDESK_SERVER_PORTS", "1"),
        ("PORT", "many"),
        ("LOG_LEVEL", "loud=very=much"),
    ]);
    let text = Config::load(Some(("x.toml", file)), &settings).expect_err("refused").to_string();
    for part in [
        "`server.prot`",
        "server.listen",
        "server.shutdown_grace",
        "`nonsense.key`",
        "FRONTDESK_SERVER_PORTS",
        "server.port",
        "yclients.partner_token",
        "auth.jwt_secret",
        "log.level",
    ] {
        assert!(text.contains(part), "{part} missing in:\n{text}");
    }
    assert!(!text.contains("top secret"), "{text}");
}

#[test]
fn the_partner_token_never_travels_in_the_clear() {
    let settings = environment(&[("JWT_SECRET", SECRET), ("FRONTDESK_YCLIENTS_API_URL", "http://api.example.org/api/v1")]);
    let error = Config::load(None, &settings).expect_err("refused");
    assert!(error.to_string().contains("yclients.api_url"), "{error}");
}

#[test]
fn debug_output_of_a_configuration_holds_no_secret() {
    let settings = environment(&[("JWT_SECRET", SECRET), ("YCLIENTS_PARTNER_TOKEN", "partner-secret-1")]);
    let shown = format!("{:?}", Config::load(None, &settings).expect("valid"));
    assert!(!shown.contains(SECRET) && !shown.contains("partner-secret-1"), "{shown}");
}

#[cfg(feature = "sandbox")]
#[test]
fn the_sandbox_file_is_valid_in_a_sandbox_build_and_reaches_this_machine_only() {
    let file = include_str!("../../config/sandbox.toml");
    let config = Config::load(Some(("sandbox.toml", file)), &BTreeMap::new()).expect("valid");
    assert_eq!(config.mode, Mode::Sandbox);
    let elsewhere = environment(&[("FRONTDESK_YCLIENTS_API_URL", "https://api.yclients.com/api/v1")]);
    assert!(Config::load(Some(("sandbox.toml", file)), &elsewhere).is_err());
}

#[cfg(not(feature = "sandbox"))]
#[test]
fn a_default_build_refuses_the_sandbox_mode_in_words() {
    let file = include_str!("../../config/sandbox.toml");
    let error = Config::load(Some(("sandbox.toml", file)), &BTreeMap::new()).expect_err("refused");
    assert!(error.to_string().contains("--features sandbox"), "{error}");
}

#[test]
fn the_ports_of_the_sandbox_come_from_file_and_environment_and_follow_the_server() {
    let built_in = ("sandbox.toml", include_str!("../../config/sandbox.toml"));
    let file = ("own.toml", "[sandbox]\nwhatsapp_port = 1700\ncontrol_port = 1720\n[server]\nport = 4000\n");
    let settings =
        environment(&[("JWT_SECRET", SECRET), ("FRONTDESK_SERVER_MODE", "development"), ("FRONTDESK_SANDBOX_CONTROL_PORT", "2720")]);
    let config = Config::load([built_in, file], &settings).expect("valid");
    let ports = (config.sandbox.whatsapp_port, config.sandbox.yclients_port, config.sandbox.control_port);
    assert_eq!(ports, (1700, 7710, 2720));
    assert_eq!(config.sandbox.server_url, "http://127.0.0.1:4000");
    assert_eq!(config.base_url.as_str(), "http://127.0.0.1:4000/");
}

#[test]
fn an_admin_key_is_optional_and_never_short() {
    let load = |key: &str| Config::load(None, &environment(&[("JWT_SECRET", SECRET), ("ADMIN_API_KEY", key)]));
    assert!(load("").expect("valid").admin_key.is_none());
    assert!(load(SECRET).expect("valid").admin_key.is_some());
    for short in ["short", "0123456789 0123456789 0123456789", "changeme-changeme"] {
        let text = load(short).expect_err("refused").to_string();
        assert!(text.contains("auth.admin_key") && !text.contains(short), "{text}");
    }
}
