//! Who may change something: no page of another origin, and for some things only a client with the token.

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use crate::Settings;
use crate::problem::Problem;

/// Refuses a request that was made by a page of another origin, unless that origin is allowed.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`; pages cannot forge either. A
/// request without both is no browser's. On a loopback address the name of the host is checked as well, because a page
/// can give its own name this machine's address and so share its origin ("DNS rebinding").
pub(crate) fn check_origin(headers: &HeaderMap, settings: &Settings) -> Result<(), Problem> {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    check_site(headers, settings, origin.is_some_and(|origin| settings.allows(origin)))
}

fn check_site(headers: &HeaderMap, settings: &Settings, is_allowed: bool) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let Some(host) = text(HOST).and_then(|host| host.parse::<Authority>().ok()) else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the header Host is missing or is no host"));
    };
    let is_own = !settings.is_local()
        || is_of_this_machine(host.host())
        || settings.hosts.iter().any(|name| name == host.host());
    let is_same = match (headers.get("sec-fetch-site"), text(ORIGIN)) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => origin.split_once("://").is_some_and(|(_, origin)| origin == host.as_str()),
        (None, None) => true,
    };
    if is_own && (is_same || is_allowed) {
        return Ok(());
    }
    let detail = "pages of other origins may not do this; open the server under its own name, or start it with \
        --allow-origin ORIGIN";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

fn is_of_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Refuses a request that may not see or change what is not everybody's: as [`check_origin`], and by the token. Without a
/// token no other origin is allowed: whoever sits at this machine is trusted, and the pages that they visit are not.
pub(crate) fn authorize(headers: &HeaderMap, settings: &Settings) -> Result<(), Problem> {
    match settings.token {
        Some(_) => check_origin(headers, settings)?,
        None => check_site(headers, settings, false)?,
    }
    check_token(headers, settings)
}

fn check_token(headers: &HeaderMap, settings: &Settings) -> Result<(), Problem> {
    let Some(token) = &settings.token else {
        let detail =
            "this is closed while the server has no token; start it with one, or on a loopback address";
        let closed = || Problem::new(StatusCode::FORBIDDEN, detail);
        return if settings.is_local() { Ok(()) } else { Err(closed()) };
    };
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if sent.is_some_and(|sent| are_equal(sent, token.as_bytes())) {
        return Ok(());
    }
    let challenge = HeaderValue::from_static("Bearer");
    let detail = "this needs the server's token, as Authorization: Bearer TOKEN";
    Err(Problem::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, challenge))
}

/// Compares in a time that does not depend on where the first difference is.
fn are_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    fn settings(address: &str, token: Option<&str>) -> Settings {
        let hosts = vec!["digits.example".into()];
        let (address, token) = (address.parse().unwrap(), token.map(Into::into));
        Settings { address, token, hosts, ..Settings::default() }
    }

    #[test]
    fn a_page_of_another_origin_is_turned_away() {
        let local = settings("127.0.0.1:7860", None);
        let open = settings("0.0.0.0:7860", None);
        let (host, there) = (("host", "127.0.0.1:7860"), ("host", "reader.example"));
        for (settings, pairs, status) in [
            (&local, &[host][..], 200),
            (&local, &[("host", "localhost:7860")], 200),
            (&local, &[("host", "[::1]:7860")], 200),
            (&local, &[("host", "digits.example")], 200),
            (&local, &[host, ("origin", "http://127.0.0.1:7860")], 200),
            (&local, &[host, ("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:7860")], 200),
            (&local, &[host, ("sec-fetch-site", "cross-site")], 403),
            (&local, &[host, ("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:7860")], 403),
            (&local, &[host, ("origin", "http://evil.example")], 403),
            (&local, &[host, ("origin", "http://127.0.0.1:8000")], 403),
            (&local, &[host, ("origin", "null")], 403),
            (&local, &[("host", "evil.example"), ("sec-fetch-site", "same-origin")], 403),
            (&local, &[("host", "127.0.0.1.evil.example")], 403),
            (&local, &[], 400),
            (&local, &[("host", "a b")], 400),
            (&open, &[there, ("origin", "https://reader.example")], 200),
            (&open, &[there, ("origin", "https://evil.example")], 403),
        ] {
            let found = check_origin(&headers(pairs), settings)
                .map_or_else(|problem| problem.status.as_u16(), |()| 200);
            assert_eq!(found, status, "{pairs:?} on {}", settings.address);
        }
    }

    #[test]
    fn the_token_is_needed_where_others_can_reach_the_server() {
        let right = [("authorization", "Bearer secret")];
        for (address, token, pairs, status) in [
            ("127.0.0.1:1", None, &[][..], 200),
            ("[::ffff:127.0.0.1]:1", None, &[], 200),
            ("127.0.0.1:1", Some("secret"), &[], 401),
            ("127.0.0.1:1", Some("secret"), &right, 200),
            ("0.0.0.0:1", None, &[], 403),
            ("0.0.0.0:1", None, &right, 403),
            ("192.0.2.7:1", Some("secret"), &[("authorization", "Bearer secrex")], 401),
            ("192.0.2.7:1", Some("secret"), &[("authorization", "Bearer secret ")], 401),
            ("192.0.2.7:1", Some("secret"), &[("authorization", "Basic secret")], 401),
            ("192.0.2.7:1", Some("secret"), &right, 200),
        ] {
            let found = check_token(&headers(pairs), &settings(address, token));
            let found = found.map_or_else(|problem| problem.status.as_u16(), |()| 200);
            assert_eq!(found, status, "{pairs:?} on {address} with {token:?}");
        }
    }

    #[test]
    fn an_allowed_origin_may_do_what_needs_no_token() {
        let allowing = |origin: &str, token| {
            let allow_origins = vec![origin.into()];
            Settings { allow_origins, ..settings("127.0.0.1:7860", token) }
        };
        let from = |origin| [("host", "localhost"), ("origin", origin), ("sec-fetch-site", "cross-site")];
        let token = ("authorization", "Bearer secret");
        for (allowed, origin, is_fine) in [
            ("https://digits.example", "https://digits.example", true),
            ("https://digits.example", "https://evil.example", false),
            ("https://digits.example", "http://digits.example", false),
            ("*", "https://evil.example", true),
            ("*", "null", true),
        ] {
            let headers = headers(&from(origin));
            assert_eq!(check_origin(&headers, &allowing(allowed, None)).is_ok(), is_fine, "{origin}");
            assert!(authorize(&headers, &allowing(allowed, None)).is_err(), "{origin} without a token");
        }
        let with_token = headers(&[&from("https://a.example")[..], &[token]].concat());
        assert!(authorize(&with_token, &allowing("*", Some("secret"))).is_ok());
        let rebound = headers(&[("host", "evil.example"), ("origin", "https://a.example")]);
        assert!(check_origin(&rebound, &allowing("*", None)).is_err(), "the host's name still counts");
    }
}
