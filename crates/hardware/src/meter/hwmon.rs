//! Power from the kernel's hwmon files (`Documentation/hwmon/sysfs-interface.rst`): powers in µW,
//! or voltages in mV beside currents in mA.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use harmonic_types::{MeterError, Watts};

use crate::error::HardwareError;
use crate::meter::sampled::PowerProbe;
use crate::sysroot::Sysroot;

/// Upper bound of plausible readings, in W: no rail of one machine carries 5 kW, and drivers have
/// confused W and mW (kernel 757ba079).
const MAX_PLAUSIBLE_WATTS: f64 = 5_000.0;

/// One source of power readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rail {
    /// A file in µW.
    Power(PathBuf),
    /// A file in mV and one in mA.
    VoltageCurrent(PathBuf, PathBuf),
}

impl Rail {
    fn watts(&self) -> Result<f64, MeterError> {
        let (path, watts) = match self {
            Self::Power(path) => (path, number(path)? / 1e6),
            Self::VoltageCurrent(voltage, current) => {
                (voltage, number(voltage)? * number(current)? / 1e6)
            }
        };
        if (0.0..MAX_PLAUSIBLE_WATTS).contains(&watts) {
            return Ok(watts);
        }
        Err(MeterError {
            meter: path.display().to_string(),
            reason: format!("implausible power of {watts} W: the driver's unit is wrong"),
        })
    }
}

/// Sum of several rails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rails(Vec<Rail>);

impl Rails {
    /// A probe over `rails`, each read once as a check; `None` if `rails` is empty.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn open(rails: Vec<Rail>) -> Result<Option<Self>, MeterError> {
        if rails.is_empty() {
            return Ok(None);
        }
        let rails = Self(rails);
        rails.watts()?;
        Ok(Some(rails))
    }
}

impl PowerProbe for Rails {
    fn watts(&self) -> Result<Watts, MeterError> {
        self.0.iter().map(Rail::watts).sum::<Result<f64, _>>().map(Watts)
    }
}

/// Directories of the chips named `name`.
///
/// # Errors
/// If hwmon's directory exists but cannot be listed.
pub fn chips(root: &Sysroot, name: &str) -> Result<Vec<String>, MeterError> {
    const CLASS: &str = "/sys/class/hwmon";
    let mut found = Vec::new();
    for chip in root.list(CLASS).map_err(unreadable)? {
        let chip = format!("{CLASS}/{chip}");
        if text(root, &format!("{chip}/name"))?.as_deref() == Some(name) {
            found.push(chip);
        }
    }
    Ok(found)
}

/// The trimmed text of a file; `None` if absent.
///
/// # Errors
/// If it exists but cannot be read.
pub fn text(root: &Sysroot, path: &str) -> Result<Option<String>, MeterError> {
    Ok(root.read(path).map_err(unreadable)?.map(|text| text.trim().to_owned()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn unreadable(error: HardwareError) -> MeterError {
    MeterError { meter: "hwmon".to_owned(), reason: error.to_string() }
}

fn number(path: &Path) -> Result<f64, MeterError> {
    let failed = |reason| MeterError { meter: path.display().to_string(), reason };
    let text = fs::read_to_string(path).map_err(|error| {
        failed(match error.kind() {
            ErrorKind::PermissionDenied => format!(
                "permission denied, or the device is suspended: `sudo chmod a+r {}` grants access",
                path.display()
            ),
            _ => error.to_string(),
        })
    })?;
    let number: i64 =
        text.trim().parse().map_err(|_| failed(format!("{:?} is not a number", text.trim())))?;
    Ok(number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rails(first: &str, second: &str) -> Result<Option<Rails>, MeterError> {
        let root = tempfile::tempdir().unwrap();
        let paths = [("a", first), ("b", second)].map(|(name, text)| {
            let path = root.path().join(name);
            fs::write(&path, text).unwrap();
            path
        });
        let [a, b] = paths;
        let rails = vec![Rail::Power(a.clone()), Rail::VoltageCurrent(a, b)];
        let Some(rails) = Rails::open(rails)? else { return Ok(None) };
        let Watts(sum) = rails.watts()?;
        assert!((sum - 0.020).abs() < 1e-12, "{sum} W");
        Ok(Some(rails))
    }

    #[test]
    fn powers_and_products_are_summed() {
        assert!(rails("5000\n", "3\n").unwrap().is_some());
        assert_eq!(Rails::open(Vec::new()), Ok(None));
    }

    #[test]
    fn an_invalid_power_is_an_error_that_names_the_file() {
        for (first, second) in [("none", "1"), ("9000000000", "1"), ("5000", "-7"), ("5000", "")] {
            let error = rails(first, second).unwrap_err().to_string();
            assert!(error.contains("/a") || error.contains("/b"), "{error}");
        }
    }
}
