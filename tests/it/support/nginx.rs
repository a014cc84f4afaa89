//! A real nginx as a child, with the project's site in front of a stage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::prometheus::{program, project};
use super::stage::{eventually, free_port};

/// What the site needs around it: everything in one folder, one process that ends with the test.
const AROUND: &str = "\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events {}
http {
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include site.conf;
}
";

/// A running nginx.
pub struct Nginx {
    pub url: String,
    pub certificate: PathBuf,
    folder: TempDir,
    _child: Child,
}

impl Nginx {
    /// Starts one in front of a server that will listen at this port.
    pub async fn in_front_of(port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (secure, plain) = (free_port(), free_port());
        let certificate = make_certificate(folder.path()).await;
        fs::write(folder.path().join("site.conf"), site(folder.path(), port, secure, plain)).expect("a file");
        fs::write(folder.path().join("nginx.conf"), AROUND).expect("a file");
        let mut command = Command::new(program("nginx"));
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let child = command.spawn().expect("nginx is there: run tests/setup/observers.sh");
        eventually("nginx listens", async || TcpStream::connect(("127.0.0.1", secure)).await.is_ok()).await;
        Self { url: format!("https://127.0.0.1:{secure}"), certificate, folder, _child: child }
    }

    /// Everything nginx logged.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        read("frontdesk.access.log") + &read("frontdesk.error.log")
    }
}

/// The project's site with the addresses and files of a test. What can't be replaced is missed loudly: nginx would want port 443.
fn site(folder: &Path, port: u16, secure: u16, plain: u16) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    let text = fs::read_to_string(project().join("config/nginx.conf")).expect("the site");
    let ours = text.lines().filter(|line| !line.contains("listen [::]"));
    ours.collect::<Vec<_>>()
        .join("\n")
        .replace("server 127.0.0.1:3000;", &format!("server 127.0.0.1:{port};"))
        .replace("listen 80;", &format!("listen 127.0.0.1:{plain};"))
        .replace("listen 443 ssl http2;", &format!("listen 127.0.0.1:{secure} ssl http2;"))
        .replace("/etc/letsencrypt/live/desk.example.com/fullchain.pem", &path("certificate.pem"))
        .replace("/etc/letsencrypt/live/desk.example.com/privkey.pem", &path("key.pem"))
        .replace("/var/log/nginx/", &path(""))
}

async fn make_certificate(folder: &Path) -> PathBuf {
    let certificate = folder.join("certificate.pem");
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]);
    command.arg("-keyout").arg(folder.join("key.pem")).arg("-out").arg(&certificate);
    let made = command.stdout(Stdio::null()).stderr(Stdio::null()).status().await.expect("openssl is there");
    assert!(made.success(), "openssl makes a certificate");
    certificate
}
