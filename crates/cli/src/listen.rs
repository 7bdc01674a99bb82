//! Arguments for the address, access control and limits of a server.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use harmonic_app::PullPolicy;
use harmonic_app::listen::{ListenRequest, QUEUE, QUEUE_TIMEOUT};

use super::values;

/// Address, access control and limits of a server.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Address to listen on; any but a loopback address needs API keys (`harmonic keys add`)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = values::address)]
    pub host: IpAddr,
    /// Accept requests without an API key on any address
    #[arg(long)]
    pub without_keys: bool,
    /// Additional host name that clients may use besides localhost, such as that of a proxy, or *
    /// for any; repeatable [default: any with API keys on a network address, else none]
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// Origin whose pages may send requests from a browser (scheme and host), or * for any;
    /// repeatable
    #[arg(long, value_name = "ORIGIN")]
    pub cors_origin: Vec<String>,
    /// Queued requests per agent; further ones are refused with status 429
    #[arg(long, value_name = "N", default_value_t = QUEUE,
        value_parser = values::whole::<u32>("number", "requests", 1..=u32::MAX.into()))]
    pub queue: u32,
    /// Seconds that a request may wait in the queue before it is refused with status 503
    #[arg(long, value_name = "SECONDS", default_value_t = QUEUE_TIMEOUT,
        value_parser = values::whole::<u64>("time", "seconds", 1..=u64::MAX))]
    pub queue_timeout: u64,
    /// Simultaneous connections [default: 8192, or as many as file descriptors allow]
    #[arg(long, value_name = "N", value_parser = values::count("connections"))]
    pub connections: Option<NonZeroU32>,
    /// Simultaneous connections per client address; one more closes an idle one [default: three
    /// quarters]
    #[arg(long, value_name = "N", value_parser = values::count("connections"))]
    pub connections_per_address: Option<NonZeroU32>,
    /// Allow clients to fetch models (POST /api/pull), one at a time per key: catalog models, or
    /// with =any all models of the hub [default: none]
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true,
        default_missing_value = "catalog")]
    pub allow_pull: Option<AllowPull>,
}

/// Values of `--allow-pull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AllowPull {
    /// Models of the catalog
    Catalog,
    /// Any model of the hub
    Any,
}

impl ListenArgs {
    /// Corresponding request to `app`, for `port`.
    pub fn request(&self, port: u16) -> ListenRequest {
        ListenRequest {
            host: self.host,
            port,
            without_keys: self.without_keys,
            allow_hosts: self.allow_host.clone(),
            cors_origins: self.cors_origin.clone(),
            queue_limit: self.queue,
            queue_timeout: Duration::from_secs(self.queue_timeout),
            connections: self.connections,
            connections_per_address: self.connections_per_address,
            allow_pull: self.allow_pull.map(PullPolicy::from),
        }
    }
}

impl From<AllowPull> for PullPolicy {
    fn from(arg: AllowPull) -> Self {
        match arg {
            AllowPull::Catalog => Self::Catalog,
            AllowPull::Any => Self::Any,
        }
    }
}

/// Subcommands of `keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Create a key and print it once
    Add {
        /// Name of the key's owner
        name: String,
        /// Requests per minute [default: no limit]
        #[arg(long, value_name = "N", value_parser = values::count("requests"))]
        per_minute: Option<NonZeroU32>,
        /// Let the key approve commands of its own runs
        #[arg(long)]
        approve_commands: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the names of the keys
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a key
    Rm {
        /// Name of the key's owner
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
