//! The immediate part of a fault: what it does to live links and to phones.

use std::sync::Arc;

use super::fault::{FaultTarget, MAX_LOAD, WhatsappFault};
use super::limits;
use super::link::{Command, Damage, Ending};
use super::phone::Phone;
use super::world::World;

/// What a frame header can announce at most.
const LARGEST_FRAME: u32 = (1 << 24) - 1;

/// Plays the immediate part of a fault.
pub(crate) async fn strike(world: &Arc<World>, target: &FaultTarget, fault: WhatsappFault) {
    match fault {
        WhatsappFault::LoggedOut => {
            for phone in phones_of(world, target) {
                remove_devices(&phone).await;
            }
        }
        WhatsappFault::Timelock { seconds, enforcement } => {
            for phone in phones_of(world, target) {
                limits::lock(world, phone, seconds, enforcement).await;
            }
        }
        WhatsappFault::NewChatCap { total_quota, used_quota } => {
            for phone in phones_of(world, target) {
                limits::cap(&phone, total_quota, used_quota.unwrap_or(0)).await;
            }
        }
        _ => {
            for link in world.links_of(target) {
                let Some(command) = command_of(fault) else {
                    return;
                };
                link.tell(command).await;
            }
        }
    }
}

/// What a live link is told when the fault begins.
fn command_of(fault: WhatsappFault) -> Option<Command> {
    match fault {
        WhatsappFault::Drop | WhatsappFault::Outage { .. } | WhatsappFault::Ban { .. } => Some(Command::End(Ending::Drop)),
        WhatsappFault::Replaced | WhatsappFault::SecondClient { .. } => Some(Command::End(Ending::Replaced)),
        WhatsappFault::HalfOpen => Some(Command::Freeze),
        WhatsappFault::BadFrame => Some(Command::Spoil(Damage::Frame)),
        WhatsappFault::BigFrame { bytes } => Some(Command::Spoil(Damage::Big(bytes.unwrap_or(MAX_LOAD)))),
        WhatsappFault::BadNode => Some(Command::Spoil(Damage::Node)),
        WhatsappFault::BadZlib => Some(Command::Spoil(Damage::Zlib)),
        WhatsappFault::HalfFrame { announced_bytes, quiet } => {
            Some(Command::Spoil(Damage::HalfFrame { announced: announced_bytes.unwrap_or(LARGEST_FRAME), quiet }))
        }
        WhatsappFault::StreamError { code, keep_open: true } => Some(Command::Complain(code)),
        WhatsappFault::StreamError { code, keep_open: false } => Some(Command::End(Ending::StreamError(code))),
        WhatsappFault::LoggedOut
        | WhatsappFault::Timelock { .. }
        | WhatsappFault::NewChatCap { .. }
        | WhatsappFault::Silence { .. }
        | WhatsappFault::RefuseConnections { .. }
        | WhatsappFault::RefuseUpgrade { .. }
        | WhatsappFault::BadCertificate { .. }
        | WhatsappFault::UnlinkWhilePairing { .. }
        | WhatsappFault::LoginFailure { .. }
        | WhatsappFault::CloseMidHandshake { .. }
        | WhatsappFault::RefuseCode { .. }
        | WhatsappFault::Slow { .. } => None,
    }
}

/// Removes every linked device of a phone; tells whether there was one.
pub(crate) async fn remove_devices(phone: &Phone) -> bool {
    let mut any = false;
    for device in phone.devices() {
        let (existed, link) = phone.unlink(device);
        any |= existed;
        if let Some(link) = link {
            link.tell(Command::End(Ending::DeviceRemoved)).await;
        }
    }
    any
}

fn phones_of(world: &World, target: &FaultTarget) -> Vec<Arc<Phone>> {
    match target {
        FaultTarget::All => world.phones(),
        FaultTarget::Number(number) => world.phone(number).into_iter().collect(),
    }
}
