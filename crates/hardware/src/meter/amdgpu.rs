//! The power of AMD GPUs as reported by the driver: board power of a card, SoC package power (PPT)
//! of an APU.

use harmonic_types::{MeterError, PowerScope};

use super::hwmon::{Rail, Rails, text};
use super::sampled::SampledMeter;
use crate::sysroot::Sysroot;

/// Files of average and momentary power. RDNA 3 cards have the former, newer APUs the latter.
const FILES: [&str; 2] = ["power1_average", "power1_input"];

/// A meter over the GPUs of these DRM render nodes; `None` if one of them has no such file, because
/// a sum without it would have another scope.
///
/// # Errors
/// If a file exists but cannot be read.
pub fn open(
    root: &Sysroot,
    render_nodes: &[u32],
    scope: PowerScope,
) -> Result<Option<SampledMeter>, MeterError> {
    Ok(rails(root, render_nodes)?.map(|rails| SampledMeter::new(rails, scope)))
}

fn rails(root: &Sysroot, render_nodes: &[u32]) -> Result<Option<Rails>, MeterError> {
    let mut rails = Vec::new();
    for node in render_nodes {
        let Some(rail) = rail(root, *node)? else { return Ok(None) };
        rails.push(rail);
    }
    Rails::open(rails)
}

fn rail(root: &Sysroot, render_node: u32) -> Result<Option<Rail>, MeterError> {
    let hwmon = format!("/sys/class/drm/renderD{render_node}/device/hwmon");
    let chips = root.list(&hwmon).map_err(|error| MeterError {
        meter: root.path(&hwmon).display().to_string(),
        reason: error.to_string(),
    })?;
    for chip in chips {
        for file in FILES {
            let path = format!("{hwmon}/{chip}/{file}");
            if text(root, &path)?.is_some() {
                return Ok(Some(Rail::Power(root.path(&path))));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use harmonic_types::Watts;

    use super::*;
    use crate::meter::sampled::PowerProbe;

    fn watts(fixture: &str, render_nodes: &[u32]) -> Option<f64> {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        let root = Sysroot::new(format!("{fixtures}/{fixture}"));
        let rails = rails(&root, render_nodes).unwrap()?;
        let Watts(watts) = rails.watts().unwrap();
        Some(watts)
    }

    #[test]
    fn only_the_requested_gpus_are_summed() {
        for (fixture, nodes, expected) in [
            ("strix-halo-96gb", vec![128], 9.041),
            ("strix-halo-gtt", vec![128], 8.112),
            ("radeon-7900-xtx", vec![128], 17.0),
            ("radeon-7900-xtx", vec![128, 129], 48.009),
        ] {
            let found = watts(fixture, &nodes).unwrap();
            assert!((found - expected).abs() < 1e-9, "{fixture} {nodes:?}: {found} W");
        }
        assert_eq!(watts("strix-halo-96gb", &[128, 129]), None, "one of two has no power");
    }
}
