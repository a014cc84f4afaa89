//! Where a request shows what opens something. What may come once and comes twice is refused: of two, each reader could take another one.

use axum::http::{HeaderMap, HeaderName, header};

use super::TokenError;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The only one.
pub fn once<T>(values: impl IntoIterator<Item = T>) -> Result<T, TokenError> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(TokenError::Missing)?;
    if values.next().is_none() { Ok(value) } else { Err(TokenError::Invalid) }
}

/// The text of a header.
pub fn header_once(headers: &HeaderMap, name: HeaderName) -> Result<&str, TokenError> {
    once(headers.get_all(name))?.to_str().map(str::trim).map_err(|_| TokenError::Invalid)
}

/// The text after `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Result<&str, TokenError> {
    let value = header_once(headers, header::AUTHORIZATION)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(TokenError::Missing) }
}

/// A key: `Authorization: Bearer <key>` or `X-API-Key: <key>`; one of them.
pub fn key(headers: &HeaderMap) -> Result<&str, TokenError> {
    match (header_once(headers, API_KEY), bearer(headers)) {
        (Err(TokenError::Missing), bearer) => bearer,
        (key, Err(TokenError::Missing)) => key,
        (_, _) => Err(TokenError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_comes_in_one_of_two_headers_and_once() {
        let (bearer, other, api_key) = (("authorization", "bearer  k "), ("authorization", "Basic eDp5"), ("x-api-key", " k"));
        for lines in [&[bearer][..], &[api_key], &[other, api_key]] {
            assert_eq!(key(&headers(lines)), Ok("k"), "{lines:?}");
        }
        for lines in [&[bearer, api_key][..], &[bearer, bearer], &[api_key, api_key], &[other, other], &[("x-api-key", "ключ")]] {
            assert_eq!(key(&headers(lines)), Err(TokenError::Invalid), "{lines:?}");
        }
        for lines in [&[][..], &[other]] {
            assert_eq!(key(&headers(lines)), Err(TokenError::Missing), "{lines:?}");
        }
    }
}
