//! What `bench` measures, with what instruments, and what it leaves behind.
//!
//! Owns: who is asked ([`loads`]), what is known of the machine and the model behind them
//! ([`ground`]), and the files of a run ([`keep`]).
//!
//! Does not do: the load and the statistics (`harmonic-bench`), or how a record looks
//! (`harmonic-report`).

pub mod against;
pub mod ground;
pub mod keep;
pub mod loads;
pub mod records;
