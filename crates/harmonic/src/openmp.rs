//! How the engine's threads wait for each other.
//!
//! llama.cpp's threads meet after every operation, some hundreds of times a token. While they wait
//! they spin, by GCC's default for about a millisecond; on a machine that does anything else the
//! thread they wait for cannot run meanwhile. Measured in a bare decode loop on 2 cores (EPYC), tok/s
//! at 1 / 32 sequences, idle and with one core taken by another program:
//!
//! | spins | idle | one core taken |
//! |---|---|---|
//! | 0 | 65 / 337 | 34 / 193 |
//! | 300 | 73 / 370 | 35 / 194 |
//! | 1,000 | 75 / 365 | 28 / 182 |
//! | 10,000 | 74 / 370 | 16 / 94 |
//! | 30,000 | 74 / 366 | 7 / 51 |
//! | 300,000 (the default) | 74 / 366 | not waited for |
//!
//! And `harmonic bench` on 2 virtual cores (Xeon with AMX), where operations are shorter and to wake
//! a thread takes longer, tok/s at 1 / 8 / 32 streams idle, at 1 / 32 with one core taken:
//!
//! | spins | idle | one core taken |
//! |---|---|---|
//! | 300 | 31 / 203 / 328 | |
//! | 1,000 | 201 / 330 / 393 | 50 / 223 |
//! | 2,000 | 226 / 363 / 409 | 34 / 195 |
//! | 4,000 | 219 / 376 / 413 | 25 / 164 |
//! | 10,000 | | 16 / 119 |
//! | 20,000 | 210 / 366 / 424 | |
//!
//! To spin for about as long as waking takes is never worse than twice the best, whatever the others
//! do; 2,000 turns are some 100 µs there.

/// Turns of the loop before a thread sleeps.
pub const SPINS: (&str, &str) = ("GOMP_SPINCOUNT", "2000");
/// A user who sets this one has said how threads wait.
pub const POLICY: &str = "OMP_WAIT_POLICY";
