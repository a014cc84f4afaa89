//! The yardstick: the protocol client alone, with its own store in memory, against the same service, in a process of its own.

mod client;

use std::ops::Range;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use self::client::{Client, Device, PATIENCE, new_device};
use crate::options::{Bare, Task};
use crate::plan::Plan;
use crate::process::settled_memory;
use crate::stage::Stage;

/// The child as a whole.
const CHILD_PATIENCE: Duration = Duration::from_secs(300);

/// Clients that are paired at the same time, as with the server.
const AT_ONCE: usize = 8;

/// The children's phones; the server's have other numbers. A phone takes four devices, and each service sees at most one child that links.
const PHONES_FROM: u64 = 79_900_000_000;

/// Runs a task in a process of its own and returns its runs.
pub async fn child(plan: &Plan, stage: &Stage, task: Task) -> Result<Vec<f64>> {
    let runs = if task == Task::FirstQr { plan.visits } else { plan.runs };
    let name = clap::ValueEnum::to_possible_value(&task).context("every task has a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare", name.get_name()]);
    command.args(["--whatsapp", &stage.sandbox.whatsapp().local_addr().to_string()]);
    command.args(["--control", &stage.sandbox.control_url()]);
    command.args(["--few", &plan.few.to_string(), "--many", &plan.many.to_string(), "--runs", &runs.to_string()]);
    command.args(["--still-ms", &plan.still.as_millis().to_string()]);
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = timeout(CHILD_PATIENCE, command.output()).await.context("the bare client takes too long")??;
    ensure!(output.status.success(), "the bare client ended with {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The child: does its task and prints the runs.
pub async fn run(bare: &Bare) -> Result<()> {
    let runs = match bare.task {
        Task::FirstQr => first_qr(bare).await?,
        Task::Restore => restore(bare).await?,
        Task::LinkedMemory => linked_memory(bare).await?,
        Task::PendingMemory => pending_memory(bare).await?,
    };
    println!("{}", json!(runs));
    Ok(())
}

async fn first_qr(bare: &Bare) -> Result<Vec<f64>> {
    let mut took_ms = Vec::new();
    for _ in 0..=bare.runs {
        let began = Instant::now();
        let mut client = Client::start(bare.whatsapp, &new_device()).await?;
        client.qr().await?;
        took_ms.push(began.elapsed().as_secs_f64() * 1000.0);
        client.stop().await?;
    }
    took_ms.remove(0); // pays for what a process makes once
    Ok(took_ms)
}

async fn restore(bare: &Bare) -> Result<Vec<f64>> {
    let (mut clients, devices): (Vec<Client>, Vec<Device>) = linked(bare, 0..bare.many).await?.into_iter().unzip();
    let mut took_ms = Vec::new();
    for _ in 0..bare.runs {
        stop_all(clients).await?;
        let began = Instant::now();
        let starts = stream::iter(&devices).map(async |device| {
            let mut client = Client::start(bare.whatsapp, device).await?;
            client.connected().await?;
            anyhow::Ok(client)
        });
        clients = starts.buffer_unordered(bare.many).try_collect().await?;
        took_ms.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    stop_all(clients).await?;
    Ok(took_ms)
}

/// One run: the store goes with the process, so there is nothing to restart from.
async fn linked_memory(bare: &Bare) -> Result<Vec<f64>> {
    let few = linked(bare, 0..bare.few).await?;
    let at_few = own_memory(bare).await?;
    let many = linked(bare, bare.few..bare.many).await?;
    let at_many = own_memory(bare).await?;
    let (clients, devices): (Vec<Client>, Vec<Device>) = few.into_iter().chain(many).unzip();
    stop_all(clients).await?;
    drop(devices);
    Ok(vec![each(bare, at_few, at_many)])
}

async fn pending_memory(bare: &Bare) -> Result<Vec<f64>> {
    let few = pending(bare, bare.few).await?;
    let at_few = own_memory(bare).await?;
    let many = pending(bare, bare.many - bare.few).await?;
    let at_many = own_memory(bare).await?;
    stop_all(few.into_iter().chain(many).collect()).await?;
    Ok(vec![each(bare, at_few, at_many)])
}

async fn own_memory(bare: &Bare) -> Result<u64> {
    settled_memory(std::process::id(), Duration::from_millis(bare.still_ms)).await
}

fn each(bare: &Bare, at_few: u64, at_many: u64) -> f64 {
    (at_many as f64 - at_few as f64) / (bare.many - bare.few) as f64
}

async fn pending(bare: &Bare, count: usize) -> Result<Vec<Client>> {
    let starts = stream::iter(0..count).map(async |_| {
        let mut client = Client::start(bare.whatsapp, &new_device()).await?;
        client.qr().await?;
        anyhow::Ok(client)
    });
    starts.buffer_unordered(AT_ONCE).try_collect().await
}

async fn linked(bare: &Bare, which: Range<usize>) -> Result<Vec<(Client, Device)>> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let pairings = stream::iter(which).map(async |index| {
        let number = (PHONES_FROM + index as u64).to_string();
        control(&http, format!("{}/control/phones", bare.control), json!({"number": number})).await?;
        let device = new_device();
        let mut client = Client::start(bare.whatsapp, &device).await?;
        let qr = client.qr().await?;
        control(&http, format!("{}/control/phones/{number}/scan", bare.control), json!({"qr": qr})).await?;
        client.connected().await?;
        anyhow::Ok((client, device))
    });
    pairings.buffer_unordered(AT_ONCE).try_collect().await
}

async fn control(http: &reqwest::Client, url: String, body: Value) -> Result<()> {
    let answer = http.post(url).json(&body).send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "the control API answers {status}: {}", answer.text().await.unwrap_or_default());
    Ok(())
}

async fn stop_all(clients: Vec<Client>) -> Result<()> {
    let stops = stream::iter(clients.into_iter().map(Ok));
    stops.try_for_each_concurrent(AT_ONCE, Client::stop).await
}
