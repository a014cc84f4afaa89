//! What a running server says of itself, and what the kernel says of it.

use super::stage::Stage;

/// All metrics at one moment.
pub struct Numbers(String);

impl Numbers {
    /// Asks the ops listener.
    pub async fn of(stage: &Stage) -> Self {
        let url = format!("http://127.0.0.1:{}/metrics", stage.ops_port);
        let answer = stage.http.get(url).send().await.expect("the ops listener answers");
        Self(answer.text().await.expect("text"))
    }

    /// The value of a series written as Prometheus shows it, `name{label="value"}`; 0 when it was never touched.
    pub fn get(&self, series: &str) -> f64 {
        let value = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Links that ended for this reason.
    pub fn ended(&self, reason: &str) -> f64 {
        self.get(&format!("frontdesk_links_ended_total{{reason=\"{reason}\"}}"))
    }

    /// Sessions in this state.
    pub fn sessions(&self, state: &str) -> f64 {
        self.get(&format!("frontdesk_sessions{{state=\"{state}\"}}"))
    }
}

/// Open file descriptors of a process.
pub fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs").count()
}

/// Resident memory of a process in MiB.
pub fn memory_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells VmRSS");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}
