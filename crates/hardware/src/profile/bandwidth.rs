//! Memory bandwidth of profiles: the paper's figure and the actual one.

use harmonic_types::BytesPerSecond;

use super::{DGX_SPARK, RYZEN_AI_MAX_395};

/// Memory bandwidth of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bandwidth {
    /// As stated in the paper (§2).
    pub paper: BytesPerSecond,
    /// By the data sheet of the memory.
    pub rated: BytesPerSecond,
    /// Measured by software: lowest and highest figure.
    pub effective: [BytesPerSecond; 2],
}

/// The bandwidth of `profile`; `None` if not published.
pub fn bandwidth(profile: &str) -> Option<Bandwidth> {
    const fn gb(figure: f64) -> BytesPerSecond {
        BytesPerSecond(figure * 1e9)
    }
    match profile {
        // docs/sources.md#bandwidth-of-the-gb10; the paper's "~500" does not apply to this machine.
        name if name == DGX_SPARK.name => Some(Bandwidth {
            paper: gb(500.0),
            rated: gb(273.0),
            effective: [gb(198.0), gb(237.0)],
        }),
        // docs/sources.md#bandwidth-of-strix-halo. From the GPU; the CPU alone reaches 100 to 125.
        name if name == RYZEN_AI_MAX_395.name => Some(Bandwidth {
            paper: gb(256.0),
            rated: gb(256.0),
            effective: [gb(215.0), gb(215.0)],
        }),
        _ => None,
    }
}
