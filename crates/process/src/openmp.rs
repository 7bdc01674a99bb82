//! OpenMP spin count of the engine's threads.
//!
//! llama.cpp's threads synchronise after every operation, some hundreds of times per token. Waiting
//! threads spin, by GCC's default for about a millisecond; if another program needs the core, the
//! thread they wait for cannot run meanwhile. Measured in a bare decode loop on 2 cores (EPYC),
//! tok/s at 1 / 32 sequences, idle and with one core taken by another program:
//!
//! | spins | idle | one core taken |
//! |---|---|---|
//! | 0 | 65 / 337 | 34 / 193 |
//! | 300 | 73 / 370 | 35 / 194 |
//! | 1,000 | 75 / 365 | 28 / 182 |
//! | 10,000 | 74 / 370 | 16 / 94 |
//! | 30,000 | 74 / 366 | 7 / 51 |
//! | 300,000 (the default) | 74 / 366 | not measured |
//!
//! `harmonic bench` on 2 virtual cores (Xeon with AMX), where operations are shorter and waking a
//! thread takes longer, tok/s at 1 / 8 / 32 streams idle, at 1 / 32 with one core taken:
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
//! Spinning for about as long as waking takes costs at most a factor of two over the best choice,
//! whatever other programs do; 2,000 iterations are some 100 µs there.

/// Loop iterations before a thread sleeps.
pub const SPIN_COUNT: (&str, &str) = ("GOMP_SPINCOUNT", "2000");
/// Variable by which the user sets the waiting policy; if set, the spin count is left alone.
pub const WAIT_POLICY: &str = "OMP_WAIT_POLICY";
