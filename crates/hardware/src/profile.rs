//! Profiles: figures of a kind of machine, known without a measurement.
//!
//! Owns: the limits of parallelism without a matching curve, the paper's and generic machines as
//! documents ([`named`]), and their actual bandwidths ([`mod@bandwidth`]).
//!
//! Does not do: recognise a machine (that is [`mod@crate::detect`]), or store throughput (the crate
//! `profiles`).

pub mod bandwidth;
mod machine;

pub use bandwidth::{Bandwidth, bandwidth};
pub use machine::named;

use harmonic_types::{Bytes, Provenance};

/// Limits of parallelism of a kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Stable name.
    pub name: &'static str,
    /// Parallelism at which throughput peaks.
    pub peak_parallel: u32,
    /// Maximum useful sequences in flight.
    pub max_parallel: u32,
    /// Source of both figures.
    pub provenance: Provenance,
}

/// NVIDIA GB10. Peak: the paper's sweet spot (§4.3); maximum: its highest measured level, at which
/// small models still rise (§4.2).
pub const DGX_SPARK: Profile = Profile {
    name: "dgx-spark",
    peak_parallel: 16,
    max_parallel: 32,
    provenance: Provenance::Paper,
};

/// AMD Strix Halo. Peak: the paper's sweet spot (§4.3); maximum: the level of the paper's cliff
/// (§4.1).
pub const RYZEN_AI_MAX_395: Profile = Profile {
    name: "ryzen-ai-max-395",
    peak_parallel: 12,
    max_parallel: 16,
    provenance: Provenance::Paper,
};

/// Machines with only the memory known: name and decimal GB, ascending.
const GENERIC: [(&str, u32); 9] = [
    ("generic-8gb", 8),
    ("generic-16gb", 16),
    ("generic-24gb", 24),
    ("generic-32gb", 32),
    ("generic-48gb", 48),
    ("generic-64gb", 64),
    ("generic-96gb", 96),
    ("generic-128gb", 128),
    ("generic-256gb", 256),
];

/// The profile of a machine without a usable accelerator.
///
/// The only available measurements are those of `docs/sources.md#decode-by-format`: 2 cores, one
/// small model, five weight formats at 1, 8, 16 and 32 sequences. 16 is the highest level up to
/// which every format still rises; from there to 32 two of five fall (`Q4_1`, `Q8_0`) and three
/// still rise (`Q4_0`, `Q4_K_M`, `BF16`). So targets derive from 16, and up to 32 sequences are in
/// flight. One thread has half the arithmetic for the same traffic of weights and becomes
/// compute-bound at half the parallelism.
pub fn cpu_generic(threads: u32) -> Profile {
    Profile {
        name: "cpu-generic",
        peak_parallel: if threads >= 2 { 16 } else { 8 },
        max_parallel: 32,
        provenance: Provenance::Estimated,
    }
}

/// The profile of a machine with only the memory known: that of the largest generic machine with at
/// most as much, or of the smallest one.
///
/// One sequence per 8 GB, from 4 to 16: the line through the paper's two machines (16 at 128 GB, 12
/// at 92 GB). Memory is not the cause, but machines with more of it also have more bandwidth. Up to
/// twice the peak is in flight, as on the DGX Spark.
pub fn generic(memory: Bytes) -> Profile {
    let fits = |(_, gb): &&(&str, u32)| Bytes(u64::from(*gb) * 1_000_000_000) <= memory;
    let (name, gb) = *GENERIC.iter().rev().find(fits).unwrap_or(&GENERIC[0]);
    let peak_parallel = (gb / 8).clamp(4, 16);
    Profile {
        name,
        peak_parallel,
        max_parallel: 2 * peak_parallel,
        provenance: Provenance::Estimated,
    }
}

/// Names of all profiles accepted by [`named`].
pub fn names() -> impl Iterator<Item = &'static str> {
    let paper = [DGX_SPARK.name, RYZEN_AI_MAX_395.name];
    paper.into_iter().chain(GENERIC.iter().map(|(name, _)| *name))
}

#[cfg(test)]
mod tests;
