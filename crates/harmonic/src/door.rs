//! Where a server of ours listens, who may come in, and how many may wait.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use harmonic_gateway::{Access, Hosts, Origins};

use crate::cli;
use crate::failure::Failure;
use crate::keyring::Keyring;
use crate::puller::StorePuller;
use crate::settings::Settings;

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
            puller: None,
        }
    }

    /// What the arguments ask for, on `port`.
    ///
    /// # Errors
    /// When it would be open to a network without keys and nobody said that it should; when the
    /// file of keys cannot be understood.
    pub fn new(args: &cli::Door, port: u16, settings: &Settings) -> anyhow::Result<Self> {
        let keys = if args.without_keys { None } else { Keyring::open(&settings.keys)?.keys()? };
        let local = args.host.is_loopback();
        if !local && !args.without_keys && keys.is_none() {
            let what = format!("{} is open to a network, and there are no API keys", args.host);
            let hint = "`harmonic keys add NAME` makes one; --without-keys lets in whoever reaches \
                        this machine";
            return Err(Failure::new(what, hint).into());
        }
        let also: Vec<String> = args.allow_host.iter().map(|name| name.to_lowercase()).collect();
        // Under which names a network knows this machine is not ours to say.
        let hosts = if local || !also.is_empty() { Hosts::Local { also } } else { Hosts::Any };
        let origins = Origins::new(args.cors_origin.iter().map(String::as_str))?;
        Ok(Self {
            address: SocketAddr::new(args.host, port),
            access: Access { keys: keys.map(Arc::new), hosts, origins },
            queue_limit: args.queue,
            queue_timeout: Duration::from_secs(args.queue_timeout.get()),
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
