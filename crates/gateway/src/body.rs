//! The body of a request: received, decompressed and read within limits.
//!
//! Invariants: bodies above [`SMALL_BYTES`], and compressed ones, are decompressed, read and refused
//! on threads that serve nobody else; the memory of all of them together is bounded before it is
//! used; a body holds at most twice what has come of it, so whoever announces much and sends little
//! holds little, and whoever holds some keeps sending; a client that goes away stops what is done
//! for it.

use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::Request;
use futures::StreamExt;
use harmonic_api::ValidationError;
use harmonic_engine::Workers;
use tokio::time::{Instant, timeout_at};

use crate::api_error::ApiError;
use crate::config::Config;
use crate::connections::Served;
use crate::error::GatewayError;

mod coding;
mod pace;
mod room;

use coding::{Coding, Decoded};
use pace::Pace;
use room::{Kind, MEDIUM_BYTES, Room, Rooms};

/// Largest body that is read where it arrives, in bytes: less than a millisecond.
const SMALL_BYTES: usize = 64 * 1024;
/// What is allocated at first, in bytes.
const FIRST_BYTES: usize = 4 * 1024;

/// Reads bodies: their limits, and the memory and threads for them.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// Largest body, as it comes and decompressed, in bytes.
    limit: usize,
    /// How long a client may take to send one.
    timeout: Duration,
    /// How long the next eighth of a large one may take.
    pace: Duration,
    rooms: Rooms,
    /// The threads for large ones.
    readers: Workers,
}

impl Bodies {
    /// # Errors
    /// When the system refuses threads.
    pub(crate) fn new(config: &Config) -> Result<Self, GatewayError> {
        let rooms = Rooms::new(config);
        // Whoever waits for them has room, which is the bound.
        let readers = Workers::start("bodies", MEDIUM_BYTES, rooms.bytes());
        let readers = readers.map_err(GatewayError::Threads)?;
        let Config { body_limit: limit, body_timeout: timeout, body_pace: pace, .. } = *config;
        Ok(Self { limit, timeout, pace, rooms, readers })
    }

    /// What `read` makes of the whole body of `request`, whatever its content type says.
    ///
    /// # Errors
    /// When it is too large, comes too slowly, breaks off, is compressed in an unknown way, or finds no
    /// memory; and what `read` says.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        request: Request,
        read: impl FnOnce(&[u8]) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let limit = self.limit;
        let coding = Coding::of(request.headers())?;
        let (body, mut room) = self.receive(request).await?;
        let Some(coding) = coding else {
            if body.len() <= SMALL_BYTES {
                return read(&body);
            }
            return self
                .apart(body.len(), move || {
                    let read = read(&body);
                    // Not before it is dropped.
                    drop((body, room));
                    read
                })
                .await?;
        };
        let most = expected(body.len(), limit);
        self.rooms.add(&mut room, most).await?;
        let decoded = self.apart(most, move || match coding.decode(&body, most)? {
            Decoded::Whole(whole) => {
                let read = read(&whole);
                drop((whole, body, room));
                read.map(Ok)
            }
            Decoded::Larger => Ok(Err((body, room, read))),
        });
        let (body, mut room, read) = match decoded.await?? {
            Ok(read) => return Ok(read),
            Err(_) if most == limit => return Err(ApiError::TooLarge { limit }),
            Err(larger) => larger,
        };
        self.rooms.add(&mut room, limit).await?;
        self.apart(limit, move || match coding.decode(&body, limit)? {
            Decoded::Whole(whole) => {
                let read = read(&whole);
                drop((whole, body, room));
                read
            }
            Decoded::Larger => Err(ApiError::TooLarge { limit }),
        })
        .await?
    }

    /// Reads JSON that is no question to an agent.
    pub(crate) async fn json<B, T>(
        &self,
        request: Request,
        decode: impl FnOnce(B) -> Result<T, ValidationError> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        B: serde::de::DeserializeOwned,
        T: Send + 'static,
    {
        self.read(request, |body| Ok(decode(harmonic_api::read(body)?)?)).await
    }

    /// Runs `work` on a body of so many `bytes` where nobody else is held up.
    async fn apart<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let running = self.readers.run(bytes, |_| work()).map_err(|_| ApiError::BodiesFull)?;
        running.await.map_err(|error| ApiError::Failed { message: error.to_string() })
    }

    /// The body as it comes, with the room that it takes.
    async fn receive(&self, request: Request) -> Result<(Vec<u8>, Room), ApiError> {
        let (limit, within) = (self.limit, self.timeout);
        let announced = request.body().size_hint();
        // Announced: refused before it is sent.
        if announced.lower() > limit as u64 {
            return Err(ApiError::TooLarge { limit });
        }
        let announced = announced.exact().and_then(|bytes| usize::try_from(bytes).ok());
        let longest = announced.unwrap_or(limit).min(limit);
        let served = request.extensions().get::<Served>().cloned();
        let (mut body, mut room) = (Vec::new(), self.rooms.empty());
        let mut pace = Pace::new(Instant::now() + within, self.pace);
        let mut frames = request.into_body().into_data_stream();
        loop {
            let frame = match timeout_at(pace.deadline(), frames.next()).await {
                Ok(None) => {
                    if let Some(served) = served {
                        served.begin();
                    }
                    return Ok((body, room));
                }
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    return Err(ApiError::BrokenBody { reason: error.to_string() });
                }
                Err(_) if pace.is_behind() => {
                    return Err(ApiError::StalledBody { within: self.pace });
                }
                Err(_) => return Err(ApiError::SlowBody { within }),
            };
            let bytes = body.len() + frame.len();
            if bytes > limit {
                return Err(ApiError::TooLarge { limit });
            }
            if bytes > body.capacity() {
                let has = bytes.max(FIRST_BYTES).next_power_of_two().min(longest.max(bytes));
                if has > SMALL_BYTES {
                    let kind = Kind::of(announced.unwrap_or(has));
                    let waited = Instant::now();
                    self.rooms.fit(&mut room, kind, has).await?;
                    pace.pause(waited.elapsed());
                }
                // The system may have less than what bodies may use.
                body.try_reserve_exact(has - body.len()).map_err(|_| ApiError::BodiesFull)?;
            }
            body.extend_from_slice(&frame);
            if bytes > SMALL_BYTES {
                pace.came(bytes, longest, Instant::now());
            }
        }
    }
}

/// What a compressed body of so many `bytes` may become at first: most stay far below the limit.
fn expected(bytes: usize, limit: usize) -> usize {
    if bytes <= MEDIUM_BYTES { MEDIUM_BYTES.min(limit) } else { limit }
}
