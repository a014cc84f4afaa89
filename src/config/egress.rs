//! The section `[egress]`: which proxy each company goes out by. No message shows an address: it may hold a password.

use std::collections::BTreeMap;

use frontdesk_actors::ids::SalonId;
use secrecy::ExposeSecret as _;

use super::read::Reader;
use crate::whatsapp::{EgressSettings, Login, Proxy};

/// Stands for the way without a proxy.
const DIRECT: &str = "direct";

pub(super) fn read_egress(reader: &mut Reader) -> EgressSettings {
    let login = read_login(reader);
    let mut proxies = Proxies { reader, login };
    let settings = EgressSettings { default: proxies.default(), pool: proxies.pool(), companies: proxies.companies() };
    if settings.default.is_some() && !settings.pool.is_empty() {
        reader.problem("egress.default", "is never used beside egress.pool: set one of them");
    }
    settings
}

/// The login of proxies whose address has none.
fn read_login(reader: &mut Reader) -> Option<Login> {
    let (user, password) = (reader.text("egress.username"), reader.secret("egress.password"));
    match (user.as_str(), password) {
        ("", None) => None,
        (user, Some(password)) if !user.is_empty() => match Login::new(user, password.expose_secret()) {
            Ok(login) => Some(login),
            Err(error) => {
                reader.problem("egress.username and egress.password", &format!("each proxy {error}"));
                None
            }
        },
        _ => {
            reader.problem("egress.username and egress.password", "belong together: set both or none");
            None
        }
    }
}

struct Proxies<'a> {
    reader: &'a mut Reader,
    login: Option<Login>,
}

impl Proxies<'_> {
    fn default(&mut self) -> Option<Proxy> {
        match self.reader.text("egress.default").trim() {
            "" | DIRECT => None,
            text => self.proxy("egress.default", "", text),
        }
    }

    fn pool(&mut self) -> Vec<Proxy> {
        let texts = self.reader.list("egress.pool");
        let mut pool = Vec::new();
        for (number, text) in (1..).zip(&texts) {
            let Some(proxy) = self.proxy("egress.pool", &format!("entry {number} "), text) else { continue };
            if pool.contains(&proxy) {
                self.reader.problem("egress.pool", &format!("entry {number} stands there twice"));
            }
            pool.push(proxy);
        }
        pool
    }

    fn companies(&mut self) -> BTreeMap<SalonId, Option<Proxy>> {
        let texts = self.reader.list("egress.companies");
        let mut companies = BTreeMap::new();
        for (number, text) in (1..).zip(&texts) {
            let parts =
                text.split_once('=').map(|(salon, way)| (salon.trim().parse().ok().and_then(|id: u64| SalonId::try_from(id).ok()), way));
            let Some((Some(salon), way)) = parts else {
                let what = format!("entry {number} must look like 500001=socks5://host:port or 500001=direct");
                self.reader.problem("egress.companies", &what);
                continue;
            };
            let way = match way.trim() {
                DIRECT => None,
                text => self.proxy("egress.companies", &format!("the proxy of salon {salon} "), text),
            };
            if companies.insert(salon, way).is_some() {
                self.reader.problem("egress.companies", &format!("salon {salon} stands there twice"));
            }
        }
        companies
    }

    fn proxy(&mut self, key: &str, which: &str, text: &str) -> Option<Proxy> {
        match Proxy::parse(text, self.login.as_ref()) {
            Ok(proxy) if cfg!(feature = "sandbox") && !proxy.is_local() => {
                self.reader.problem(key, &format!("{which}must be on this machine: this build reaches nothing else"));
                None
            }
            Ok(proxy) => Some(proxy),
            Err(error) => {
                self.reader.problem(key, &format!("{which}{error}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};
    use super::*;

    fn load(settings: &[(&str, &str)]) -> Result<EgressSettings, ConfigError> {
        let mut environment: BTreeMap<String, String> =
            settings.iter().map(|(name, value)| (format!("FRONTDESK_EGRESS_{name}"), (*value).to_owned())).collect();
        environment.insert("FRONTDESK_SERVER_MODE".to_owned(), "development".to_owned());
        Config::load(None, &environment).map(|config| config.egress)
    }

    fn problems(settings: &[(&str, &str)]) -> String {
        load(settings).expect_err("refused").to_string()
    }

    #[test]
    fn by_default_everyone_goes_directly() {
        assert_eq!(load(&[]).expect("valid"), EgressSettings::default());
        assert_eq!(load(&[("DEFAULT", "direct")]).expect("valid"), EgressSettings::default());
    }

    #[test]
    fn a_pool_and_ways_of_their_own_are_read() {
        let settings = [
            ("POOL", "socks5://127.0.0.1:1081, socks5://anna:secret@127.0.0.1:1082"),
            ("COMPANIES", "500001 = direct,500002=http://localhost:3128"),
            ("USERNAME", "all"),
            ("PASSWORD", "of them"),
        ];
        let read = load(&settings).expect("valid");
        let login = Login::new("all", "of them").expect("sendable");
        let proxy = |text| Proxy::parse(text, Some(&login)).expect("a proxy");
        let salon = |id: u64| SalonId::try_from(id).expect("an id");
        assert_eq!(read.pool, [proxy("socks5://127.0.0.1:1081"), proxy("socks5://anna:secret@127.0.0.1:1082")]);
        let companies = BTreeMap::from([(salon(500_001), None), (salon(500_002), Some(proxy("http://localhost:3128")))]);
        assert_eq!((read.default, read.companies), (None, companies));
    }

    #[test]
    fn a_file_takes_lists_too() {
        let file = "[server]\nmode = \"development\"\n[egress]\ncompanies = [\"7=direct\"]\npool = [\"http://127.0.0.1:3128\"]\n";
        let read = Config::load(Some(("x.toml", file)), &BTreeMap::new()).expect("valid").egress;
        assert_eq!((read.pool.len(), read.companies.len()), (1, 1));
    }

    #[test]
    fn every_problem_is_told_at_once_and_no_address_is() {
        let text = problems(&[
            ("DEFAULT", "ftp://anna:hidden@127.0.0.1"),
            ("POOL", "socks5://127.0.0.1:1,hidden-host,http://127.0.0.1/hidden,socks5://127.0.0.1:1"),
            ("COMPANIES", "x=direct,7=hidden,8=direct,8=direct,hidden"),
            ("USERNAME", "hidden"),
        ]);
        for part in [
            "egress.default: must start with socks5:// or http://",
            "egress.pool: entry 2 must look like",
            "egress.pool: entry 3 must end after the port",
            "egress.pool: entry 4 stands there twice",
            "egress.companies: entry 1 must look like",
            "egress.companies: the proxy of salon 7 must look like",
            "egress.companies: salon 8 stands there twice",
            "egress.companies: entry 5 must look like",
            "egress.username and egress.password: belong together",
        ] {
            assert!(text.contains(part), "{part} missing in:\n{text}");
        }
        assert!(!text.contains("hidden"), "{text}");
    }

    #[test]
    fn a_default_beside_a_pool_and_a_login_that_cannot_be_sent_are_refused() {
        let text = problems(&[("DEFAULT", "http://127.0.0.1"), ("POOL", "http://127.0.0.2"), ("USERNAME", "a:b"), ("PASSWORD", "hidden")]);
        assert!(text.contains("set one of them") && text.contains("user name no colon") && !text.contains("hidden"), "{text}");
    }

    #[test]
    fn debug_output_shows_no_proxy() {
        let read = load(&[("DEFAULT", "socks5://anna:hidden@localhost:1080")]).expect("valid");
        let shown = format!("{read:?}");
        assert!(!["anna", "hidden", "localhost", "1080"].iter().any(|part| shown.contains(part)), "{shown}");
    }

    #[cfg(feature = "sandbox")]
    #[test]
    fn a_sandbox_build_takes_local_proxies_only() {
        let text = problems(&[("DEFAULT", "socks5://192.0.2.1:1080")]);
        assert!(text.contains("egress.default: must be on this machine"), "{text}");
    }
}
