//! Scripts, styles and pictures, embedded. Under `v-<version>/` an address never changes its content, so that browsers keep it for ever; modules that
//! import each other by relative addresses stay inside. Without it browsers ask again each time.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// A file as it is served.
#[derive(Debug)]
pub struct Asset {
    /// Its address below `/assets/`.
    pub name: &'static str,
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! assets {
    ($($name:literal $content_type:ident $file:literal),* $(,)?) => {
        &[$(Asset { name: $name, content_type: $content_type, bytes: include_bytes!($file) }),*]
    };
}

/// All of them.
pub(super) const ASSETS: &[Asset] = assets![
    "app.css" STYLE "assets/app.css",
    "onboarding.js" SCRIPT "assets/onboarding.js",
    "passkey.js" SCRIPT "assets/passkey.js",
    "live.js" SCRIPT "assets/live.js",
    "docs.js" SCRIPT "assets/docs.js",
    "docs.css" STYLE "assets/docs.css",
    "favicon.svg" PICTURE "assets/favicon.svg",
    "console/console.css" STYLE "console/console.css",
    "console/main.js" SCRIPT "console/main.js",
    "console/api.js" SCRIPT "console/api.js",
    "console/dom.js" SCRIPT "console/dom.js",
    "console/charts.js" SCRIPT "console/charts.js",
    "console/overview.js" SCRIPT "console/overview.js",
    "console/companies.js" SCRIPT "console/companies.js",
    "console/company.js" SCRIPT "console/company.js",
    "console/client.js" SCRIPT "console/client.js",
    "console/inbox.js" SCRIPT "console/inbox.js",
    "console/keys.js" SCRIPT "console/keys.js",
    "console/audit.js" SCRIPT "console/audit.js",
    "console/words_ru.js" SCRIPT "console/words_ru.js",
    "console/words_en.js" SCRIPT "console/words_en.js",
];

/// What the version of the present assets is called in addresses: `v-` and a sum over all of them.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut sum = Sha256::new();
    for asset in ASSETS {
        sum.update(asset.name);
        sum.update(asset.bytes);
    }
    format!("v-{}", hex::encode(&sum.finalize()[..8]))
});

static ROOT: LazyLock<String> = LazyLock::new(|| format!("/assets/{}", *VERSION));

/// Where the present assets are found for ever, such as `/assets/v-0123456789abcdef`.
pub(super) fn versioned_root() -> &'static str {
    &ROOT
}

/// An address below `/assets/` without its version, and whether that is the present one. A page of an older server gets what there is.
pub fn unversioned(path: &str) -> (&str, bool) {
    match path.split_once('/') {
        Some((version, name)) if version.starts_with("v-") => (name, version == *VERSION),
        Some(_) | None => (path, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_present_version_is_for_ever() {
        let root = versioned_root().strip_prefix("/assets/").unwrap();
        assert_eq!(unversioned(&format!("{root}/console/main.js")), ("console/main.js", true));
        assert_eq!(unversioned("v-0123456789abcdef/console/main.js"), ("console/main.js", false));
        assert_eq!(unversioned("console/main.js"), ("console/main.js", false));
        assert_eq!(unversioned("app.css"), ("app.css", false));
    }

    #[test]
    fn every_file_of_the_console_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/console");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let served = ASSETS.iter().any(|asset| asset.name == format!("console/{name}"));
            assert!(served || name.ends_with(".rs"), "{name}");
        }
    }
}
