//! Which addresses are those of this machine.

use std::net::IpAddr;

use reqwest::Url;

/// Whether what is sent to `url` stays on this machine.
pub(super) fn is_of_this_machine(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match address {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_of_this_machine() {
        for url in [
            "http://127.0.0.1:8000/mcp",
            "http://127.9.9.9",
            "http://LOCALHOST/mcp",
            "https://team.localhost:1/",
            "http://[::1]:8000/mcp",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert!(is_of_this_machine(url), "{url}");
        }
        for url in [
            "http://10.0.0.1/mcp",
            "https://localhost.example.org",
            "http://localhost@example.org/",
            "http://127.0.0.1.example.org",
            "http://0.0.0.0/",
            "http://[::2]/",
            "http://",
        ] {
            assert!(!is_of_this_machine(url), "{url}");
        }
    }
}
