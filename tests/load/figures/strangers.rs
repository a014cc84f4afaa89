//! Ten thousand connections that say nothing, or one letter a second: memory stays flat, they are closed, and others are answered meanwhile.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::plan::Plan;
use crate::process::{descriptors, memory, settled_memory};
use crate::report::{Row, Sample, Target, quantile};
use crate::stage::Stage;

/// Fewer than the listener's queue has room for.
const CONNECTING_AT_ONCE: usize = 256;

/// Between two letters of a slow one.
const LETTER_EVERY: Duration = Duration::from_secs(1);

/// Between two questions of somebody who behaves, and two looks at the memory.
const ASK_EVERY: Duration = Duration::from_millis(25);

/// Memory may grow by this part in the last visit, in percent.
const FLAT: f64 = 5.0;

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let mut stage = Stage::open().await;
    let quiet = watch(&stage, plan.staying * 2, async {
        sleep(plan.staying).await;
        Ok(0)
    })
    .await?;
    let before = settled_memory(stage.pid(), plan.still).await?;
    let (mut visits, mut after) = (Vec::new(), Vec::new());
    for _ in 0..plan.visits_of_strangers {
        visits.push(visit(&stage, plan).await?);
        after.push(settled_memory(stage.pid(), plan.still).await? as f64 / 1024.0);
    }
    stage.stop().await;
    Ok(rows(plan, before, &quiet, &visits, &after))
}

/// What somebody who behaves saw, and what the process took at most.
struct Seen {
    took_ms: Vec<f64>,
    peak_kib: u64,
    /// Strangers the server had not closed at the end.
    open: usize,
}

fn rows(plan: &Plan, before: u64, quiet: &Seen, visits: &[Seen], after: &[f64]) -> Vec<Row> {
    let what = |part: &str| format!("{} strangers for {:?}: {part}", plan.strangers, plan.staying);
    let of = |value: fn(&Seen) -> f64| Sample::of(visits.iter().map(value));
    let each = visits.iter().map(|seen| (seen.peak_kib as f64 - before as f64) / plan.strangers as f64);
    // The allocator keeps what the first visits took and gives it to the next: only what comes on top of that is a leak.
    let (last_but_one, last) = (after[after.len() - 2], after[after.len() - 1]);
    let growth = format!("memory after {} visits over that after {}: growth", visits.len(), visits.len() - 1);
    let health = |seen: &Seen| quantile(&seen.took_ms, 0.99);
    vec![
        Row::new(what("memory per connection, at most"), "KiB", Sample::of(each)),
        Row::new(growth, "%", Sample::of([(last / last_but_one - 1.0) * 100.0])).target(Target::AtMost(FLAT)),
        Row::new("memory after each visit", "MiB", Sample::of(after.iter().copied()))
            .beside("before the first", Sample::of([before as f64 / 1024.0])),
        Row::new(what("not closed by then"), "", of(|seen| seen.open as f64)).target(Target::AtMost(0.0)),
        Row::new(what("/health meanwhile, p99"), "ms", Sample::of(visits.iter().map(health)))
            .beside("without them", Sample::of([health(quiet)])),
    ]
}

async fn visit(stage: &Stage, plan: &Plan) -> Result<Seen> {
    let stay = async {
        let before = descriptors(stage.pid())?;
        let mut guests = connect(stage.port, plan.strangers).await?;
        let until = Instant::now() + plan.staying;
        // Those the server closes end by themselves.
        while timeout(until.saturating_duration_since(Instant::now()), guests.join_next()).await.is_ok_and(|ended| ended.is_some()) {}
        // The server's own count: a guest whose handshake the kernel gave up half-way doesn't know that it is alone.
        Ok(descriptors(stage.pid())?.saturating_sub(before))
    };
    watch(stage, plan.staying * 3, stay).await
}

/// One task for each; dropping the set hangs up.
async fn connect(port: u16, count: usize) -> Result<JoinSet<()>> {
    let sockets = stream::iter(0..count).map(async |_| TcpStream::connect(("127.0.0.1", port)).await);
    let sockets: Vec<TcpStream> = sockets.buffer_unordered(CONNECTING_AT_ONCE).try_collect().await?;
    let mut guests = JoinSet::new();
    for (place, socket) in sockets.into_iter().enumerate() {
        if place % 2 == 0 {
            guests.spawn(say_nothing(socket));
        } else {
            guests.spawn(say_it_slowly(socket));
        }
    }
    Ok(guests)
}

async fn say_nothing(mut socket: TcpStream) {
    while socket.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {}
}

async fn say_it_slowly(mut socket: TcpStream) {
    let head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Story: ";
    let mut letters = interval(LETTER_EVERY);
    letters.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if socket.write_all(head).await.is_err() {
        return;
    }
    let mut answer = [0; 512];
    loop {
        tokio::select! {
            _ = letters.tick() => if socket.write_all(b"a").await.is_err() { return },
            read = socket.read(&mut answer) => if !read.is_ok_and(|bytes| bytes > 0) { return },
        }
    }
}

/// Asks for `/health` over a connection that was there before, and looks at the memory, until `meanwhile` has ended.
async fn watch(stage: &Stage, patience: Duration, meanwhile: impl Future<Output = Result<usize>>) -> Result<Seen> {
    let mut connection = TcpStream::connect(("127.0.0.1", stage.port)).await?;
    ask(&mut connection).await?;
    let (mut took_ms, mut peak_kib) = (Vec::new(), 0);
    let asking = async {
        let mut pace = interval(ASK_EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            match ask(&mut connection).await {
                Ok(took) => took_ms.push(took),
                Err(error) => return error,
            }
            match memory(stage.pid()) {
                Ok(kib) => peak_kib = peak_kib.max(kib),
                Err(error) => return error,
            }
        }
    };
    let open = tokio::select! {
        failed = asking => return Err(failed.context("asking for /health")),
        open = timeout(patience, meanwhile) => open??,
    };
    Ok(Seen { took_ms, peak_kib, open })
}

/// Milliseconds until `/health` was answered. By hand, because a client with a pool would open further connections, and all places are taken.
async fn ask(connection: &mut TcpStream) -> Result<f64> {
    let began = Instant::now();
    connection.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    // The body is one JSON object without objects in it.
    while !answer.ends_with(b"}") {
        ensure!(connection.read_buf(&mut answer).await? > 0, "the server closed the connection");
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "it is answered {}", String::from_utf8_lossy(&answer));
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}
