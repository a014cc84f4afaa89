//! Pages and their assets, embedded in the binary. Pure: language and facts in, HTML out.

use frontdesk_actors::view::CompanyView;

/// Languages of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Russian, the default.
    Ru,
    /// English.
    En,
}

impl Language {
    /// From `?lang=` first, then the `lang` cookie, then `Accept-Language`, then Russian.
    pub fn choose(query: Option<&str>, cookie: Option<&str>, accept_language: Option<&str>) -> Self {
        let _ = (query, cookie, accept_language);
        unimplemented!("written by the web work")
    }
}

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

/// The landing page.
pub fn landing(language: Language) -> String {
    let _ = language;
    unimplemented!("written by the web work")
}

/// The onboarding page for the holder of `token`. Everything dynamic is escaped; the page's script reads data attributes.
pub fn onboarding(language: Language, token: &str, view: &CompanyView) -> String {
    let _ = (language, token, view);
    unimplemented!("written by the web work")
}

/// An error page with a way back.
pub fn error_page(language: Language, error: PageError, request_id: &str) -> String {
    let _ = (language, error, request_id);
    unimplemented!("written by the web work")
}

/// One embedded asset (`app.css`, `onboarding.js`, …) with its content type.
pub fn asset(path: &str) -> Option<(&'static str, &'static [u8])> {
    let _ = path;
    unimplemented!("written by the web work")
}

/// A QR code as an SVG data URL and as a PNG data URL.
pub fn qr_svg_data_url(text: &str) -> String {
    let _ = text;
    unimplemented!("written by the web work")
}

/// The same as PNG.
pub fn qr_png_data_url(text: &str) -> String {
    let _ = text;
    unimplemented!("written by the web work")
}
