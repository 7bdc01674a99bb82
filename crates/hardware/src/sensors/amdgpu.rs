//! Sensors of an AMD GPU: temperature and shader clock.
//!
//! Does not do: detect throttling. The driver's mask of reasons is in a binary table whose format
//! depends on the hardware.

use harmonic_types::{SensorReading, Sensors};

use super::cpu::number;
use crate::sysroot::Sysroot;

/// The hwmon chips of one GPU.
#[derive(Debug)]
pub(super) struct AmdSensors {
    root: Sysroot,
    chips: Vec<String>,
}

impl AmdSensors {
    /// The sensors of the GPU of a DRM render node.
    pub(super) fn new(root: &Sysroot, render_node: u32) -> Self {
        let hwmon = format!("/sys/class/drm/renderD{render_node}/device/hwmon");
        let chips = root.list(&hwmon).unwrap_or_default();
        let chips = chips.into_iter().map(|chip| format!("{hwmon}/{chip}")).collect();
        Self { root: root.clone(), chips }
    }

    fn first(&self, file: &str) -> Option<f64> {
        self.chips.iter().find_map(|chip| number(&self.root, &format!("{chip}/{file}")))
    }
}

impl Sensors for AmdSensors {
    fn read(&self) -> SensorReading {
        SensorReading {
            temperature_c: self.first("temp1_input").map(|millidegrees| millidegrees / 1e3),
            clock_mhz: self.first("freq1_input").map(|hertz| hertz / 1e6),
            throttled: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_kernel_are_converted() {
        let home = tempfile::tempdir().unwrap();
        let chip = home.path().join("sys/class/drm/renderD128/device/hwmon/hwmon5");
        std::fs::create_dir_all(&chip).unwrap();
        std::fs::write(chip.join("temp1_input"), "67000\n").unwrap();
        std::fs::write(chip.join("freq1_input"), "2900000000\n").unwrap();
        let reading = AmdSensors::new(&Sysroot::new(home.path()), 128).read();
        let expected =
            SensorReading { temperature_c: Some(67.0), clock_mhz: Some(2900.0), throttled: None };
        assert_eq!(reading, expected);
    }
}
