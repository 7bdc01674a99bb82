//! The power monitors of NVIDIA Jetson modules (INA3221): voltage × current of labelled rails.

use harmonic_types::{MeterError, PowerScope};

use super::hwmon::{Rail, Rails, chips, text};
use super::sampled::SampledMeter;
use crate::sysroot::Sysroot;

/// Labels of rails that supply the entire module (Orin NX and Nano; Nano of 2019), without the
/// carrier board.
const MODULE: [&str; 2] = ["VDD_IN", "POM_5V_IN"];

/// Labels of the rails that together supply the SoC, for modules without such a rail: AGX Orin,
/// then AGX Xavier.
const SOC: [&[&str]; 2] = [&["VDD_GPU_SOC", "VDD_CPU_CV"], &["GPU", "CPU", "SOC", "CV"]];

/// Channel numbers of a chip.
const CHANNELS: std::ops::RangeInclusive<u32> = 1..=3;

/// A meter of the module, otherwise of the SoC's rails if all are present; otherwise `None`.
///
/// # Errors
/// If a file exists but cannot be read.
pub fn open(root: &Sysroot) -> Result<Option<SampledMeter>, MeterError> {
    Ok(rails(root)?.map(|(rails, scope)| SampledMeter::new(rails, scope)))
}

fn rails(root: &Sysroot) -> Result<Option<(Rails, PowerScope)>, MeterError> {
    let rails = labelled(root)?;
    let find =
        |label: &str| rails.iter().find(|(found, _)| found == label).map(|(_, rail)| rail.clone());
    let module = MODULE.iter().find_map(|label| find(label));
    let (rails, scope) = match module {
        Some(module) => (Some(vec![module]), PowerScope::System),
        None => (
            SOC.iter().find_map(|labels| labels.iter().map(|label| find(label)).collect()),
            PowerScope::SocPackage,
        ),
    };
    Ok(Rails::open(rails.unwrap_or_default())?.map(|rails| (rails, scope)))
}

fn labelled(root: &Sysroot) -> Result<Vec<(String, Rail)>, MeterError> {
    let mut rails = Vec::new();
    for chip in chips(root, "ina3221")? {
        for channel in CHANNELS {
            if let Some(label) = text(root, &format!("{chip}/in{channel}_label"))? {
                let file = |kind| root.path(&format!("{chip}/{kind}{channel}_input"));
                rails.push((label, Rail::VoltageCurrent(file("in"), file("curr"))));
            }
        }
    }
    Ok(rails)
}

#[cfg(test)]
mod tests {
    use harmonic_types::Watts;

    use super::*;
    use crate::meter::sampled::PowerProbe;

    /// AGX Orin: 20.032 V × (160 + 40) mA; the 5 V rail of the board is excluded.
    #[test]
    fn the_rails_of_the_soc_are_summed_as_voltage_times_current() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        let root = Sysroot::new(format!("{fixtures}/jetson-agx-orin"));
        let (rails, scope) = rails(&root).unwrap().unwrap();
        let Watts(watts) = rails.watts().unwrap();
        assert!((watts - 4.0064).abs() < 1e-9, "{watts} W");
        assert_eq!(scope, PowerScope::SocPackage);
    }
}
