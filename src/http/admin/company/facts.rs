//! What WhatsApp and its client tell of a company, without codes, logins and what is asked of passkeys.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use frontdesk_actors::view::{
    CapLevel, EgressKind, EgressView, Limits, LinkView, NewChatCap, PasskeyStage, PasskeyView, RestartsLeft, RestartsView,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Numbers of the session's links since its actor started, as of the last probe.
#[derive(Serialize, ToSchema)]
pub struct LinkFacts {
    /// Links begun.
    dialled: u64,
    /// How many of them ended in which way, such as `disconnected`: the labels of `frontdesk_links_ended_total`.
    #[schema(value_type = BTreeMap<String, u64>)]
    ended: BTreeMap<&'static str, u64>,
    /// How the last one ended.
    last_end: Option<&'static str>,
    bytes_received: u64,
    bytes_sent: u64,
    frames_received: u64,
    frames_sent: u64,
    messages_received: u64,
    messages_sent: u64,
    /// Events the client could not hand over.
    events_dropped: u64,
    /// Repeated sends the client held back.
    resends_throttled: u64,
    /// What the caches of the present link's client hold, by its own estimate.
    memory_bytes: u64,
}

impl From<&LinkView> for LinkFacts {
    fn from(link: &LinkView) -> Self {
        let numbers = link.numbers;
        Self {
            dialled: link.dialled,
            ended: link.ended.clone(),
            last_end: link.last_end,
            bytes_received: numbers.bytes_received,
            bytes_sent: numbers.bytes_sent,
            frames_received: numbers.frames_received,
            frames_sent: numbers.frames_sent,
            messages_received: numbers.messages_received,
            messages_sent: numbers.messages_sent,
            events_dropped: numbers.events_dropped,
            resends_throttled: numbers.resends_throttled,
            memory_bytes: numbers.memory_bytes,
        }
    }
}

/// What WhatsApp allows the account towards people who never wrote to it.
#[derive(Serialize, ToSchema)]
pub struct LimitsFacts {
    /// WhatsApp told them on the present link; before that these are the last known ones.
    known: bool,
    /// First messages are refused now.
    cold_sends_stopped: bool,
    /// When they are possible again, if WhatsApp said so of everything that stops them.
    unlock_at: Option<DateTime<Utc>>,
    /// First messages are refused for a while (463).
    timelock: Option<TimelockFacts>,
    /// The quota of new chats, if there is one.
    cap: Option<CapFacts>,
}

/// WhatsApp's lock on first messages.
#[derive(Serialize, ToSchema)]
pub struct TimelockFacts {
    /// Until when, if told.
    ends_at: Option<DateTime<Utc>>,
}

/// A quota of new chats.
#[derive(Serialize, ToSchema)]
pub struct CapFacts {
    /// `none`, `first_warning`, `second_warning` or `capped`.
    #[schema(value_type = String)]
    level: CapLevel,
    /// New chats of this period, if told.
    used: Option<u64>,
    /// Allowed in this period, if told.
    total: Option<u64>,
    /// When the next period begins, if told.
    renews_at: Option<DateTime<Utc>>,
}

impl From<&Limits> for LimitsFacts {
    fn from(limits: &Limits) -> Self {
        Self {
            known: limits.known,
            cold_sends_stopped: limits.cold_sends_stopped(),
            unlock_at: limits.unlock_at(),
            timelock: limits.timelock.map(|lock| TimelockFacts { ends_at: lock.ends_at }),
            cap: limits.cap.map(CapFacts::from),
        }
    }
}

impl From<NewChatCap> for CapFacts {
    fn from(cap: NewChatCap) -> Self {
        Self { level: cap.level, used: cap.used, total: cap.total, renews_at: cap.renews_at }
    }
}

/// The passkey step.
#[derive(Serialize, ToSchema)]
pub struct PasskeyFacts {
    /// `requested`, `checking`, `comparing` or `confirming`.
    #[schema(value_type = String)]
    stage: PasskeyStage,
    /// When WhatsApp no longer waits.
    expires_at: DateTime<Utc>,
}

impl From<&PasskeyView> for PasskeyFacts {
    fn from(passkey: &PasskeyView) -> Self {
        Self { stage: passkey.stage, expires_at: passkey.expires_at }
    }
}

/// The way out to WhatsApp.
#[derive(Serialize, ToSchema)]
pub struct EgressFacts {
    /// `direct`, `default`, `pool` or `own`.
    #[schema(value_type = String)]
    kind: EgressKind,
    /// `socks5://host:port` or `http://host:port`, never with a login. `null`: directly.
    proxy: Option<String>,
}

impl From<EgressView> for EgressFacts {
    fn from(way: EgressView) -> Self {
        Self { kind: way.kind, proxy: way.proxy }
    }
}

/// Restarts of the company's two actors after crashes.
#[derive(Serialize, ToSchema)]
pub struct RestartsFacts {
    /// The session's actor, which holds the link.
    session: RestartsLeftFacts,
    /// The company's actor, which holds everything else.
    company: RestartsLeftFacts,
}

/// Restarts of one actor.
#[derive(Serialize, ToSchema)]
pub struct RestartsLeftFacts {
    /// It crashed too often: nobody restarts it until a person acts.
    parked: bool,
    /// Restarts that are left now.
    left: usize,
    /// Restarts within the window.
    limit: usize,
    window_seconds: u64,
    /// Crashes that count now, oldest first.
    crashes: Vec<DateTime<Utc>>,
}

impl RestartsFacts {
    /// As they stand at `now`.
    pub fn of(restarts: &RestartsView, now: DateTime<Utc>) -> Self {
        Self { session: RestartsLeftFacts::of(&restarts.session, now), company: RestartsLeftFacts::of(&restarts.company, now) }
    }
}

impl RestartsLeftFacts {
    fn of(restarts: &RestartsLeft, now: DateTime<Utc>) -> Self {
        Self {
            parked: restarts.parked,
            left: restarts.left(now),
            limit: restarts.limit,
            window_seconds: restarts.window.as_secs(),
            crashes: restarts.counted(now).to_vec(),
        }
    }
}
