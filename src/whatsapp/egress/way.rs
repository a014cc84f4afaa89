//! The ways out in use: per proxy (and once for the direct way) an HTTP client and the turn at the version look-up.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use frontdesk_actors::ids::{CompanyId, SalonId};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::tunnel::{self, Near, TunnelError};
use super::{EgressPlan, Endpoint, Http, Proxy};

/// One way out, shared by the companies that take it.
pub(in crate::whatsapp) struct Way {
    proxy: Option<Arc<Proxy>>,
    near: Near,
    pub(in crate::whatsapp) http: Http,
    /// One look-up at a time: a thousand links that start together ask once. Per way, so that nobody waits for a stranger's proxy.
    pub(in crate::whatsapp) look_up: Semaphore,
}

impl Way {
    fn new(proxy: Option<Arc<Proxy>>, endpoint: &Endpoint) -> Self {
        let http = Http::new(endpoint, proxy.as_deref());
        Self { proxy, near: endpoint.near(), http, look_up: Semaphore::new(1) }
    }

    /// A connection to the service through the proxy; `None` when this is the direct way.
    pub(super) async fn tunnel(&self, endpoint: &Endpoint) -> Option<Result<TcpStream, TunnelError>> {
        let proxy = self.proxy.as_ref()?;
        Some(tunnel::open(proxy, self.near, &endpoint.host, endpoint.port).await)
    }

    /// What is wrong with the proxy, if anything: asked when a request through it has failed without saying where.
    pub(in crate::whatsapp) async fn trouble(&self, endpoint: &Endpoint) -> Option<TunnelError> {
        self.tunnel(endpoint).await?.err().filter(TunnelError::is_the_proxy)
    }
}

/// All ways out. A registry of the process, not an actor's state: locked for one look-up, never across an await.
pub(in crate::whatsapp) struct Ways {
    plan: EgressPlan,
    endpoint: Arc<Endpoint>,
    /// As many as there are different proxies.
    by_proxy: RwLock<HashMap<Option<Arc<Proxy>>, Arc<Way>>>,
}

impl Ways {
    pub(in crate::whatsapp) fn new(plan: EgressPlan, endpoint: Arc<Endpoint>) -> Self {
        Self { plan, endpoint, by_proxy: RwLock::default() }
    }

    /// Which one this company takes.
    pub(in crate::whatsapp) fn plan(&self) -> &EgressPlan {
        &self.plan
    }

    /// The way of this company.
    pub(in crate::whatsapp) fn of(&self, company: CompanyId, salon: SalonId) -> Arc<Way> {
        let proxy = self.plan.of(company, salon).proxy;
        if let Some(way) = self.by_proxy.read().unwrap_or_else(PoisonError::into_inner).get(&proxy) {
            return Arc::clone(way);
        }
        let mut by_proxy = self.by_proxy.write().unwrap_or_else(PoisonError::into_inner);
        let way = by_proxy.entry(proxy).or_insert_with_key(|proxy| Arc::new(Way::new(proxy.clone(), &self.endpoint)));
        Arc::clone(way)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::whatsapp::egress::EgressSettings;

    #[test]
    fn companies_with_the_same_proxy_share_a_way() {
        let endpoint = Endpoint::check(Some(&"ws://127.0.0.1:7700/ws/chat".parse().unwrap()), true).unwrap();
        let own = Proxy::parse("socks5://127.0.0.1:1", None).unwrap();
        let salon = |id| SalonId::try_from(id).unwrap();
        let companies = BTreeMap::from([(salon(1), Some(own.clone())), (salon(2), Some(own)), (salon(3), None)]);
        let plan = EgressPlan::new(EgressSettings { companies, ..EgressSettings::default() });
        let ways = Ways::new(plan, Arc::new(endpoint));
        let way = |id| ways.of(CompanyId::try_from(id).unwrap(), salon(id));
        assert!(Arc::ptr_eq(&way(1), &way(2)));
        assert!(Arc::ptr_eq(&way(3), &way(4)), "the direct way");
        assert!(!Arc::ptr_eq(&way(1), &way(3)));
    }
}
