//! Configuration of our HTTP server: address, access and limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use harmonic_gateway::{Access, AllowedHosts, AllowedOrigins, KeySource};

use crate::error::{AppError, Result};
use crate::puller::{PullPolicy, StorePuller};
use crate::settings::Settings;
use crate::tool_sets::ToolSets;
use crate::watched_keys::WatchedKeys;

/// Default limit of queued requests per agent.
pub const QUEUE: u32 = 256;

/// Default time that a request may be queued, in seconds: the timeout of OpenAI's client libraries.
pub const QUEUE_TIMEOUT: u64 = 600;

/// Address, access and limits as given by the user.
#[derive(Clone, Debug)]
pub struct ListenRequest {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 for any free one.
    pub port: u16,
    /// Whether requests need no API key.
    pub without_keys: bool,
    /// Host names accepted beside `localhost`; `*` for any.
    pub allow_hosts: Vec<String>,
    /// Origins allowed by CORS; `*` for any.
    pub cors_origins: Vec<String>,
    /// Queued requests per agent, at most.
    pub queue_limit: u32,
    /// Time that a request may be queued, at most.
    pub queue_timeout: Duration,
    /// Connections at once, at most; `None` for the default.
    pub connections: Option<NonZeroU32>,
    /// Connections of one address, at most; `None` for three quarters of all.
    pub connections_per_address: Option<NonZeroU32>,
    /// Models that clients may pull; `None` for none.
    pub allow_pull: Option<PullPolicy>,
}

/// Validated address, access and limits of a server.
pub struct ListenConfig {
    pub(crate) address: SocketAddr,
    pub(crate) access: Access,
    pub(crate) queue_limit: u32,
    pub(crate) queue_timeout: Duration,
    pub(crate) connections: Option<NonZeroU32>,
    pub(crate) connections_per_address: Option<NonZeroU32>,
    /// Puller of models for clients; `None` where they may pull none.
    pub(crate) puller: Option<StorePuller>,
    /// Whether the server offers runs, and lets those of an earlier process go on.
    pub(crate) offers_runs: bool,
    /// Whether refusals of long prompts name commands that hold them on this machine.
    pub(crate) names_larger_contexts: bool,
    /// Tools that runs may name; `None` for none.
    pub(crate) tools: Option<ToolSets>,
}

impl ListenConfig {
    /// Configuration of a server for our own use: any free port of a loopback address, without runs.
    pub fn private() -> Self {
        let hosts = AllowedHosts::Local { extra: Vec::new() };
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            access: Access { hosts, ..Access::default() },
            queue_limit: QUEUE,
            queue_timeout: Duration::from_secs(QUEUE_TIMEOUT),
            connections: None,
            connections_per_address: None,
            puller: None,
            offers_runs: false,
            names_larger_contexts: false,
            tools: None,
        }
    }

    /// The configuration, with runs.
    #[must_use]
    pub fn with_runs(self) -> Self {
        Self { offers_runs: true, ..self }
    }

    /// The configuration, with tools that runs may name.
    #[must_use]
    pub fn with_tools(self, tools: Option<ToolSets>) -> Self {
        Self { tools, ..self }
    }

    /// Validates `request` and reads the API keys.
    ///
    /// # Errors
    /// When the address is reachable from the network and there are neither keys nor
    /// `without_keys`; when the key file is invalid.
    pub fn new(request: &ListenRequest, settings: &Settings) -> Result<Self> {
        let ListenRequest { host, port, .. } = *request;
        let keys = if request.without_keys { None } else { WatchedKeys::open(&settings.keys)? };
        let local = host.is_loopback();
        if !local && !request.without_keys && keys.is_none() {
            let what = format!("{host} is reachable from the network, and there are no API keys");
            let hint = "`harmonic keys add NAME` creates one; --without-keys allows requests \
                        without a key";
            return Err(AppError::refused(what, hint));
        }
        let hosts = allowed_hosts(&request.allow_hosts, local || keys.is_none());
        let origins = AllowedOrigins::new(request.cors_origins.iter().map(String::as_str))?;
        Ok(Self {
            address: SocketAddr::new(host, port),
            access: Access {
                keys: keys.map(|keys| Arc::new(keys) as Arc<dyn KeySource>),
                hosts,
                origins,
            },
            queue_limit: request.queue_limit,
            queue_timeout: request.queue_timeout,
            connections: request.connections,
            connections_per_address: request.connections_per_address,
            puller: request
                .allow_pull
                .map(|allowed| StorePuller { settings: settings.clone(), allowed }),
            offers_runs: true,
            names_larger_contexts: true,
            tools: None,
        })
    }

    /// Checks that the address is free.
    ///
    /// # Errors
    /// When the port is in use, or the address is not one of this machine.
    pub async fn check_address(&self) -> Result<()> {
        // Without a connection, the port is free again at once.
        drop(harmonic_gateway::bind(self.address).await?);
        Ok(())
    }

    /// Whether a request needs a key.
    pub fn needs_key(&self) -> bool {
        self.access.keys.is_some()
    }
}

impl std::fmt::Debug for ListenConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListenConfig").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Host names that requests may have. Without keys, the host name is the only protection against
/// DNS rebinding, on any address; with keys, a rebound page has no key, so off loopback any name is
/// accepted unless names are given.
fn allowed_hosts(allowed: &[String], is_restricted: bool) -> AllowedHosts {
    if allowed.iter().any(|name| name == "*") {
        return AllowedHosts::Any;
    }
    let plain = |name: &String| name.trim_end_matches('.').to_lowercase();
    let extra: Vec<String> = allowed.iter().map(plain).collect();
    if is_restricted || !extra.is_empty() {
        AllowedHosts::Local { extra }
    } else {
        AllowedHosts::Any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_name_is_accepted_only_with_keys_or_an_asterisk() {
        let allowed =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let local = |names: &[&str]| AllowedHosts::Local { extra: allowed(names) };
        assert_eq!(allowed_hosts(&[], true), local(&[]));
        assert_eq!(allowed_hosts(&[], false), AllowedHosts::Any);
        assert_eq!(allowed_hosts(&allowed(&["Box.lan."]), true), local(&["box.lan"]));
        assert_eq!(allowed_hosts(&allowed(&["box.lan"]), false), local(&["box.lan"]));
        assert_eq!(allowed_hosts(&allowed(&["box.lan", "*"]), true), AllowedHosts::Any);
    }
}
