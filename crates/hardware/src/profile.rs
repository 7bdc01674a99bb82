//! Limits of parallelism by profile: the fallback where no measured curve fits.

/// What a profile says of a machine; all of it estimated until a curve is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Stable name.
    pub name: &'static str,
    /// Parallelism at which throughput peaks.
    pub peak_parallel: u32,
    /// Most sequences worth having in flight.
    pub max_parallel: u32,
}

/// The profile of a machine without a usable accelerator.
///
/// The only tables at hand are those of `research/engine.md`: 2 cores, one small model, five weight
/// formats at 1, 8, 16 and 32 sequences. 16 is the highest level up to which every format still
/// rises; from there to 32 two of five fall (`Q4_1`, `Q8_0`) and three rise on
/// (`Q4_0`, `Q4_K_M`, `BF16`).
/// So targets derive from 16 and up to 32 sequences are let in. One thread has half the arithmetic
/// for the same traffic of weights and turns compute-bound at half the parallelism.
pub fn cpu_generic(threads: u32) -> Profile {
    let peak_parallel = if threads >= 2 { 16 } else { 8 };
    Profile { name: "cpu-generic", peak_parallel, max_parallel: 32 }
}
