//! `frontdesk sandbox`: the simulated services, and the server against them, in one process.

use std::net::SocketAddr;

use frontdesk_sandbox::{Sandbox, SandboxConfig};
use secrecy::{ExposeSecret as _, SecretString};

use super::{App, Instruments, StartError, secrets, signals};
use crate::cli::SandboxArgs;
use crate::config::Config;

/// In the data folder, when nothing else is said.
const WORLD_FILE: &str = "sandbox/world.json";

/// Starts the services, then (unless told otherwise) the server, prints where to look, and runs until a signal.
pub(crate) async fn run_sandbox(args: &SandboxArgs, mut config: Config, instruments: Instruments) -> Result<(), StartError> {
    let grace = config.shutdown_grace;
    let sandbox = start_services(args, &config).await?;
    let result = if args.services_only {
        print_addresses(&sandbox, None);
        signals::first().await;
        Ok(())
    } else {
        point_at(&mut config, &sandbox).map_err(|error| StartError::Sandbox(error.into()))?;
        let asked_for = config.sandbox.server_url.clone();
        let (mut app, admin_key) = start_with_key(config, instruments).await?;
        if asked_for.ends_with(":0") {
            // Any free port was asked for; now it is known.
            sandbox.set_server_url(&format!("http://{}", app.address)).map_err(|error| StartError::Sandbox(error.into()))?;
        }
        print_addresses(&sandbox, Some((&app, &admin_key)));
        let result = app.run_until_signal().await;
        signals::forced_by_second_signal(app.stop(grace)).await;
        result
    };
    sandbox.shutdown().await;
    result
}

/// The server, and the key that opens its admin API: shown here, because everything in a sandbox is a toy.
async fn start_with_key(config: Config, instruments: Instruments) -> Result<(App, SecretString), StartError> {
    let settings = config.clone();
    let app = App::start(config, instruments).await?;
    let key = secrets::admin_key(&settings).map_err(StartError::Secret)?;
    Ok((app, key.expect("only production may have none, and that is no sandbox")))
}

/// The server in this process talks to the services of this process, wherever they listen.
fn point_at(config: &mut Config, sandbox: &Sandbox) -> Result<(), url::ParseError> {
    let services = sandbox.addresses();
    config.whatsapp_endpoint = Some(services.whatsapp_ws.parse()?);
    config.yclients.api_url = format!("{}/api/v1", services.yclients).parse()?;
    config.yclients.marketplace_url = format!("{}/marketplace", services.yclients).parse()?;
    Ok(())
}

async fn start_services(args: &SandboxArgs, config: &Config) -> Result<Sandbox, StartError> {
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let partner_token = config.yclients.partner_token.as_ref().map(|token| token.expose_secret().to_owned());
    // Alone, the services have no folder of their own: whoever starts them for a script expects an empty world.
    let beside_the_data = (!args.services_only).then(|| config.data_dir.join(WORLD_FILE));
    let settings = SandboxConfig {
        whatsapp: loopback(config.sandbox.whatsapp_port),
        yclients: loopback(config.sandbox.yclients_port),
        control: loopback(config.sandbox.control_port),
        server_url: config.sandbox.server_url.clone(),
        partner_token: partner_token.unwrap_or_default(),
        application_id: config.yclients.application_id.unwrap_or_default(),
        world_file: config.sandbox.world_file.clone().or(beside_the_data),
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::start(settings).await.map_err(|error| StartError::Sandbox(error.into()))?;
    if !args.empty {
        sandbox.seed_demo().map_err(|error| StartError::Sandbox(error.into()))?;
    }
    Ok(sandbox)
}

#[expect(clippy::print_stdout, reason = "where to look is this command's output")]
fn print_addresses(sandbox: &Sandbox, app: Option<(&App, &SecretString)>) {
    let services = sandbox.addresses();
    println!();
    println!("  Start here (salons, phones, faults)  {}/", services.control);
    if let Some((app, admin_key)) = app {
        println!("  Frontdesk                            http://{}/", app.address);
        println!("  Admin key                            {}", admin_key.expose_secret());
        println!("  Metrics                              http://{}/metrics", app.ops_address);
    }
    println!("  Simulated WhatsApp                   {}", services.whatsapp_ws);
    println!("  Simulated YClients                   {}", services.yclients);
    if app.is_none() {
        println!();
        println!("  Now start the server against them:   frontdesk serve --config config/sandbox.toml");
    }
    println!();
    println!("  Press Ctrl+C to stop.");
    println!();
}
