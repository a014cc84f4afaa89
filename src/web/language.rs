//! Which language a visitor gets.

/// Languages of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Russian, the default.
    Ru,
    /// English.
    En,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// From `?lang=` first, then the `lang` cookie, then `Accept-Language`, then Russian.
    pub fn choose(query: Option<&str>, cookie: Option<&str>, accept_language: Option<&str>) -> Self {
        query
            .and_then(Self::of_tag)
            .or_else(|| cookie.and_then(Self::of_tag))
            .or_else(|| accept_language.and_then(Self::of_header))
            .unwrap_or(Self::Ru)
    }

    /// The code for `<html lang>` and `?lang=`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// `ru`, `ru-RU`, `EN_us`: the main part decides.
    fn of_tag(tag: &str) -> Option<Self> {
        let main = tag.trim().split(['-', '_']).next().unwrap_or("");
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(main))
    }

    /// The known language with the highest weight; the first one of equals. Weight 0 means "not this one".
    fn of_header(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for part in header.split(',').take(32) {
            let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse().ok());
            let (Some(language), Some(weight)) = (Self::of_tag(tag), weight) else { continue };
            if weight > best.map_or(0.0, |(best, _)| best) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, En, Ru};

    #[test]
    fn query_beats_cookie_beats_header_beats_russian() {
        type Row = (Option<&'static str>, Option<&'static str>, Option<&'static str>, Language);
        let table: [Row; 18] = [
            (None, None, None, Ru),
            (Some("en"), Some("ru"), Some("ru"), En),
            (Some("EN-gb"), None, None, En),
            (Some("de"), Some("en"), Some("ru"), En),
            (Some(""), None, Some("en"), En),
            (None, Some("ru"), Some("en"), Ru),
            (None, Some("<script>"), Some("en"), En),
            (None, None, Some("en-US,en;q=0.9,ru;q=0.8"), En),
            (None, None, Some("ru-RU,ru;q=0.9,en-US;q=0.8"), Ru),
            (None, None, Some("de-DE,de;q=0.9,en;q=0.5"), En),
            (None, None, Some("ru;q=0.3, en;q=0.7"), En),
            (None, None, Some("en;q=0, ru;q=0.1"), Ru),
            (None, None, Some("en;q=0"), Ru),
            (None, None, Some("en;q=abc"), Ru),
            (None, None, Some("*"), Ru),
            (None, None, Some("zh-CN"), Ru),
            (None, None, Some(",,;;q=,"), Ru),
            (None, None, Some("en;q=NaN"), Ru),
        ];
        for (query, cookie, header, expected) in table {
            assert_eq!(Language::choose(query, cookie, header), expected, "{query:?} {cookie:?} {header:?}");
        }
    }
}
