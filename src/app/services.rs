//! `frontdesk sandbox`: the simulated services, and the server against them, in one process.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use frontdesk_sandbox::{Sandbox, SandboxConfig};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;

use super::{App, StartError, signals};
use crate::cli::SandboxArgs;
use crate::config::Config;

/// Environment of the server under `frontdesk sandbox`: what the flags say, over what the caller set.
pub(crate) fn sandbox_environment(args: &SandboxArgs, mut environment: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut preset = |name: &str, value: String| {
        environment.entry(name.to_owned()).or_insert(value);
    };
    preset("FRONTDESK_DATA_DIR", "data/sandbox".to_owned());
    preset("BASE_URL", args.server_url.clone());
    if let Some(port) = args.server_url.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse::<u16>().ok()) {
        preset("PORT", port.to_string());
    }
    preset("FRONTDESK_WHATSAPP_ENDPOINT", format!("ws://127.0.0.1:{}/ws/chat", args.whatsapp_port));
    preset("FRONTDESK_YCLIENTS_API_URL", format!("http://127.0.0.1:{}/api/v1", args.yclients_port));
    preset("FRONTDESK_YCLIENTS_MARKETPLACE_URL", format!("http://127.0.0.1:{}/marketplace", args.yclients_port));
    environment
}

/// Starts the services, then (unless told otherwise) the server, prints where to look, and runs until a signal.
pub(crate) async fn run_sandbox(args: &SandboxArgs, config: Config, recorder: PrometheusHandle) -> Result<(), StartError> {
    let grace = config.shutdown_grace;
    let sandbox = start_services(args, &config).await?;
    let result = if args.services_only {
        print_addresses(&sandbox, None);
        signals::first().await;
        Ok(())
    } else {
        let mut app = App::start(config, recorder).await?;
        print_addresses(&sandbox, Some(&app));
        let result = app.run_until_signal().await;
        signals::forced_by_second_signal(app.stop(grace)).await;
        result
    };
    sandbox.shutdown().await;
    result
}

async fn start_services(args: &SandboxArgs, config: &Config) -> Result<Sandbox, StartError> {
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let partner_token = config.yclients.partner_token.as_ref().map(|token| token.expose_secret().to_owned());
    let settings = SandboxConfig {
        whatsapp: loopback(args.whatsapp_port),
        yclients: loopback(args.yclients_port),
        control: loopback(args.control_port),
        server_url: args.server_url.trim_end_matches('/').to_owned(),
        partner_token: partner_token.unwrap_or_default(),
        application_id: config.yclients.application_id.unwrap_or_default(),
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::start(settings).await.map_err(|error| StartError::Sandbox(error.into()))?;
    if !args.empty {
        sandbox.seed_demo().map_err(|error| StartError::Sandbox(error.into()))?;
    }
    Ok(sandbox)
}

#[expect(clippy::print_stdout, reason = "where to look is this command's output")]
fn print_addresses(sandbox: &Sandbox, app: Option<&App>) {
    let services = sandbox.addresses();
    println!();
    println!("  Start here (salons, phones, faults)  {}/", services.control);
    if let Some(app) = app {
        println!("  Frontdesk                            http://{}/", app.address);
        println!("  Metrics                              http://{}/metrics", app.ops_address);
    }
    println!("  Simulated WhatsApp                   {}", services.whatsapp_ws);
    println!("  Simulated YClients                   {}", services.yclients);
    println!();
    println!("  Press Ctrl+C to stop.");
    println!();
}
