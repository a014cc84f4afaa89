//! Which way out a company takes: its own, one of the pool, the default, or none.
//!
//! [`EgressPlan::of`] is the one place that decides it. Assignments that are kept in records instead of the configuration go in there.

use std::collections::BTreeMap;
use std::sync::Arc;

use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::view::{EgressKind, EgressView};
use sha2::{Digest, Sha256};

use super::Proxy;

/// The ways out as configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EgressSettings {
    /// For every company without a way of its own, when there is no pool.
    pub default: Option<Proxy>,
    /// Every company without a way of its own keeps one of these.
    pub pool: Vec<Proxy>,
    /// Ways of their own; `None` is the direct way.
    pub companies: BTreeMap<SalonId, Option<Proxy>>,
}

/// A company's way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    /// Where it comes from.
    pub kind: EgressKind,
    /// `None`: directly.
    pub proxy: Option<Arc<Proxy>>,
}

impl Egress {
    /// As operators see it.
    pub fn shown(&self) -> EgressView {
        EgressView { kind: self.kind, proxy: self.proxy.as_ref().map(|proxy| proxy.address()) }
    }
}

/// Knows every company's way out.
#[derive(Debug, Default)]
pub struct EgressPlan {
    default: Option<Arc<Proxy>>,
    /// With the bytes that stand for each proxy in the draw.
    pool: Vec<(String, Arc<Proxy>)>,
    companies: BTreeMap<SalonId, Option<Arc<Proxy>>>,
}

impl EgressPlan {
    /// The plan of these settings.
    pub fn new(settings: EgressSettings) -> Self {
        let pool = settings.pool.into_iter().map(|proxy| (proxy.identity(), Arc::new(proxy))).collect();
        let companies = settings.companies.into_iter().map(|(salon, proxy)| (salon, proxy.map(Arc::new))).collect();
        Self { default: settings.default.map(Arc::new), pool, companies }
    }

    /// This company's way out; the same at every call and after every restart.
    pub fn of(&self, company: CompanyId, salon: SalonId) -> Egress {
        if let Some(own) = self.companies.get(&salon) {
            let kind = if own.is_some() { EgressKind::Own } else { EgressKind::Direct };
            return Egress { kind, proxy: own.clone() };
        }
        if let Some(proxy) = self.drawn(company) {
            return Egress { kind: EgressKind::Pool, proxy: Some(Arc::clone(proxy)) };
        }
        let kind = if self.default.is_some() { EgressKind::Default } else { EgressKind::Direct };
        Egress { kind, proxy: self.default.clone() }
    }

    /// Rendezvous hashing: the proxy with the highest draw for this company. A proxy that joins or leaves the pool moves only the
    /// companies that it wins or had.
    fn drawn(&self, company: CompanyId) -> Option<&Arc<Proxy>> {
        let draw = |identity: &str| Sha256::new().chain_update(company.get().to_be_bytes()).chain_update(identity).finalize();
        self.pool.iter().max_by_key(|(identity, _)| draw(identity)).map(|(_, proxy)| proxy)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxy(number: usize) -> Proxy {
        Proxy::parse(&format!("socks5://user:secret@proxy{number}.example.org:1080"), None).unwrap()
    }

    fn pool(numbers: impl IntoIterator<Item = usize>) -> EgressPlan {
        EgressPlan::new(EgressSettings { pool: numbers.into_iter().map(proxy).collect(), ..EgressSettings::default() })
    }

    fn company(id: u64) -> CompanyId {
        CompanyId::try_from(id).unwrap()
    }

    fn salon(id: u64) -> SalonId {
        SalonId::try_from(id).unwrap()
    }

    fn drawn(plan: &EgressPlan, id: u64) -> Proxy {
        (*plan.of(company(id), salon(id)).proxy.unwrap()).clone()
    }

    #[test]
    fn the_nearest_rule_wins() {
        let companies = BTreeMap::from([(salon(1), Some(proxy(1))), (salon(2), None)]);
        let settings = EgressSettings { default: Some(proxy(9)), pool: vec![proxy(5)], companies };
        let kind = |settings: &EgressSettings, id| EgressPlan::new(settings.clone()).of(company(id), salon(id)).kind;
        assert_eq!([1, 2, 3].map(|id| kind(&settings, id)), [EgressKind::Own, EgressKind::Direct, EgressKind::Pool]);
        let without_pool = EgressSettings { pool: Vec::new(), ..settings };
        assert_eq!(kind(&without_pool, 3), EgressKind::Default);
        assert_eq!(kind(&EgressSettings::default(), 3), EgressKind::Direct);
    }

    #[test]
    fn operators_see_where_it_goes_and_no_login() {
        let settings = EgressSettings { default: Some(proxy(9)), ..EgressSettings::default() };
        let shown = EgressPlan::new(settings).of(company(1), salon(1)).shown();
        let address = Some("socks5://proxy9.example.org:1080".to_owned());
        assert_eq!(shown, EgressView { kind: EgressKind::Default, proxy: address });
        assert_eq!(EgressPlan::default().of(company(1), salon(1)).shown(), EgressView { kind: EgressKind::Direct, proxy: None });
    }

    /// A draw written down once: a change of the hash would move every company at the next update.
    #[test]
    fn the_draw_is_the_same_in_every_version() {
        let plan = pool(0..4);
        let winners: Vec<String> = (1..=6).map(|id| drawn(&plan, id).host().to_owned()).collect();
        assert_eq!(winners, WINNERS.map(|number| proxy(number).host().to_owned()));
    }

    /// SHA-256 of the company's id, eight bytes big-endian, and `socks5 user proxyN.example.org 1080`.
    const WINNERS: [usize; 6] = [1, 1, 1, 3, 2, 2];

    #[test]
    fn a_pool_is_used_evenly() {
        let plan = pool(0..4);
        let mut counts = BTreeMap::new();
        for id in 1..=4000 {
            *counts.entry(drawn(&plan, id).host().to_owned()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 4);
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_new_password_moves_nobody() {
        let rotated = |secret: &str| {
            let parse = |number| Proxy::parse(&format!("socks5://user:{secret}@proxy{number}.example.org:1080"), None).unwrap();
            EgressPlan::new(EgressSettings { pool: (0..5).map(parse).collect(), ..EgressSettings::default() })
        };
        let (old, new) = (rotated("old"), rotated("new"));
        assert!((1..200).all(|id| drawn(&old, id).host() == drawn(&new, id).host()));
    }

    proptest! {
        #[test]
        fn neither_order_nor_a_restart_moves_a_company(id in 1_u64..1 << 40, size in 1_usize..9, turn in 0_usize..9) {
            let turned = (0..size).map(|number| (number + turn) % size);
            prop_assert_eq!(drawn(&pool(0..size), id), drawn(&pool(turned), id));
        }

        #[test]
        fn a_proxy_that_leaves_moves_only_its_own_companies(id in 1_u64..1 << 40, size in 2_usize..9, gone in 0_usize..9) {
            let gone = gone % size;
            let before = drawn(&pool(0..size), id);
            let after = drawn(&pool((0..size).filter(|number| *number != gone)), id);
            prop_assert!(before == proxy(gone) || before == after);
        }
    }
}
