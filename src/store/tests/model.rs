//! Any sequence of operations, with restarts in between, against plain maps.

use std::collections::BTreeMap;

use frontdesk_actors::ports::{InboxRecords, Records, Vault, VaultOp};
use frontdesk_actors::records::{Change, Desired, EventKind, InboxId, LifecycleEvent};
use proptest::prelude::*;

use super::{activation, company_id, created, event, open, session, webhook};
use crate::store::Store;
use crate::store::counters::STATUSES;

/// Salons and companies of a run; few, so that operations meet.
const COMPANIES: u64 = 3;

#[derive(Debug, Clone)]
enum Op {
    Create(u64),
    Status(u64, usize),
    Session(u64, bool),
    Activation(u64, bool),
    Events(u64, u8),
    Webhook(u64),
    Done(u64, usize),
    Failed(u64, usize),
    EraseSession(u64),
    Write(u64, Vec<(u8, u8, Option<u16>)>),
    EraseVault(u64),
    Restart(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let company = 1..=COMPANIES;
    let operation = (0..2_u8, 0..6_u8, proptest::option::weighted(0.7, prop_oneof![4 => 0..300_u16, 1 => 3_900..9_000_u16]));
    let operations = proptest::collection::vec(operation, 0..6);
    prop_oneof![
        3 => company.clone().prop_map(Op::Create),
        3 => (company.clone(), 0..STATUSES.len()).prop_map(|(company, status)| Op::Status(company, status)),
        3 => (company.clone(), any::<bool>()).prop_map(|(company, online)| Op::Session(company, online)),
        2 => (company.clone(), any::<bool>()).prop_map(|(company, begun)| Op::Activation(company, begun)),
        2 => (company.clone(), 1..4_u8).prop_map(|(company, n)| Op::Events(company, n)),
        3 => company.clone().prop_map(Op::Webhook),
        2 => (company.clone(), 0..3_usize).prop_map(|(company, n)| Op::Done(company, n)),
        1 => (company.clone(), 0..3_usize).prop_map(|(company, n)| Op::Failed(company, n)),
        1 => company.clone().prop_map(Op::EraseSession),
        6 => (company.clone(), operations).prop_map(|(company, operations)| Op::Write(company, operations)),
        1 => company.prop_map(Op::EraseVault),
        2 => any::<bool>().prop_map(Op::Restart),
    ]
}

#[derive(Debug, Default, PartialEq)]
struct Company {
    salon: u64,
    status: usize,
    session: Option<bool>,
    activation: bool,
    events: usize,
    inbox: BTreeMap<u64, u32>,
}

type Room = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

#[derive(Debug, Default, PartialEq)]
struct Model {
    companies: BTreeMap<u64, Company>,
    rooms: BTreeMap<u64, Room>,
    inbox_ids: u64,
}

impl Model {
    fn company_of(&self, salon: u64) -> Option<u64> {
        self.companies.iter().find(|(_, company)| company.salon == salon).map(|(id, _)| *id)
    }

    /// What loads at start.
    fn active(&self) -> Vec<u64> {
        let busy = |company: &Company| company.session == Some(true) || company.activation || !company.inbox.is_empty();
        let active = |(id, company): &(&u64, &Company)| busy(company) || self.rooms.contains_key(id);
        self.companies.iter().filter(active).map(|(id, _)| *id).collect()
    }
}

struct Run {
    folder: tempfile::TempDir,
    store: Option<Store>,
    model: Model,
}

impl Run {
    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    async fn commit(&self, changes: Vec<Change>) {
        self.store().commit(changes).await.unwrap();
    }

    async fn apply(&mut self, op: Op) {
        match op {
            Op::Create(salon) => self.create(salon).await,
            Op::Write(company, operations) => self.write(company, operations).await,
            Op::EraseVault(company) => {
                self.store().erase(company_id(company)).await.unwrap();
                self.model.rooms.remove(&company);
            }
            Op::Restart(closing) => self.restart(closing).await,
            Op::Status(id, _)
            | Op::Session(id, _)
            | Op::Activation(id, _)
            | Op::Events(id, _)
            | Op::Webhook(id)
            | Op::Done(id, _)
            | Op::Failed(id, _)
            | Op::EraseSession(id) => {
                if self.model.companies.contains_key(&id) {
                    self.change(id, op).await;
                }
            }
        }
    }

    async fn create(&mut self, salon: u64) {
        let created = created(self.store(), salon).await.company_id.get();
        let expected = self.model.company_of(salon).unwrap_or(self.model.companies.len() as u64 + 1);
        assert_eq!(created, expected);
        self.model.companies.entry(created).or_insert(Company { salon, events: 1, ..Company::default() });
    }

    async fn change(&mut self, id: u64, op: Op) {
        let company = company_id(id);
        let mut record = self.store().company(company).await.unwrap().unwrap().company;
        let expected = self.model.companies.get_mut(&id).unwrap();
        let changes = match op {
            Op::Status(_, status) => {
                expected.status = status;
                record.integration_status = STATUSES[status];
                vec![Change::PutCompany(Box::new(record))]
            }
            Op::Session(_, online) => {
                expected.session = Some(online);
                vec![Change::PutSession(session(company, desired(online)))]
            }
            Op::Activation(_, begun) => {
                expected.activation = begun;
                vec![if begun { Change::PutActivation(activation(company)) } else { Change::ClearActivation(company) }]
            }
            Op::Events(_, n) => {
                expected.events += usize::from(n);
                (0..n).map(|_| Change::AppendEvent(event(&record, EventKind::QrShown))).collect()
            }
            Op::Webhook(_) | Op::Done(..) | Op::Failed(..) => {
                let Some(changes) = self.inbox_change(id, op).await else { return };
                changes
            }
            Op::EraseSession(_) => {
                expected.session = None;
                self.model.rooms.remove(&id);
                vec![Change::EraseSession(company)]
            }
            other => unreachable!("{other:?} is no change of one company"),
        };
        self.commit(changes).await;
    }

    /// What happens to a company's webhooks. `None`: there is no such webhook.
    async fn inbox_change(&mut self, id: u64, op: Op) -> Option<Vec<Change>> {
        let company = company_id(id);
        let store = self.store.as_ref().unwrap();
        let expected = self.model.companies.get_mut(&id).unwrap();
        let nth = |n| expected.inbox.keys().nth(n).copied();
        match op {
            Op::Webhook(_) => {
                let entry = webhook(Some(company), expected.salon, LifecycleEvent::Freeze);
                let given = store.append_inbox(entry).await.unwrap().stored().unwrap().0;
                assert!(given > self.model.inbox_ids, "never given twice");
                self.model.inbox_ids = given;
                expected.inbox.insert(given, 0);
                Some(vec![])
            }
            Op::Done(_, n) => {
                let done = nth(n)?;
                expected.inbox.remove(&done);
                Some(vec![Change::InboxDone(company, InboxId(done))])
            }
            Op::Failed(_, n) => {
                let failed = nth(n)?;
                *expected.inbox.get_mut(&failed).unwrap() += 1;
                Some(vec![Change::InboxFailed(company, InboxId(failed))])
            }
            other => unreachable!("{other:?} is no change of an inbox"),
        }
    }

    async fn write(&mut self, company: u64, operations: Vec<(u8, u8, Option<u16>)>) {
        if operations.iter().any(|(_, _, length)| length.is_some()) {
            self.model.rooms.entry(company).or_default();
        }
        let mut nowhere = Room::new();
        let room = self.model.rooms.get_mut(&company).unwrap_or(&mut nowhere);
        let mut wishes = Vec::new();
        for (table, key, length) in operations {
            let key = vec![b'k', key];
            match length {
                Some(length) => {
                    let value = vec![length as u8; usize::from(length)];
                    room.insert((table, key.clone()), value.clone());
                    wishes.push(VaultOp::Put { table, key, value });
                }
                None => {
                    room.remove(&(table, key.clone()));
                    wishes.push(VaultOp::Delete { table, key });
                }
            }
        }
        self.store().write(company_id(company), wishes).await.unwrap();
    }

    async fn restart(&mut self, closing: bool) {
        if closing {
            self.store().close().await;
        }
        self.store = None;
        self.store = Some(open(self.folder.path()));
    }

    /// Reads everything back and compares.
    async fn compare(&self) {
        let store = self.store();
        for id in 1..=COMPANIES {
            let expected = self.model.companies.get(&id);
            let found = store.company(company_id(id)).await.unwrap();
            assert_eq!(found.is_some(), expected.is_some());
            if let (Some(found), Some(expected)) = (found, expected) {
                assert_eq!(found.company.salon_id.get(), expected.salon);
                assert_eq!(found.company.integration_status, STATUSES[expected.status]);
                assert_eq!(found.session, expected.session.map(|online| session(company_id(id), desired(online))));
                assert_eq!(found.activation.is_some(), expected.activation);
                assert_eq!(store.events(company_id(id), 1_000).await.unwrap().len(), expected.events);
                let waiting = store.pending_inbox(company_id(id), 1_000).await.unwrap();
                let waiting: BTreeMap<u64, u32> = waiting.iter().map(|entry| (entry.id.0, entry.attempts)).collect();
                assert_eq!(waiting, expected.inbox);
            }
            self.compare_room(id);
        }
        let active = store.load_active().await.unwrap();
        let active: Vec<u64> = active.iter().map(|stored| stored.company.company_id.get()).collect();
        assert_eq!(active, self.model.active());
        for (index, (status, count)) in store.count_by_status().await.unwrap().into_iter().enumerate() {
            let expected = self.model.companies.values().filter(|company| company.status == index).count();
            assert_eq!((status, count), (STATUSES[index], expected as u64));
        }
        store.verify().unwrap();
    }

    fn compare_room(&self, id: u64) {
        let empty = Room::new();
        let room = self.model.rooms.get(&id).unwrap_or(&empty);
        for table in 0..2 {
            let found = self.store().scan(company_id(id), table, b"").unwrap();
            let expected = room.iter().filter(|((of, _), _)| *of == table);
            let expected: Vec<_> = expected.map(|((_, key), value)| (key.clone(), value.clone())).collect();
            assert_eq!(found, expected);
        }
    }
}

fn desired(online: bool) -> Desired {
    if online { Desired::Online } else { Desired::Stopped }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_and_restarts_reads_back_as_plain_maps_would(
        ops in proptest::collection::vec(op(), 1..60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Some(open(folder.path()));
            let mut run = Run { folder, store, model: Model::default() };
            for op in ops {
                run.apply(op).await;
            }
            run.compare().await;
            run.restart(false).await;
            run.compare().await;
        });
    }
}
