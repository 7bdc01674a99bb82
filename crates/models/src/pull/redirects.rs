//! Redirect policies for the hub.
//!
//! Invariants: at most [`MAX_REDIRECTS`]; never from https to http; never to this machine, unless
//! the hub itself is on it; http only for an http hub chosen by the user, and only on that host.

use std::net::IpAddr;

use reqwest::Url;
use reqwest::redirect::{Attempt, Policy};

/// Maximum number of redirects.
pub(crate) const MAX_REDIRECTS: usize = 10;

/// Whether the host is a loopback name or address.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        }
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Whether a hub at `hub` may redirect from `from` to `to`.
fn is_allowed(hub: &Url, from: &Url, to: &Url) -> bool {
    if is_loopback(to) && !is_loopback(hub) {
        return false;
    }
    match to.scheme() {
        "https" => true,
        "http" if from.scheme() == "http" => {
            is_loopback(to) || (hub.scheme() == "http" && to.host_str() == hub.host_str())
        }
        _ => false,
    }
}

/// Policy for the download of a file.
pub(super) fn follow_policy(hub: Url) -> Policy {
    Policy::custom(move |attempt| {
        if is_allowed_attempt(&hub, &attempt) {
            attempt.follow()
        } else {
            let to = attempt.url().origin().ascii_serialization();
            attempt.error(format!("it redirects to {to}, which is not followed"))
        }
    })
}

/// Policy for metadata of the hub: redirects to another host are not followed, without an error.
pub(super) fn same_host_policy(hub: Url) -> Policy {
    Policy::custom(move |attempt| {
        let from = attempt.previous().last().and_then(Url::host_str).map(str::to_owned);
        if is_allowed_attempt(&hub, &attempt) && from.as_deref() == attempt.url().host_str() {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

fn is_allowed_attempt(hub: &Url, attempt: &Attempt<'_>) -> bool {
    let from = attempt.previous().last();
    attempt.previous().len() <= MAX_REDIRECTS
        && from.is_some_and(|from| is_allowed(hub, from, attempt.url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_from_https_to_https_and_never_to_this_machine() {
        let allowed = |hub: &str, from: &str, to: &str| {
            let url = |text: &str| Url::parse(text).expect("an address");
            is_allowed(&url(hub), &url(from), &url(to))
        };
        let hub = "https://huggingface.co";
        assert!(allowed(hub, hub, "https://cdn.example/file"));
        assert!(!allowed(hub, hub, "http://cdn.example/file"));
        assert!(!allowed(hub, hub, "file:///etc/passwd"));
        for inwards in ["localhost", "127.0.0.1:8080", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
            assert!(!allowed(hub, hub, &format!("https://{inwards}/x")), "{inwards}");
            assert!(!allowed(hub, hub, &format!("http://{inwards}/x")), "{inwards}");
        }
        let here = "http://127.0.0.1:4000";
        assert!(allowed(here, here, "http://localhost:4000/x"));
        assert!(allowed(here, here, "https://cdn.example/x"));
        assert!(!allowed(here, "https://cdn.example/x", "http://localhost:4000/x"));
        assert!(!allowed(here, here, "http://cdn.example/x"));
        let mirror = "http://mirror.lan";
        assert!(allowed(mirror, mirror, "http://mirror.lan/x"));
        assert!(!allowed(mirror, mirror, "http://other.lan/x"));
    }
}
