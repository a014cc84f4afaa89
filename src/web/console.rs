//! The console's page: a frame; its scripts fill it from the admin API, in the operator's language.

#[cfg(test)]
mod tests;

use super::Language;

/// The page in this language.
pub fn console(language: Language) -> &'static str {
    match language {
        Language::Ru => include_str!("console/ru.html"),
        Language::En => include_str!("console/en.html"),
    }
}

/// Scripts and styles of the console.
pub(super) fn asset(path: &str) -> Option<(&'static str, &'static [u8])> {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    const STYLE: &str = "text/css; charset=utf-8";
    match path {
        "console/console.css" => Some((STYLE, include_bytes!("console/console.css"))),
        "console/main.js" => Some((SCRIPT, include_bytes!("console/main.js"))),
        "console/api.js" => Some((SCRIPT, include_bytes!("console/api.js"))),
        "console/dom.js" => Some((SCRIPT, include_bytes!("console/dom.js"))),
        "console/charts.js" => Some((SCRIPT, include_bytes!("console/charts.js"))),
        "console/overview.js" => Some((SCRIPT, include_bytes!("console/overview.js"))),
        "console/companies.js" => Some((SCRIPT, include_bytes!("console/companies.js"))),
        "console/company.js" => Some((SCRIPT, include_bytes!("console/company.js"))),
        "console/client.js" => Some((SCRIPT, include_bytes!("console/client.js"))),
        "console/inbox.js" => Some((SCRIPT, include_bytes!("console/inbox.js"))),
        "console/keys.js" => Some((SCRIPT, include_bytes!("console/keys.js"))),
        "console/audit.js" => Some((SCRIPT, include_bytes!("console/audit.js"))),
        "console/words_ru.js" => Some((SCRIPT, include_bytes!("console/words_ru.js"))),
        "console/words_en.js" => Some((SCRIPT, include_bytes!("console/words_en.js"))),
        _ => None,
    }
}
