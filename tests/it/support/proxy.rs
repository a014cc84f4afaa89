//! Real proxies from Debian's packages, as children on loopback that can be killed and started again at the same port.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::stage::{eventually, free_port};

/// The login that every proxy here wants.
pub const USER: &str = "frontdesk";
pub const PASSWORD: &str = "only-for-this-test";

#[derive(Clone, Copy)]
pub enum Kind {
    Socks5,
    Http,
}

/// A running or stopped proxy.
pub struct Proxy {
    kind: Kind,
    port: u16,
    child: Option<Child>,
    folder: TempDir,
}

impl Proxy {
    /// Starts one that asks for the login.
    pub async fn start(kind: Kind) -> Self {
        let mut proxy = Self { kind, port: free_port(), child: None, folder: tempfile::tempdir().expect("a folder") };
        proxy.start_again().await;
        proxy
    }

    /// After [`Proxy::kill`], at the same port.
    pub async fn start_again(&mut self) {
        let mut command = match self.kind {
            Kind::Socks5 => self.microsocks(),
            Kind::Http => self.tinyproxy(),
        };
        let log = self.log_file();
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().expect("the proxy is installed: run tests/setup/proxies.sh"));
        let port = self.port;
        eventually("the proxy listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    }

    /// Ends it and every connection through it.
    pub async fn kill(&mut self) {
        self.child.take().expect("it runs").kill().await.expect("it can be killed");
    }

    /// Its address with this password.
    pub fn address(&self, password: &str) -> String {
        format!("{}{USER}:{password}@127.0.0.1:{}", self.scheme(), self.port)
    }

    /// Its address without a login.
    pub fn bare_address(&self) -> String {
        format!("{}127.0.0.1:{}", self.scheme(), self.port)
    }

    /// Connections that it opened to this port of ours.
    pub fn opened(&self, port: u16) -> usize {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let (socks5, http) = (format!("connected to 127.0.0.1:{port}"), format!("CONNECT 127.0.0.1:{port} "));
        log.lines().filter(|line| line.contains(&socks5) || line.contains(&http)).count()
    }

    fn scheme(&self) -> &'static str {
        match self.kind {
            Kind::Socks5 => "socks5://",
            Kind::Http => "http://",
        }
    }

    fn microsocks(&self) -> Command {
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &self.port.to_string(), "-u", USER, "-P", PASSWORD]);
        command
    }

    fn tinyproxy(&self) -> Command {
        let settings = self.folder.path().join("tinyproxy.conf");
        let text =
            format!("Listen 127.0.0.1\nPort {}\nTimeout 600\nMaxClients 50\nLogLevel Connect\nBasicAuth {USER} {PASSWORD}\n", self.port);
        fs::write(&settings, text).expect("the settings can be written");
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(settings);
        command
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("proxy.log")
    }

    fn log_file(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.log_path()).expect("a log file")
    }
}
