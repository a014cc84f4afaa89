//! Ten thousand connections that say nothing, or one letter a second: memory stays flat, they are closed, and others are answered meanwhile.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::plan::Plan;
use crate::process::{memory, settled_memory};
use crate::report::{Row, Sample, Target, quantile};
use crate::stage::Stage;

/// Fewer than the listener's queue has room for.
const CONNECTING_AT_ONCE: usize = 256;

/// Between two letters of a slow one.
const LETTER_EVERY: Duration = Duration::from_secs(1);

/// Between two questions of somebody who behaves, and two looks at the memory.
const ASK_EVERY: Duration = Duration::from_millis(25);

/// Memory may grow by this part from the first visit to the last.
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
    let (first, last) = (after[0], after[after.len() - 1]);
    let visits_words = format!("memory after {} visits over that after the first: growth", visits.len());
    let health = |seen: &Seen| quantile(&seen.took_ms, 0.99);
    vec![
        Row::new(what("memory per connection, at most"), "KiB", Sample::of(each)),
        Row::new(visits_words, "%", Sample::of([(last / first - 1.0) * 100.0])).target(Target::AtMost(FLAT)),
        Row::new("memory after each visit", "MiB", Sample::of(after.iter().copied()))
            .beside("before the first", Sample::of([before as f64 / 1024.0])),
        Row::new(what("not closed by then"), "", of(|seen| seen.open as f64)).target(Target::AtMost(0.0)),
        Row::new(what("/health meanwhile, p99"), "ms", Sample::of(visits.iter().map(health)))
            .beside("without them", Sample::of([health(quiet)])),
    ]
}

async fn visit(stage: &Stage, plan: &Plan) -> Result<Seen> {
    let stay = async {
        let mut guests = connect(stage.port, plan.strangers).await?;
        let until = Instant::now() + plan.staying;
        // Those the server closes end by themselves.
        while timeout(until.saturating_duration_since(Instant::now()), guests.join_next()).await.is_ok_and(|ended| ended.is_some()) {}
        Ok(guests.len())
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

/// Asks for `/health` over a connection that is kept, and looks at the memory, until `meanwhile` has ended.
async fn watch(stage: &Stage, patience: Duration, meanwhile: impl Future<Output = Result<usize>>) -> Result<Seen> {
    let (mut took_ms, mut peak_kib) = (Vec::new(), 0);
    let asking = async {
        let mut pace = interval(ASK_EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            match ask(stage).await {
                Ok((took, kib)) => {
                    took_ms.push(took);
                    peak_kib = peak_kib.max(kib);
                }
                Err(error) => return error,
            }
        }
    };
    let open = tokio::select! {
        failed = asking => return Err(failed),
        open = timeout(patience, meanwhile) => open??,
    };
    Ok(Seen { took_ms, peak_kib, open })
}

/// Milliseconds until `/health` was answered, and the memory then.
async fn ask(stage: &Stage) -> Result<(f64, u64)> {
    let began = Instant::now();
    let answer = stage.http.get(stage.url("/health")).send().await?;
    ensure!(answer.status().is_success(), "/health is answered {}", answer.status());
    answer.bytes().await?;
    Ok((began.elapsed().as_secs_f64() * 1000.0, memory(stage.pid())?))
}
