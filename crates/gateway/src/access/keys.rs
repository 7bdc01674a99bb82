//! API keys, stored as fingerprints.
//!
//! Invariants: fingerprints are compared in constant time, and always with every known key; neither
//! keys nor fingerprints are logged.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::api_error::ApiError;

/// SHA-256 of a key. Keys are 256 random bits, so a slower hash would add nothing against guessing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Fingerprint of `key`.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

/// A valid key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Name of its holder; shown in logs.
    pub name: String,
    /// Fingerprint of the key.
    pub fingerprint: Fingerprint,
    /// Rate limit in requests per minute, also the burst size; `None` for none.
    pub per_minute: Option<NonZeroU32>,
    /// Whether it may approve commands of its own runs.
    pub may_approve_commands: bool,
}

/// The keys cannot be read at present, so all requests are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API keys cannot be read")]
pub struct KeysUnreadable;

/// Source of the valid keys. It is read at each request, so a removed key is refused at once.
pub trait KeySource: Send + Sync + fmt::Debug {
    /// The currently valid keys.
    ///
    /// # Errors
    /// When they cannot be read.
    fn keys(&self) -> Result<Arc<Keys>, KeysUnreadable>;
}

/// Fixed keys.
impl KeySource for Arc<Keys> {
    fn keys(&self) -> Result<Arc<Keys>, KeysUnreadable> {
        Ok(Self::clone(self))
    }
}

/// The valid keys, with the state of their rate limits.
pub struct Keys {
    keys: Vec<KeyState>,
}

struct KeyState {
    key: ApiKey,
    limiter: Option<Arc<DefaultDirectRateLimiter>>,
}

impl Keys {
    /// Unused keys.
    pub fn new(keys: impl IntoIterator<Item = ApiKey>) -> Self {
        Self::replacing(None, keys)
    }

    /// Keys that replace `previous`; keys in both keep the state of their rate limits.
    pub fn replacing(previous: Option<&Self>, keys: impl IntoIterator<Item = ApiKey>) -> Self {
        let keys = keys.into_iter().map(|key| {
            let same = previous.and_then(|all| all.keys.iter().find(|state| state.key == key));
            let limiter = match same {
                Some(state) => state.limiter.clone(),
                None => key
                    .per_minute
                    .map(|limit| Arc::new(RateLimiter::direct(Quota::per_minute(limit)))),
            };
            KeyState { key, limiter }
        });
        Self { keys: keys.collect() }
    }

    /// Whether `key` is valid.
    pub fn contains(&self, key: &str) -> bool {
        self.find(Fingerprint::of(key)).is_some()
    }

    fn find(&self, Fingerprint(presented): Fingerprint) -> Option<&KeyState> {
        let matches = |state: &&KeyState| bool::from(state.key.fingerprint.0.ct_eq(&presented));
        self.keys.iter().rfind(matches)
    }

    /// The key in `headers`, counted against its rate limit.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Result<&ApiKey, ApiError> {
        let presented = presented(headers).ok_or(ApiError::MissingKey)?;
        let presented = Fingerprint(Sha256::digest(presented).into());
        let state = self.find(presented).ok_or(ApiError::UnknownKey)?;
        let key = &state.key;
        match state.limiter.as_ref().map(|limiter| limiter.check()) {
            None | Some(Ok(())) => Ok(key),
            Some(Err(until)) => Err(ApiError::RateLimited {
                name: key.name.clone(),
                per_minute: key.per_minute.map_or(0, NonZeroU32::get),
                retry_after: until.wait_time_from(DefaultClock::default().now()),
            }),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|state| &state.key.name)).finish()
    }
}

/// The key in the header of OpenAI's and Ollama's clients, or else in that of Anthropic's.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    bearer.or_else(|| headers.get("x-api-key").map(|value| value.as_bytes().trim_ascii()))
}
