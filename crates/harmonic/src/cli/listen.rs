//! The arguments about address, access and limits of a server.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use harmonic_app::PullPolicy;
use harmonic_app::listen::{ListenRequest, QUEUE, QUEUE_TIMEOUT};

/// Where the server listens, who may come in, and how many may wait.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Address to serve on; any but a loopback address needs API keys (`harmonic keys add`)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Let in whoever reaches the address, keys or not
    #[arg(long)]
    pub without_keys: bool,
    /// A name besides localhost under which clients ask, such as that of a proxy, or * for any; may
    /// be given several times [default: any with API keys on an address of a network, else none]
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// A site whose pages may ask from a browser, by its scheme and host as the browser names it,
    /// or * for any; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    pub cors_origin: Vec<String>,
    /// Requests that may wait for each agent; one more is refused with status 429
    #[arg(long, value_name = "N", default_value_t = QUEUE,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub queue: u32,
    /// Seconds that a request may wait; then it is refused with status 503
    #[arg(long, value_name = "SECONDS", default_value_t = Self::DEFAULT_TIMEOUT)]
    pub queue_timeout: NonZeroU64,
    /// Connections at once [default: 8192, or as many as there are file descriptors for]
    #[arg(long, value_name = "N")]
    pub connections: Option<NonZeroU32>,
    /// Connections at once from one address; one more closes an idle one [default: three quarters]
    #[arg(long, value_name = "N")]
    pub connections_per_address: Option<NonZeroU32>,
    /// Let clients have models fetched (POST /api/pull), one at a time for each key: those of the
    /// catalog, or with =any any of the hub [default: none]
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true,
        default_missing_value = "catalog")]
    pub allow_pull: Option<AllowPull>,
}

/// What clients may have fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AllowPull {
    /// Models of the catalog
    Catalog,
    /// Any model of the hub
    Any,
}

impl ListenArgs {
    const DEFAULT_TIMEOUT: NonZeroU64 = NonZeroU64::new(QUEUE_TIMEOUT).expect("not zero");

    /// As the app is asked for it, on `port`.
    pub fn request(&self, port: u16) -> ListenRequest {
        ListenRequest {
            host: self.host,
            port,
            without_keys: self.without_keys,
            allow_hosts: self.allow_host.clone(),
            cors_origins: self.cors_origin.clone(),
            queue_limit: self.queue,
            queue_timeout: Duration::from_secs(self.queue_timeout.get()),
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

/// `keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key and print it, once
    Add {
        /// Whose it is
        name: String,
        /// Requests that it lets in a minute [default: no limit]
        #[arg(long, value_name = "N")]
        per_minute: Option<NonZeroU32>,
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
    /// Forget a key
    Rm {
        /// Whose it is
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
