//! Request bodies: receiving, decompressing and parsing them within limits.
//!
//! Invariants: bodies above [`SMALL_BYTES`], and compressed ones, are decompressed, parsed and
//! dropped on separate threads; the memory of all of them together is reserved before it is used; a
//! body reserves at most twice the bytes received, so a large `content-length` alone reserves
//! nothing, and a client whose body has memory must keep sending; a client that disconnects cancels
//! the work on its body.

use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::Request;
use futures::StreamExt;
use harmonic_api::ValidationError;
use harmonic_engine::Workers;
use tokio::time::{Instant, timeout_at};

use crate::api_error::ApiError;
use crate::config::Config;
use crate::connections::RequestActivity;
use crate::error::GatewayError;

mod coding;
mod memory;
mod upload_deadline;

use coding::{Coding, Decoded};
use memory::{BodyMemory, MEDIUM_BYTES, Reservation, SizeClass};
use upload_deadline::UploadDeadline;

/// Largest body that is parsed on the thread that received it, in bytes: it takes under a
/// millisecond.
const SMALL_BYTES: usize = 64 * 1024;
/// First allocation for a body, in bytes.
const FIRST_BYTES: usize = 4 * 1024;

/// Reader of bodies, with their limits, memory and threads.
#[derive(Debug)]
pub(crate) struct BodyReader {
    /// Largest body, as received and decompressed, in bytes.
    limit: usize,
    /// Time to receive a body.
    timeout: Duration,
    /// Time to receive the next eighth of a large body.
    stall_timeout: Duration,
    memory: BodyMemory,
    /// Threads for large and compressed bodies.
    readers: Workers,
}

impl BodyReader {
    /// # Errors
    /// When the threads cannot be started.
    pub(crate) fn new(config: &Config) -> Result<Self, GatewayError> {
        let memory = BodyMemory::new(config);
        // Bodies that wait for the threads have reserved memory, which bounds the queue.
        let readers = Workers::start("bodies", MEDIUM_BYTES, memory.bytes());
        let readers = readers.map_err(GatewayError::Threads)?;
        let Config { body_limit: limit, body_timeout: timeout, .. } = *config;
        let stall_timeout = config.body_stall_timeout;
        Ok(Self { limit, timeout, stall_timeout, memory, readers })
    }

    /// Receives the body of `request` and parses it with `read`, whatever its content type.
    ///
    /// # Errors
    /// When it is too large, too slow, incomplete, in an unsupported encoding, or finds no memory;
    /// and the errors of `read`.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        request: Request,
        read: impl FnOnce(&[u8]) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let limit = self.limit;
        let coding = Coding::of(request.headers())?;
        let (body, mut reserved) = self.receive(request).await?;
        let Some(coding) = coding else {
            if body.len() <= SMALL_BYTES {
                return read(&body);
            }
            return self
                .on_reader_thread(body.len(), move || {
                    let read = read(&body);
                    // The memory is released after the body is dropped.
                    drop((body, reserved));
                    read
                })
                .await?;
        };
        let first_limit = first_decoded_limit(body.len(), limit);
        self.memory.reserve_decoded(&mut reserved, first_limit).await?;
        let decoded = self.on_reader_thread(first_limit, move || {
            match coding.decode(&body, first_limit)? {
                Decoded::Whole(whole) => {
                    let read = read(&whole);
                    drop((whole, body, reserved));
                    read.map(Ok)
                }
                Decoded::OverLimit => Ok(Err((body, reserved, read))),
            }
        });
        let (body, mut reserved, read) = match decoded.await?? {
            Ok(read) => return Ok(read),
            Err(_) if first_limit == limit => return Err(ApiError::BodyTooLarge { limit }),
            Err(unread) => unread,
        };
        self.memory.reserve_decoded(&mut reserved, limit).await?;
        self.on_reader_thread(limit, move || match coding.decode(&body, limit)? {
            Decoded::Whole(whole) => {
                let read = read(&whole);
                drop((whole, body, reserved));
                read
            }
            Decoded::OverLimit => Err(ApiError::BodyTooLarge { limit }),
        })
        .await?
    }

    /// Reads a JSON body other than that of a request to an agent.
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

    /// Runs `work` on a body of `bytes` on a reader thread.
    async fn on_reader_thread<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let running = self.readers.run(bytes, |_| work()).map_err(|_| ApiError::BodiesFull)?;
        running.await.map_err(|error| ApiError::EngineFailed { message: error.to_string() })
    }

    /// Receives the body, with its reserved memory.
    async fn receive(&self, request: Request) -> Result<(Vec<u8>, Reservation), ApiError> {
        let (limit, within) = (self.limit, self.timeout);
        let announced = request.body().size_hint();
        // By its `content-length`: refused before it is sent.
        if announced.lower() > limit as u64 {
            return Err(ApiError::BodyTooLarge { limit });
        }
        let announced = announced.exact().and_then(|bytes| usize::try_from(bytes).ok());
        let longest = announced.unwrap_or(limit).min(limit);
        let activity = request.extensions().get::<RequestActivity>().cloned();
        let (mut body, mut reserved) = (Vec::new(), self.memory.empty_reservation());
        let mut deadline = UploadDeadline::new(Instant::now() + within, self.stall_timeout);
        let mut frames = request.into_body().into_data_stream();
        loop {
            let frame = match timeout_at(deadline.next(), frames.next()).await {
                Ok(None) => {
                    if let Some(activity) = activity {
                        activity.begin();
                    }
                    return Ok((body, reserved));
                }
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    return Err(ApiError::BodyIncomplete { reason: error.to_string() });
                }
                Err(_) if deadline.is_stall() => {
                    return Err(ApiError::BodyStalled { within: self.stall_timeout });
                }
                Err(_) => return Err(ApiError::BodyTimeout { within }),
            };
            let bytes = body.len() + frame.len();
            if bytes > limit {
                return Err(ApiError::BodyTooLarge { limit });
            }
            if bytes > body.capacity() {
                let capacity = bytes.max(FIRST_BYTES).next_power_of_two().min(longest.max(bytes));
                if capacity > SMALL_BYTES {
                    let class = SizeClass::of(announced.unwrap_or(capacity));
                    let waited = Instant::now();
                    self.memory.reserve(&mut reserved, class, capacity).await?;
                    deadline.extend(waited.elapsed());
                }
                // The system may have less memory than the limit for bodies.
                body.try_reserve_exact(capacity - body.len()).map_err(|_| ApiError::BodiesFull)?;
            }
            body.extend_from_slice(&frame);
            if bytes > SMALL_BYTES {
                deadline.received(bytes, longest, Instant::now());
            }
        }
    }
}

/// First limit of the decompressed size of a body of `bytes`: most stay far below `limit`.
fn first_decoded_limit(bytes: usize, limit: usize) -> usize {
    if bytes <= MEDIUM_BYTES { MEDIUM_BYTES.min(limit) } else { limit }
}
