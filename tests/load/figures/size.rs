//! Size of the server as it is shipped: without the feature `sandbox`, stripped.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::report::{Row, Sample};

/// A copy is stripped; the given file stays as it is.
pub async fn measure(shipped: Option<&Path>) -> Result<Vec<Row>> {
    let Some(binary) = shipped else {
        eprintln!("  left out: --shipped names no binary (`make bench` builds one)");
        return Ok(Vec::new());
    };
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("frontdesk");
    std::fs::copy(binary, &copy).with_context(|| format!("copying {}", binary.display()))?;
    let stripped = Command::new("strip").arg(&copy).status().await.context("`strip` comes with the C compiler")?;
    ensure!(stripped.success(), "strip ended with {stripped}");
    let mib = std::fs::metadata(&copy)?.len() as f64 / (1024.0 * 1024.0);
    Ok(vec![Row::new("size of the shipped binary, stripped", "MiB", Sample::of([mib]))])
}
