//! System power of a DGX Spark, if the driver for its firmware is installed (`spbm`, from
//! `antheas/spark_hwmon`; the kernel has none).
//!
//! Does not do: read that driver's energy counters, which cover the package and parts of it; the
//! channel `sys_total` covers the system and has no counter.

use harmonic_types::{MeterError, PowerScope};

use super::hwmon::{Rail, Rails, chips, text};
use super::sampled::SampledMeter;
use crate::sysroot::Sysroot;

/// Channel numbers of the driver, some of which the firmware may not name.
const CHANNELS: std::ops::RangeInclusive<u32> = 1..=23;

/// A meter of the channel `sys_total`; `None` without the driver or the channel.
///
/// # Errors
/// If a file exists but cannot be read.
pub fn open(root: &Sysroot) -> Result<Option<SampledMeter>, MeterError> {
    Ok(rails(root)?.map(|rails| SampledMeter::new(rails, PowerScope::System)))
}

fn rails(root: &Sysroot) -> Result<Option<Rails>, MeterError> {
    for chip in chips(root, "spbm")? {
        for channel in CHANNELS {
            let label = text(root, &format!("{chip}/power{channel}_label"))?;
            if label.as_deref() == Some("sys_total") {
                let rail = Rail::Power(root.path(&format!("{chip}/power{channel}_input")));
                return Rails::open(vec![rail]);
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

    #[test]
    fn the_channel_of_the_system_is_read() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        let with = Sysroot::new(format!("{fixtures}/dgx-spark-zero-memory"));
        let Watts(watts) = rails(&with).unwrap().unwrap().watts().unwrap();
        assert!((watts - 25.103).abs() < 1e-9, "{watts} W");
        let without = Sysroot::new(format!("{fixtures}/dgx-spark-not-supported"));
        assert_eq!(rails(&without), Ok(None));
    }
}
