//! A server: its address, dialect and key.

use std::fmt;

use harmonic_api::{Client, ClientError, Timeouts};
use harmonic_types::RemoteDialect;

/// A server that answers in a dialect.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Base URL, without `/v1`.
    pub url: String,
    /// Dialect.
    pub dialect: RemoteDialect,
    /// API key.
    pub key: Option<String>,
    /// Whether requests carry the agent's system prompt. A server whose models have it puts it
    /// first by itself.
    pub sends_system: bool,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.url)
            .field("dialect", &self.dialect)
            .field("key", &self.key.as_ref().map(|_| "hidden"))
            .field("sends_system", &self.sends_system)
            .finish()
    }
}

impl Endpoint {
    /// Client of the server.
    ///
    /// # Errors
    /// As [`Client::new`] and [`Client::with_key`].
    pub(crate) fn client(&self, timeouts: Timeouts) -> Result<Client, ClientError> {
        let client = Client::with_timeouts(&self.url, timeouts)?;
        match &self.key {
            Some(key) => client.with_key(key),
            None => Ok(client),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_printed() {
        let key = Some("sk-secret".to_owned());
        let url = "https://host".to_owned();
        let endpoint = Endpoint { url, dialect: RemoteDialect::OpenAi, key, sends_system: true };
        assert!(!format!("{endpoint:?}").contains("secret"));
        let client = endpoint.client(Timeouts::default()).expect("a client");
        assert!(!format!("{client:?}").contains("secret"));
    }
}
