//! Where a server of ours listens, who may come in, and how many may wait.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use harmonic_gateway::{Access, Hosts, KeySource, Origins};

use crate::cli;
use crate::failure::Failure;
use crate::puller::StorePuller;
use crate::settings::Settings;
use crate::watched_keys::WatchedKeys;

/// Where a server listens, who may come in, and how many may wait.
pub struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may come in.
    pub access: Access,
    /// Most requests that wait for each agent.
    pub queue_limit: u32,
    /// How long a request may wait.
    pub queue_timeout: Duration,
    /// Most connections at once; `None` for as many as are good here.
    pub connections: Option<NonZeroU32>,
    /// Most of one address; `None` for most of them.
    pub connections_per_address: Option<NonZeroU32>,
    /// Who fetches models for clients, if they may have any fetched.
    pub puller: Option<StorePuller>,
}

impl Door {
    /// Any free port of this machine, for a server that only we ask.
    pub fn private() -> Self {
        let hosts = Hosts::Local { also: Vec::new() };
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            access: Access { hosts, ..Access::default() },
            queue_limit: cli::Door::QUEUE,
            queue_timeout: Duration::from_secs(cli::Door::QUEUE_TIMEOUT),
            connections: None,
            connections_per_address: None,
            puller: None,
        }
    }

    /// What the arguments ask for, on `port`.
    ///
    /// # Errors
    /// When it would be open to a network without keys and nobody said that it should; when the
    /// file of keys cannot be understood.
    pub fn new(args: &cli::Door, port: u16, settings: &Settings) -> anyhow::Result<Self> {
        let keys = if args.without_keys { None } else { WatchedKeys::open(&settings.keys)? };
        let local = args.host.is_loopback();
        if !local && !args.without_keys && keys.is_none() {
            let what = format!("{} is open to a network, and there are no API keys", args.host);
            let hint = "`harmonic keys add NAME` makes one; --without-keys lets in whoever reaches \
                        this machine";
            return Err(Failure::new(what, hint).into());
        }
        let hosts = hosts(&args.allow_host, local || keys.is_none());
        let origins = Origins::new(args.cors_origin.iter().map(String::as_str))?;
        Ok(Self {
            address: SocketAddr::new(args.host, port),
            access: Access {
                keys: keys.map(|keys| Arc::new(keys) as Arc<dyn KeySource>),
                hosts,
                origins,
            },
            queue_limit: args.queue,
            queue_timeout: Duration::from_secs(args.queue_timeout.get()),
            connections: args.connections,
            connections_per_address: args.connections_per_address,
            puller: args
                .allow_pull
                .map(|allowed| StorePuller { settings: settings.clone(), allowed }),
        })
    }

    /// Whether a request needs a key.
    pub fn needs_key(&self) -> bool {
        self.access.keys.is_some()
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
