//! The console's page: a frame; its scripts fill it from the admin API, in the operator's language. The frame names all scripts, so that a browser
//! fetches them at once instead of one after the other as they import each other.

#[cfg(test)]
mod tests;

use askama::Template;

use super::{ASSETS, Language, versioned_root};

#[derive(Template)]
#[template(path = "console.html", config = "src/web/askama.toml")]
struct Page {
    language: Language,
    root: &'static str,
    modules: Vec<&'static str>,
    loading: &'static str,
    no_script: &'static str,
}

/// The page in this language.
pub fn console(language: Language) -> String {
    let (loading, no_script) = match language {
        Language::Ru => ("Загрузка…", "Консоль работает со скриптами: включите JavaScript для этого адреса."),
        Language::En => ("Loading…", "The console works with scripts: turn JavaScript on for this address."),
    };
    let of_the_page = |name: &&str| name.starts_with("console/") && name.ends_with(".js") && *name != "console/main.js";
    let modules = ASSETS.iter().map(|asset| asset.name).filter(of_the_page).chain(["live.js"]).collect();
    let page = Page { language, root: versioned_root(), modules, loading, no_script };
    page.render().expect("a template over strings cannot fail")
}
