//! The Containerfile, as far as it can be judged without an engine: what it copies is there, it runs as nobody, and its health check tells the truth.

use std::fs;

use serde_json::Value;
use tokio::process::Command;

use crate::support::prometheus::project;
use crate::support::stage::{Stage, free_port};

/// Instructions and their arguments, continued lines joined, comments left out.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(project().join("Containerfile")).expect("the Containerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let split = |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
    joined.lines().filter_map(split).collect()
}

fn of<'a>(instructions: &'a [(String, String)], word: &'a str) -> impl Iterator<Item = &'a str> {
    instructions.iter().filter(move |(instruction, _)| instruction == word).map(|(_, rest)| rest.as_str())
}

#[test]
fn it_copies_what_is_there_and_runs_as_nobody() {
    let instructions = instructions();
    assert_eq!(of(&instructions, "FROM").count(), 2, "one stage builds, one runs");
    assert_eq!(of(&instructions, "USER").last(), Some("10001:10001"));
    let copied = of(&instructions, "COPY").filter(|files| !files.starts_with("--from")).flat_map(|files| {
        let mut files: Vec<&str> = files.split_whitespace().collect();
        files.pop();
        files
    });
    for file in copied {
        assert!(project().join(file).exists(), "{file} is copied and not there");
    }
    let built = of(&instructions, "RUN").any(|run| run.contains("--locked") && run.contains("--profile dist") && !run.contains("sandbox"));
    assert!(built, "a release build without the sandbox");
    let build = format!("rust:{}.", env!("CARGO_PKG_RUST_VERSION").split('.').next().expect("a version"));
    assert!(of(&instructions, "FROM").any(|image| image.contains(&build)), "built by a compiler of ours");
}

/// The health check's command, run here against an ops listener at this port.
async fn healthy(port: u16) -> bool {
    let instructions = instructions();
    let check = of(&instructions, "HEALTHCHECK").next().expect("a health check");
    let (_, command) = check.split_once("CMD ").expect("a command");
    let words: Vec<String> = serde_json::from_str::<Value>(command).and_then(serde_json::from_value).expect("the command is a list");
    let words: Vec<String> = words.iter().map(|word| word.replace("9464", &port.to_string())).collect();
    Command::new(&words[0]).args(&words[1..]).output().await.expect("it runs").status.success()
}

#[tokio::test]
async fn its_health_check_tells_a_living_server_from_none() {
    let mut stage = Stage::open().await;
    assert!(healthy(stage.ops_port).await);
    stage.kill().await;
    assert!(!healthy(stage.ops_port).await && !healthy(free_port()).await);
}
