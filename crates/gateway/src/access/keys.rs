//! API keys, of which the server knows only fingerprints.
//!
//! Invariants: a key is compared by its fingerprint, in a time that does not tell how much of it was
//! right, and with every known one; neither keys nor fingerprints are logged.

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

/// What is kept of a key: its SHA-256. Keys are random, 256 bits, so nothing slower is needed to
/// keep them from being guessed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of `key`.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

/// A key that lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose it is; for logs.
    pub name: String,
    /// What it must be.
    pub fingerprint: Fingerprint,
    /// Requests that it lets in a minute, as many at once; `None` for no limit.
    pub per_minute: Option<NonZeroU32>,
}

/// The keys cannot be told at this moment, so nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API keys cannot be read")]
pub struct KeysUnreadable;

/// Where keys come from. It is asked at each request, so that one that is taken away stops at once.
pub trait KeySource: Send + Sync + fmt::Debug {
    /// The keys at this moment.
    ///
    /// # Errors
    /// When they cannot be told.
    fn keys(&self) -> Result<Arc<Keys>, KeysUnreadable>;
}

/// Keys that stay.
impl KeySource for Arc<Keys> {
    fn keys(&self) -> Result<Arc<Keys>, KeysUnreadable> {
        Ok(Self::clone(self))
    }
}

/// The keys that let in.
pub struct Keys {
    known: Vec<Known>,
}

struct Known {
    key: ApiKey,
    limiter: Option<Arc<DefaultDirectRateLimiter>>,
}

impl Keys {
    /// These, none of which has been used yet.
    pub fn new(keys: impl IntoIterator<Item = ApiKey>) -> Self {
        Self::after(None, keys)
    }

    /// These; those that `before` has too have used as much of their minute as there.
    pub fn after(before: Option<&Self>, keys: impl IntoIterator<Item = ApiKey>) -> Self {
        let known = keys.into_iter().map(|key| {
            let same = before.and_then(|keys| keys.known.iter().find(|known| known.key == key));
            let limiter = match same {
                Some(known) => known.limiter.clone(),
                None => key
                    .per_minute
                    .map(|limit| Arc::new(RateLimiter::direct(Quota::per_minute(limit)))),
            };
            Known { key, limiter }
        });
        Self { known: known.collect() }
    }

    /// Whether `key` lets in.
    pub fn knows(&self, key: &str) -> bool {
        self.find(Fingerprint::of(key)).is_some()
    }

    fn find(&self, Fingerprint(presented): Fingerprint) -> Option<&Known> {
        // The last of those that fit, so that none ends the search.
        let fits = |known: &&Known| bool::from(known.key.fingerprint.0.ct_eq(&presented));
        self.known.iter().rfind(fits)
    }

    /// The name of the key that `headers` carry.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<&str, ApiError> {
        let presented = presented(headers).ok_or(ApiError::NoKey)?;
        let presented = Fingerprint(Sha256::digest(presented).into());
        let known = self.find(presented).ok_or(ApiError::WrongKey)?;
        let name = known.key.name.as_str();
        match known.limiter.as_ref().map(|limiter| limiter.check()) {
            None | Some(Ok(())) => Ok(name),
            Some(Err(until)) => Err(ApiError::KeyLimited {
                name: name.to_owned(),
                per_minute: known.key.per_minute.map_or(0, NonZeroU32::get),
                retry_after: until.wait_time_from(DefaultClock::default().now()),
            }),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known.iter().map(|known| &known.key.name)).finish()
    }
}

/// The key as OpenAI's and Ollama's clients send it, or else as Anthropic's do.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    bearer.or_else(|| headers.get("x-api-key").map(|value| value.as_bytes().trim_ascii()))
}
