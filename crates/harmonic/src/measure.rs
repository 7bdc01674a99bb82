//! What `bench` measures, with what instruments, and what it leaves behind.
//!
//! Owns: the server that is measured ([`session`]), who is asked there ([`loads`]), what is known of
//! the models ([`behind`]) and the machine ([`ground`]), the settings ([`protocol`]), and the files
//! of a run ([`keep`], [`records`]).
//!
//! Does not do: the load and the statistics (`harmonic-bench`), or how a record looks
//! (`harmonic-report`).

pub mod behind;
pub mod ground;
pub mod keep;
pub mod loads;
pub mod protocol;
pub mod records;
pub mod session;
