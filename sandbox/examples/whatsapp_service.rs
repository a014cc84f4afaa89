//! The simulated WhatsApp service alone, driven by lines on standard input; answers are JSON lines.
//!
//! ```text
//! cargo run -p frontdesk-sandbox --example whatsapp_service -- 127.0.0.1:7700
//! phone 79001234567
//! scan 79001234567 2@…,…,…,…,1
//! code 79001234567 ABCD-EFGH
//! send 79001234567 79007654321 Hello there
//! messages 79001234567
//! unlink 79001234567
//! fault 79001234567 {"fault":"stream_error","code":503}
//! clear
//! phones
//! stats
//! ```

use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;

use anyhow::Context as _;
use frontdesk_sandbox::whatsapp::{FaultTarget, Service, WhatsappFault};
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7700".to_owned());
    let listen: SocketAddr = listen.parse().context("the argument is an address such as 127.0.0.1:7700")?;
    let service = Service::start(listen).await?;
    say(&json!({ "listening": service.local_addr().to_string() }))?;
    let (sender, mut lines) = mpsc::channel(16);
    // Reading standard input can't be cancelled, so it isn't for the runtime's threads; it ends with the process.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        let answer = obey(&service, &line).await;
        say(&answer.unwrap_or_else(|error| json!({ "error": error.to_string() })))?;
    }
    service.shutdown().await;
    Ok(())
}

async fn obey(service: &Service, line: &str) -> anyhow::Result<Value> {
    let mut words = line.trim().splitn(3, ' ');
    let command = words.next().unwrap_or_default();
    let number = words.next().unwrap_or_default();
    let rest = words.next().unwrap_or_default();
    Ok(match command {
        "phone" => {
            service.add_phone(number)?;
            json!({ "number": number })
        }
        "scan" => json!(service.scan(number, rest).await?),
        "code" => json!(service.enter_code(number, rest).await?),
        "send" => {
            let (to, text) = rest.split_once(' ').context("send <from> <to> <text>")?;
            json!({ "id": service.send(number, to, text).await? })
        }
        "messages" => json!(service.messages(number)),
        "unlink" => {
            service.unlink(number).await?;
            json!({ "unlinked": number })
        }
        "fault" => {
            let fault: WhatsappFault = serde_json::from_str(rest)?;
            let target = match number {
                "*" => FaultTarget::All,
                number => FaultTarget::Number(number.to_owned()),
            };
            service.set_fault(target, fault).map_err(anyhow::Error::msg)?;
            json!({ "fault": fault })
        }
        "clear" => {
            service.clear_faults();
            json!({ "cleared": true })
        }
        "phones" => json!(service.phones()),
        "stats" => json!(service.stats()),
        _ => anyhow::bail!("unknown command"),
    })
}

fn say(value: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{value}")?;
    out.flush()
}
