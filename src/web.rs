//! Pages and their assets, embedded in the binary. Pure: language and facts in, HTML out. Pages work under
//! `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'`.

use askama::Template;
use frontdesk_actors::view::CompanyView;

mod assets;
mod console;
mod language;
mod onboarding;
mod qr;
#[cfg(test)]
mod tests;
mod wire;
mod words;

pub use assets::{Asset, unversioned};
pub use console::console;
pub use language::Language;
pub use wire::{CapWire, LimitsWire, LinkWire, PASSKEY_ORIGIN, PasskeyWire, seconds_left};

use assets::{ASSETS, versioned_root};
use words::{Text, Words};

/// The way back into YClients.
const YCLIENTS: &str = "https://yclients.com/";

/// Our start page.
const HOME: &str = "/marketplace/";

/// What a page error is about; each has its own words and way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageError {
    /// 503: partner token or application id missing.
    NotConfigured,
    /// 400: salon id missing or not a number.
    BadSalon,
    /// 403: signature missing or wrong.
    BadSignature,
    /// 403: the same signed data came with another salon.
    LinkReplayed,
    /// 403: YClients says the app is not being installed there.
    NotInstalled,
    /// 403: the salon is connected already, by another owner.
    OtherOwner,
    /// 502: YClients can't be asked.
    MarketplaceDown,
    /// 400: onboarding without a token.
    TokenMissing,
    /// 401: token invalid.
    TokenInvalid,
    /// 401: token expired.
    TokenExpired,
    /// 404.
    NotFound,
    /// 429.
    TooMany,
    /// 500/503: our side.
    Unavailable,
}

impl PageError {
    /// Where its way back leads, and what it is called.
    fn way_back(self, words: &Words) -> (&'static str, &'static str) {
        match self {
            Self::NotFound | Self::TooMany | Self::Unavailable => (HOME, words.frame.to_start),
            Self::NotConfigured
            | Self::BadSalon
            | Self::BadSignature
            | Self::LinkReplayed
            | Self::NotInstalled
            | Self::OtherOwner
            | Self::MarketplaceDown
            | Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenExpired => (YCLIENTS, words.frame.back_to_yclients),
        }
    }
}

/// Where the language switch leads, and the page itself.
struct LanguageLinks {
    ru: String,
    en: String,
    here: String,
}

impl LanguageLinks {
    /// Keeps the page's own `query`, which is encoded already.
    fn of(query: &str, language: Language) -> Self {
        let link = |language: Language| match query {
            "" => format!("?lang={}", language.code()),
            query => format!("?{query}&lang={}", language.code()),
        };
        Self { ru: link(Language::Ru), en: link(Language::En), here: link(language) }
    }
}

#[derive(Template)]
#[template(path = "landing.html", config = "src/web/askama.toml")]
struct LandingPage {
    language: Language,
    words: &'static Words,
    languages: LanguageLinks,
    home: &'static str,
    yclients: &'static str,
}

#[derive(Template)]
#[template(path = "error.html", config = "src/web/askama.toml")]
struct ErrorPage<'a> {
    language: Language,
    words: &'static Words,
    home: &'static str,
    error: Text,
    way_back: &'static str,
    back: &'static str,
    request_id: &'a str,
}

/// The landing page.
pub fn landing(language: Language) -> String {
    let page =
        LandingPage { language, words: words::of(language), languages: LanguageLinks::of("", language), home: HOME, yclients: YCLIENTS };
    page.render().expect("a template over strings cannot fail")
}

/// The onboarding page for the holder of `token`. Everything dynamic is escaped; the page's script reads data attributes.
pub fn onboarding(language: Language, token: &str, view: &CompanyView) -> String {
    onboarding::render(language, token, &view.for_people(), chrono::Utc::now())
}

/// An error page with a way back.
pub fn error_page(language: Language, error: PageError, request_id: &str) -> String {
    let words = words::of(language);
    let (way_back, back) = error.way_back(words);
    let page = ErrorPage { language, words, home: HOME, error: (words.error)(error), way_back, back, request_id };
    page.render().expect("a template over strings cannot fail")
}

/// The page that shows the description of the API.
pub fn docs() -> &'static str {
    include_str!("web/docs.html")
}

/// One embedded asset (`app.css`, `onboarding.js`, …).
pub fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// A QR code as an SVG data URL.
pub fn qr_svg_data_url(text: &str) -> String {
    qr::svg_data_url(text)
}

/// The same as PNG.
pub fn qr_png_data_url(text: &str) -> String {
    qr::png_data_url(text)
}
