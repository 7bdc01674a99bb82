//! How fast a profile's memory is: what the paper claims, and what is true.

use harmonic_types::BytesPerSecond;

use super::{DGX_SPARK, RYZEN_AI_MAX_395};

/// Memory bandwidth of a machine. The paper's is of its §2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bandwidth {
    /// As the paper states it.
    pub paper: BytesPerSecond,
    /// What the memory can deliver by its data sheet.
    pub rated: BytesPerSecond,
    /// What software was seen to reach, lowest and highest figure.
    pub effective: [BytesPerSecond; 2],
}

/// The bandwidth of `profile`; `None` where nobody has published it.
pub fn bandwidth(profile: &str) -> Option<Bandwidth> {
    const fn gb(figure: f64) -> BytesPerSecond {
        BytesPerSecond(figure * 1e9)
    }
    match profile {
        // docs/sources.md#bandwidth-of-the-gb10; the paper's "~500" is not this machine's.
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
