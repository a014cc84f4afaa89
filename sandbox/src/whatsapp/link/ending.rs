//! How a link ends, and what a broken service may send before.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use super::{Command, Link, Step};
use crate::whatsapp::wire::Wire;

/// After the last word the client closes; this long it may take.
const LINGER: Duration = Duration::from_secs(2);
/// A frozen link ends by itself after this.
const FREEZE_LIMIT: Duration = Duration::from_secs(600);

/// What a damaged connection or a broken service may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// A frame that can't be decrypted.
    Frame,
    /// A frame that decrypts to something that is no stanza.
    Node,
    /// A frame that decrypts to something that calls itself compressed.
    Zlib,
    /// A frame that is announced and never comes; quiet when nothing else comes either.
    HalfFrame { announced: u32, quiet: bool },
    /// A whole frame with this many bytes nobody needs.
    Big(u32),
}

/// How the service ends a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Without a word.
    Drop,
    /// The device logged in again elsewhere.
    Replaced,
    /// The phone removed the device.
    DeviceRemoved,
    /// With a stream error of this code.
    StreamError(u16),
}

impl Link {
    /// Says the last word and waits for the client to close. Closing first would race the client's own writes, and
    /// it would see a broken connection instead of the reason.
    pub(super) async fn end(&mut self, ending: Ending) -> Step {
        let error = NodeBuilder::new("stream:error");
        let conflict = |kind: &'static str| NodeBuilder::new("conflict").attr("type", kind).build();
        let stanza = match ending {
            Ending::Drop => return Ok(ControlFlow::Break(())),
            Ending::Replaced => error.children([conflict("replaced")]).build(),
            Ending::DeviceRemoved => error.attr("code", 401_u16).children([conflict("device_removed")]).build(),
            Ending::StreamError(code) => stream_error(code),
        };
        self.wire.write(&stanza).await?;
        linger(&mut self.wire).await;
        Ok(ControlFlow::Break(()))
    }

    pub(super) async fn spoil(&mut self, damage: Damage) -> Step {
        match damage {
            Damage::Frame => self.wire.write_garbage().await?,
            // A list of five items, cut off in the first.
            Damage::Node => self.wire.write_plain(vec![0, 0xF8, 0x05, 0xFC, 0x20]).await?,
            // The flag for compression, the header of zlib, then nothing that could be inflated.
            Damage::Zlib => self.wire.write_plain(vec![2, 0x78, 0x9C, 0xFF, 0xFF, 0xFF, 0xFF]).await?,
            Damage::Big(bytes) => {
                let load = vec![0xA5; usize::try_from(bytes).unwrap_or(0)];
                self.wire.write(&NodeBuilder::new("ib").children([NodeBuilder::new("junk").bytes(load).build()]).build()).await?;
            }
            Damage::HalfFrame { announced, quiet } => {
                self.wire.write_half_frame(announced).await?;
                if quiet {
                    self.stay_frozen().await;
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) async fn stay_frozen(&mut self) {
        let until = Instant::now() + FREEZE_LIMIT;
        loop {
            tokio::select! {
                () = self.me.kill.cancelled() => return,
                () = tokio::time::sleep_until(until) => return,
                command = self.commands.recv() => match command {
                    Some(Command::Thaw | Command::End(_)) | None => return,
                    Some(_) => {}
                },
            }
        }
    }
}

pub(super) fn stream_error(code: u16) -> Node {
    NodeBuilder::new("stream:error").attr("code", code).build()
}

/// Reads and forgets until the client closes.
pub(super) async fn linger(wire: &mut Wire) {
    let closing = async { while wire.read().await.is_ok() {} };
    // Whether it closed in time doesn't matter: the socket is dropped next.
    drop(timeout(LINGER, closing).await);
}
