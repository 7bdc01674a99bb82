//! Engine that computes embeddings: a thread that owns an [`Encoder`], and the handle to it.
//!
//! Owns: the encoder's interface, its requests, and the batches made of their inputs.
//!
//! Invariants: requests are admitted as those of any other engine (`harmonic-admission`), and share
//! the device with them; an input is computed in one batch as a whole; requests in flight share
//! batches, in turns within a tier.
//!
//! Does not do: normalising or shortening vectors, which differs between dialects.

mod drive;
mod encoder;
mod handle;
mod preparation;
mod requests;

pub use drive::EmbedderThread;
pub use encoder::{Encoded, Encoder};
pub use handle::Embedder;
