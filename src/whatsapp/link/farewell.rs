//! The last thing a link does for a device that is to be removed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use whatsapp_rust::Client;

/// Logging out waits this long for a login in progress, because only a logged-in device can remove itself…
const LOGIN_LIMIT: Duration = Duration::from_secs(10);

/// …and this long in all; then the phone may still list the device, but nobody holds its keys any more.
const LOG_OUT_LIMIT: Duration = Duration::from_secs(25);

/// Removes this device at WhatsApp, as far as it can be reached.
pub(super) async fn log_out(client: &Arc<Client>) {
    let saying = async {
        if client.pn().is_some() {
            // Best effort: without a login, the local end is all there is.
            let _ = client.wait_for_connected(LOGIN_LIMIT).await;
        }
        client.logout().await;
    };
    if timeout(LOG_OUT_LIMIT, saying).await.is_err() {
        tracing::warn!("WhatsApp did not confirm the log-out in time; the phone may still list the device");
    }
}
