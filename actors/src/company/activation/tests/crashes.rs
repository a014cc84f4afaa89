//! The saga on a store and a YClients that fail at every step: crashes before and after each commit and call.

use proptest::prelude::*;

use super::*;
use crate::company::commits;
use crate::ids::SalonId;
use crate::ports::Records;
use crate::records::{IntegrationStatus, MarketplaceUser, NewCompany};
use crate::testing::MemoryRecords;

/// What goes wrong at one step. When the list is used up, nothing goes wrong any more.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    None,
    /// The commit fails.
    CommitFails,
    /// The process dies before the step.
    CrashBefore,
    /// The process dies after the step, before its result is known.
    CrashAfter,
    /// The call happens, its answer is lost.
    AnswerLost,
    /// The call does not happen.
    CallFails,
    /// The status can't be had.
    StatusUnknown,
}

fn troubles() -> impl Strategy<Value = Vec<Trouble>> {
    let one = prop_oneof![
        2 => Just(Trouble::None),
        2 => Just(Trouble::CommitFails),
        3 => Just(Trouble::CrashBefore),
        3 => Just(Trouble::CrashAfter),
        2 => Just(Trouble::AnswerLost),
        2 => Just(Trouble::CallFails),
        2 => Just(Trouble::StatusUnknown),
    ];
    proptest::collection::vec(one, 0..40)
}

struct Crashed;

struct Play {
    records: MemoryRecords,
    troubles: std::vec::IntoIter<Trouble>,
    active_there: bool,
    calls: u32,
}

impl Play {
    fn trouble(&mut self) -> Trouble {
        self.troubles.next().unwrap_or(Trouble::None)
    }

    /// One life of the process: resumes or begins, until the saga ends or the process dies.
    async fn live(&mut self) -> Result<(), Crashed> {
        let stored = self.records.company(company()).await.unwrap().unwrap();
        let mut saga = Activation::new(company(), (seconds(2), seconds(300)));
        let mut input = match stored.activation {
            Some(activation) => Input::Resume(activation),
            None if stored.company.integration_status == IntegrationStatus::Active => return Ok(()),
            None => begin(AskFirst::No),
        };
        loop {
            input = match saga.step(input, now(), 0.5) {
                None => return Ok(()),
                Some(Effect::Wait(_)) => Input::Due,
                Some(Effect::Store(deed)) => Input::Stored(self.store(&deed).await?),
                Some(Effect::Call { .. }) => Input::Called(self.call()?),
                Some(Effect::Ask) => Input::Answered(self.ask()?),
            };
        }
    }

    async fn store(&mut self, deed: &Deed) -> Result<bool, Crashed> {
        let trouble = self.trouble();
        if matches!(trouble, Trouble::CrashBefore) {
            return Err(Crashed);
        }
        if matches!(trouble, Trouble::CommitFails) {
            self.records.fail_next_commits(1);
        }
        let record = self.records.company(company()).await.unwrap().unwrap().company;
        let (_, changes) = commits::of_deed(deed, &record, now());
        let stored = self.records.commit(changes).await.is_ok();
        if matches!(trouble, Trouble::CrashAfter) { Err(Crashed) } else { Ok(stored) }
    }

    fn call(&mut self) -> Result<Result<(), ActivateError>, Crashed> {
        match self.trouble() {
            Trouble::CrashBefore => Err(Crashed),
            Trouble::CallFails => Ok(Err(ActivateError::Retryable { after: None })),
            Trouble::AnswerLost => {
                self.happen();
                Ok(Err(ActivateError::AskStatus { status: None }))
            }
            Trouble::CrashAfter => {
                self.happen();
                Err(Crashed)
            }
            Trouble::StatusUnknown => Ok(Err(ActivateError::AskStatus { status: Some(502) })),
            Trouble::None | Trouble::CommitFails => {
                self.happen();
                Ok(Ok(()))
            }
        }
    }

    /// The call reaches YClients.
    fn happen(&mut self) {
        assert!(!self.active_there, "called again although YClients is active");
        self.active_there = true;
        self.calls += 1;
    }

    fn ask(&mut self) -> Result<Result<Installation, MarketplaceError>, Crashed> {
        match self.trouble() {
            Trouble::CrashBefore | Trouble::CrashAfter => Err(Crashed),
            Trouble::StatusUnknown | Trouble::CallFails => Ok(Err(MarketplaceError::Retryable { after: None })),
            Trouble::None | Trouble::CommitFails | Trouble::AnswerLost => {
                Ok(Ok(if self.active_there { Installation::Active } else { Installation::Pending }))
            }
        }
    }
}

async fn play(troubles: Vec<Trouble>) {
    let records = MemoryRecords::new();
    let new = NewCompany {
        salon_id: SalonId::try_from(7).unwrap(),
        title: None,
        timezone: None,
        marketplace_user: MarketplaceUser::default(),
        registered_at: now(),
    };
    records.create_company(new).await.unwrap();
    let mut play = Play { records, troubles: troubles.into_iter(), active_there: false, calls: 0 };
    while play.live().await.is_err() {
        play.records = play.records.crash();
    }
    let stored = play.records.company(company()).await.unwrap().unwrap();
    assert_eq!(stored.company.integration_status, IntegrationStatus::Active);
    assert_eq!(stored.company.api_key_hash, Some(commits::key_hash(&Secret::new("key"))));
    assert_eq!(stored.activation, None, "the key is forgotten");
    assert!(play.active_there && play.calls == 1, "exactly one call took effect");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_crashes_the_salon_becomes_active_with_one_effective_call(troubles in troubles()) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(play(troubles));
    }
}
