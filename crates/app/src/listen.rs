//! Address, access and limits of a server of ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use harmonic_gateway::{Access, Hosts, KeySource, Origins};

use crate::error::{AppError, Result};
use crate::puller::{PullPolicy, StorePuller};
use crate::settings::Settings;
use crate::watched_keys::WatchedKeys;

/// Requests that may wait for each agent unless told otherwise.
pub const QUEUE: u32 = 256;

/// Seconds that a request may wait unless told otherwise: as long as OpenAI's client libraries wait.
pub const QUEUE_TIMEOUT: u64 = 600;

/// Address, access and limits as asked for.
#[derive(Clone, Debug)]
pub struct ListenRequest {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 for any free one.
    pub port: u16,
    /// Whether anybody who reaches the address is let in.
    pub without_keys: bool,
    /// Names beside localhost under which clients ask; `*` for any.
    pub allow_hosts: Vec<String>,
    /// Sites whose pages may ask from a browser; `*` for any.
    pub cors_origins: Vec<String>,
    /// Most requests that wait for each agent.
    pub queue_limit: u32,
    /// How long a request may wait.
    pub queue_timeout: Duration,
    /// Most connections at once; `None` for as many as are good here.
    pub connections: Option<NonZeroU32>,
    /// Most of one address; `None` for most of them.
    pub connections_per_address: Option<NonZeroU32>,
    /// Which models clients may have fetched; `None` for none.
    pub allow_pull: Option<PullPolicy>,
}

/// Address, access and limits of a server.
pub struct ListenConfig {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Who is let in.
    pub(crate) access: Access,
    /// Most requests that wait for each agent.
    pub(crate) queue_limit: u32,
    /// How long a request may wait.
    pub(crate) queue_timeout: Duration,
    /// Most connections at once; `None` for as many as are good here.
    pub(crate) connections: Option<NonZeroU32>,
    /// Most of one address; `None` for most of them.
    pub(crate) connections_per_address: Option<NonZeroU32>,
    /// Who fetches models for clients, if they may have any fetched.
    pub(crate) puller: Option<StorePuller>,
}

impl ListenConfig {
    /// Any free port of this machine, for a server that only we ask.
    pub fn private() -> Self {
        let hosts = Hosts::Local { also: Vec::new() };
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            access: Access { hosts, ..Access::default() },
            queue_limit: QUEUE,
            queue_timeout: Duration::from_secs(QUEUE_TIMEOUT),
            connections: None,
            connections_per_address: None,
            puller: None,
        }
    }

    /// What `request` asks for.
    ///
    /// # Errors
    /// When it would be open to a network without keys and nobody said that it should; when the
    /// file of keys cannot be understood.
    pub fn new(request: &ListenRequest, settings: &Settings) -> Result<Self> {
        let ListenRequest { host, port, .. } = *request;
        let keys = if request.without_keys { None } else { WatchedKeys::open(&settings.keys)? };
        let local = host.is_loopback();
        if !local && !request.without_keys && keys.is_none() {
            let what = format!("{host} is open to a network, and there are no API keys");
            let hint = "`harmonic keys add NAME` makes one; --without-keys lets in whoever reaches \
                        this machine";
            return Err(AppError::refused(what, hint));
        }
        let hosts = hosts(&request.allow_hosts, local || keys.is_none());
        let origins = Origins::new(request.cors_origins.iter().map(String::as_str))?;
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
        })
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

/// Names under which the server may be asked. Where keys are needed, a page that made a browser
/// believe that this machine has its name still has none; where they are not, the name is all there
/// is to tell it by, wherever the server listens.
fn hosts(allowed: &[String], guarded: bool) -> Hosts {
    if allowed.iter().any(|name| name == "*") {
        return Hosts::Any;
    }
    let plain = |name: &String| name.trim_end_matches('.').to_lowercase();
    let also: Vec<String> = allowed.iter().map(plain).collect();
    if guarded || !also.is_empty() { Hosts::Local { also } } else { Hosts::Any }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_or_a_word_of_the_owner_let_any_name_in() {
        let allowed =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let local = |names: &[&str]| Hosts::Local { also: allowed(names) };
        assert_eq!(hosts(&[], true), local(&[]));
        assert_eq!(hosts(&[], false), Hosts::Any);
        assert_eq!(hosts(&allowed(&["Box.lan."]), true), local(&["box.lan"]));
        assert_eq!(hosts(&allowed(&["box.lan"]), false), local(&["box.lan"]));
        assert_eq!(hosts(&allowed(&["box.lan", "*"]), true), Hosts::Any);
    }
}
