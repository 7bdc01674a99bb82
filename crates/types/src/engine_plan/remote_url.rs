//! The address of a server that already runs.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// Greatest length in bytes; far above that of an address in use.
const MAX_BYTES: usize = 2048;

/// A base address: `http` or `https`, host, perhaps port and path; without credentials, query,
/// fragment, `/v1` and a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteUrl {
    base: String,
    leaves_machine: bool,
    encrypted: bool,
}

impl RemoteUrl {
    /// The base address, to which paths such as `/v1/models` are appended.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// Whether requests leave this machine: the host is not loopback.
    pub const fn leaves_machine(&self) -> bool {
        self.leaves_machine
    }

    /// Whether requests are encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.base)
    }
}

impl FromStr for RemoteUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What was given may hold a password, so no error repeats it.
        let expected = "expected http://HOST[:PORT] or https://HOST[:PORT], perhaps with a path";
        if text.len() > MAX_BYTES {
            return Err(format!(
                "invalid URL of {} bytes: expected at most {MAX_BYTES}",
                text.len()
            ));
        }
        let mut url =
            Url::parse(text).map_err(|error| format!("invalid URL ({error}): {expected}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("invalid scheme `{}` of a URL: {expected}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("invalid URL with a user or password: name the environment variable that \
                        holds the key (`key_env`), so that the key is in no file"
                .to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("invalid URL with a query or fragment: {expected}"));
        }
        let leaves_machine = match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name != "localhost" && !name.ends_with(".localhost")
            }
            Some(Host::Ipv4(address)) => !is_loopback(address.into()),
            Some(Host::Ipv6(address)) => !is_loopback(address.into()),
            None => return Err(format!("invalid URL without a host: {expected}")),
        };
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/').to_owned();
        url.set_path(&path);
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { base, leaves_machine, encrypted: url.scheme() == "https" })
    }
}

/// Whether packets to `address` stay on this machine, also when it is written as IPv6.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
