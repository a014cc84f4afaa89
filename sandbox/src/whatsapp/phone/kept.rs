//! A phone as it is written down between two runs of the sandbox.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Phone, PhoneState, account_of, lid_of};
use crate::whatsapp::appstate::{AppStateKey, Collection};
use crate::whatsapp::companion::{Companion, KeptCompanion};
use crate::whatsapp::limits::Limits;
use crate::whatsapp::lock::Lock;
use crate::whatsapp::passkey::{PasskeySettings, PasskeyStage};
use crate::whatsapp::signal::{KeptSignal, SignalPeer};
use crate::whatsapp::view::PhoneMessage;

/// Everything but live links, stanzas on their way, and plaintexts kept for retries.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptPhone {
    number: String,
    account: [u8; 32],
    registration_id: u32,
    raw_id: u32,
    app_key: AppStateKey,
    last_device: u16,
    devices_changed: u64,
    companions: BTreeMap<u16, KeptCompanion>,
    signal: KeptSignal,
    collections: BTreeMap<String, Collection>,
    history: VecDeque<PhoneMessage>,
    #[serde(default)]
    passkey: PasskeySettings,
}

impl Phone {
    /// Describes the phone.
    pub(crate) fn keep(&self) -> anyhow::Result<KeptPhone> {
        let state = self.state();
        Ok(KeptPhone {
            number: self.number.clone(),
            account: *self.account.private_key.serialize(),
            registration_id: self.registration_id,
            raw_id: self.raw_id,
            app_key: self.app_key.clone(),
            last_device: state.last_device,
            devices_changed: state.devices_changed,
            companions: state.companions.iter().map(|(device, companion)| (*device, companion.kept())).collect(),
            signal: state.signal.keep()?,
            collections: state.collections.iter().map(|(name, collection)| (name.clone(), collection.clone())).collect(),
            history: state.history.clone(),
            passkey: state.passkey.0,
        })
    }

    /// The phone that was described.
    pub(crate) fn revive(kept: KeptPhone) -> anyhow::Result<Self> {
        let account = account_of(&kept.account)?;
        let signal = SignalPeer::revive(&account, kept.registration_id, kept.signal)?;
        Ok(Self {
            lid: lid_of(&kept.number),
            number: kept.number,
            registration_id: kept.registration_id,
            app_key: kept.app_key,
            raw_id: kept.raw_id,
            state: Lock::new(PhoneState {
                companions: kept.companions.into_iter().map(|(device, companion)| (device, Companion::revive(companion))).collect(),
                signal,
                limits: Limits::default(),
                passkey: (kept.passkey, PasskeyStage::Idle),
                last_device: kept.last_device,
                devices_changed: kept.devices_changed,
                collections: kept.collections.into_iter().collect::<HashMap<_, _>>(),
                history: kept.history,
                sent: VecDeque::new(),
            }),
            account,
        })
    }
}
