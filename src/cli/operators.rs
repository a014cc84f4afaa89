//! `frontdesk companies` and `frontdesk keys list|create|revoke`: the admin API of a running server, for a shell.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use super::{EXIT_CONFIG, EXIT_INTERNAL, EXIT_UNREACHABLE, data, fail};
use crate::app::chain;

/// Longest wait for an answer.
const WITHIN: Duration = Duration::from_secs(30);

/// Companies of one page; the most the server gives.
const PER_PAGE: usize = 200;

/// Names of the key in the environment, as the server knows them.
const KEY_NAMES: [&str; 2] = ["ADMIN_API_KEY", "FRONTDESK_AUTH_ADMIN_KEY"];

/// Which server, and with which key.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// Where the server is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    url: Url,
    /// File with an operator's key [default: ADMIN_API_KEY of the environment].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The server's JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct CompaniesArgs {
    /// Words that stand in the salon's name, number, phone, e-mail or address.
    #[arg(value_name = "WORDS")]
    search: Vec<String>,
    /// Only with this integration status, such as active.
    #[arg(long)]
    status: Option<String>,
    /// Only with a session in this state, such as Online.
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Keys of operators.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// List the operators' keys, revoked ones too.
    List(ServerArgs),
    /// Make a key. It is printed this once.
    ///
    /// Example: ADMIN_API_KEY=… frontdesk keys create 'Anna, front desk' --role viewer
    Create {
        /// Who or what holds it.
        name: String,
        /// What it may do.
        #[arg(long, default_value = "viewer")]
        role: Role,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Revoke a key, at once and for good.
    Revoke {
        /// Its number, as `keys list` shows it.
        key_id: u64,
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// What a key may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Role {
    /// Reads.
    Viewer,
    /// Reads, and acts on sessions and the inbox.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

pub(super) fn companies(args: &CompaniesArgs) -> ExitCode {
    ended(try_companies(args))
}

pub(super) fn keys(command: &KeyCommand) -> ExitCode {
    ended(try_keys(command))
}

fn ended(done: Result<(), ExitCode>) -> ExitCode {
    done.err().unwrap_or(ExitCode::SUCCESS)
}

fn try_companies(args: &CompaniesArgs) -> Result<(), ExitCode> {
    let server = Server::of(&args.server)?;
    let search = args.search.join(" ");
    let filters =
        [("search", Some(&search).filter(|text| !text.is_empty())), ("status", args.status.as_ref()), ("state", args.state.as_ref())];
    let filters: Vec<(&str, &String)> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let mut found: Vec<Value> = Vec::new();
    for page in 1.. {
        let place = [("page", page.to_string()), ("per_page", PER_PAGE.to_string())];
        let answer = server.ask(|client, root| client.get(format!("{root}/companies")).query(&filters).query(&place))?;
        found.extend(rows(&answer, "companies"));
        if answer["pages"].as_u64().unwrap_or(0) <= page {
            break;
        }
    }
    let columns = ["company_id", "salon_id", "integration_status", "state", "title"];
    show(&args.server, &json!({ "companies": found }), "companies", &columns);
    Ok(())
}

fn try_keys(command: &KeyCommand) -> Result<(), ExitCode> {
    let columns = ["key_id", "role", "active", "last_used_at", "name"];
    match command {
        KeyCommand::List(args) => {
            let answer = Server::of(args)?.ask(|client, root| client.get(format!("{root}/keys")))?;
            show(args, &answer, "keys", &columns);
        }
        KeyCommand::Create { name, role, server } => {
            let body = json!({ "name": name, "role": role.name() });
            let answer = Server::of(server)?.ask(|client, root| client.post(format!("{root}/keys")).json(&body))?;
            data::say("this is the key; it is shown this once:");
            show(server, &json!({ "created": [answer] }), "created", &["api_key"]);
        }
        KeyCommand::Revoke { key_id, server } => {
            let answer = Server::of(server)?.ask(|client, root| client.request(Method::DELETE, format!("{root}/keys/{key_id}")))?;
            show(server, &json!({ "keys": [answer["key"]] }), "keys", &columns);
        }
    }
    Ok(())
}

/// A way to one server.
struct Server {
    client: Client,
    root: String,
    key: String,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    fn of(args: &ServerArgs) -> Result<Self, ExitCode> {
        let key = key(args).map_err(|words| fail(EXIT_CONFIG, &words))?;
        let client = Client::builder().no_proxy().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| fail(EXIT_INTERNAL, &chain(&error)))?;
        let root = format!("{}/admin/api/v1", args.url.as_str().trim_end_matches('/'));
        Ok(Self { client, root, key, runtime: data::runtime()? })
    }

    /// The answer's JSON, or how the command ends.
    fn ask(&self, request: impl FnOnce(&Client, &str) -> RequestBuilder) -> Result<Value, ExitCode> {
        let request = request(&self.client, &self.root).bearer_auth(&self.key);
        let asked = self.runtime.block_on(async {
            let answer = request.send().await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.json::<Value>().await.unwrap_or_default()))
        });
        match asked {
            Ok((status, body)) if status.is_success() => Ok(body),
            Ok((status, body)) => {
                let words = body["error"].as_str().unwrap_or("is this the address of a frontdesk server?");
                Err(fail(EXIT_UNREACHABLE, &format!("the server answers {status}: {words}")))
            }
            Err(error) => {
                Err(fail(EXIT_UNREACHABLE, &format!("the server does not answer: {}; is it running, is --url right?", chain(&error))))
            }
        }
    }
}

/// Never an argument: everyone on the machine could read it there.
fn key(args: &ServerArgs) -> Result<String, String> {
    if let Some(file) = &args.key_file {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        return Ok(text.trim().to_owned());
    }
    let environment = super::environment();
    let found = KEY_NAMES.into_iter().find_map(|name| environment.get(name));
    found.cloned().ok_or_else(|| "an operator's key is needed: --key-file, or ADMIN_API_KEY in the environment".to_owned())
}

fn rows(answer: &Value, list: &str) -> Vec<Value> {
    answer[list].as_array().cloned().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "this command's result is its output")]
fn show(args: &ServerArgs, answer: &Value, list: &str, columns: &[&str]) {
    if args.json {
        println!("{answer}");
        return;
    }
    for line in table(&rows(answer, list), columns) {
        println!("{line}");
    }
}

/// Columns side by side, each as wide as its widest cell; a single one without a heading.
fn table(rows: &[Value], columns: &[&str]) -> Vec<String> {
    let cell = |row: &Value, column: &str| match &row[column] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut lines: Vec<Vec<String>> = Vec::new();
    if columns.len() > 1 {
        lines.push(columns.iter().map(|column| (*column).to_owned()).collect());
    }
    lines.extend(rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()));
    let width = |index: usize| lines.iter().map(|line| line[index].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let padded =
        |line: &Vec<String>| line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>().join("  ");
    lines.iter().map(|line| padded(line).trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_columns_under_each_other_and_a_single_column_no_heading() {
        let rows = [json!({"key_id": 1, "name": "Анна"}), json!({"key_id": 12, "name": null})];
        assert_eq!(table(&rows, &["key_id", "name"]), ["key_id  name", "1       Анна", "12      -"]);
        assert_eq!(table(&rows[..1], &["name"]), ["Анна"]);
    }
}
