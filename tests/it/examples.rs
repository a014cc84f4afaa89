//! The examples of docs/api.md, as they stand there, against a running server.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::stage::Stage;

/// The code after `<!-- tested: <language> -->`.
fn example(language: &str) -> &'static str {
    let text = include_str!("../../docs/api.md");
    let marked = text.split(&format!("<!-- tested: {language} -->\n```{language}\n")).nth(1).expect("the example is there");
    marked.split("\n```").next().expect("split yields one part")
}

async fn output(stage: &Stage, interpreter: &[&str], language: &str, key: &str) -> (bool, String) {
    let mut command = Command::new(interpreter[0]);
    command.args(&interpreter[1..]).env("DESK", stage.url("")).env("KEY", key).env("no_proxy", "127.0.0.1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("{} runs: {error}; tests/setup/languages.sh installs it", interpreter[0]));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(example(language).as_bytes()).await.expect("it reads its program");
    drop(stdin);
    let ended = child.wait_with_output().await.expect("its output is known");
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.status.success(), words(&ended.stdout) + &words(&ended.stderr))
}

#[tokio::test]
async fn examples_in_four_languages_print_the_salons_that_are_online() {
    let stage = Stage::open().await;
    stage.connect(9101, "79161239101").await;
    stage.salon(9102, "Салон без связи").await;
    stage.onboard(9102).await;
    let key = stage.admin_key().expect("the server made a key");
    let languages: [(&[&str], &str); 4] =
        [(&["bash", "-s"], "sh"), (&["node", "--input-type=module", "-"], "js"), (&["python3", "-"], "python"), (&["php"], "php")];
    for (interpreter, language) in languages {
        let (ok, printed) = output(&stage, interpreter, language, &key).await;
        assert!(ok, "{language}: {printed}");
        assert_eq!(printed.trim(), "9101 Салон 9101 +79161239101", "{language}");
        let (_, refused) = output(&stage, interpreter, language, "sk_wrong").await;
        assert!(language == "sh" || refused.contains("AUTH_INVALID"), "{language}: {refused}");
    }
}
