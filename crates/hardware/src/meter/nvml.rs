//! The energy of NVIDIA GPUs: their counter (Volta and newer), otherwise sampled power.

use std::sync::{Arc, Mutex, PoisonError};

use harmonic_types::{EnergyMeter, EnergyMethod, Joules, MeterError, PowerScope, Watts};

use super::sampled::{PowerProbe, SampledMeter};
use crate::nvml::{Nvml, NvmlError};

/// A meter over all GPUs listed by `nvml`; `None` if one of them states neither energy nor power.
///
/// # Errors
/// If NVML fails for another reason than an unsupported figure.
pub fn open(
    nvml: &Arc<dyn Nvml>,
    scope: PowerScope,
) -> Result<Option<Box<dyn EnergyMeter>>, MeterError> {
    let count = nvml.count().map_err(|error| refused(&error))?;
    if count == 0 {
        return Ok(None);
    }
    let gpus = Gpus { nvml: Arc::clone(nvml), count };
    match gpus.each(|nvml, index| nvml.millijoules(index)) {
        Ok(last) => {
            let state = Mutex::new(Counted { last, total: 0 });
            return Ok(Some(Box::new(Counter { gpus, scope, state })));
        }
        Err(NvmlError::NotSupported) => {}
        Err(error) => return Err(refused(&error)),
    }
    match gpus.each(|nvml, index| nvml.milliwatts(index)) {
        Ok(_) => Ok(Some(Box::new(SampledMeter::new(gpus, scope)))),
        Err(NvmlError::NotSupported) => Ok(None),
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &NvmlError) -> MeterError {
    MeterError {
        meter: "NVML".to_owned(),
        reason: format!(
            "NVML returns {error}; `nvidia-smi -q -d POWER` shows the driver's figures"
        ),
    }
}

#[derive(Debug)]
struct Gpus {
    nvml: Arc<dyn Nvml>,
    count: u32,
}

impl Gpus {
    fn each(
        &self,
        query: impl Fn(&dyn Nvml, u32) -> Result<u64, NvmlError>,
    ) -> Result<Vec<u64>, NvmlError> {
        (0..self.count).map(|index| query(self.nvml.as_ref(), index)).collect()
    }
}

impl PowerProbe for Gpus {
    fn watts(&self) -> Result<Watts, MeterError> {
        let milliwatts = self.each(|nvml, index| nvml.milliwatts(index));
        let milliwatts = milliwatts.map_err(|error| refused(&error))?;
        Ok(Watts(milliwatts.iter().map(|one| *one as f64).sum::<f64>() / 1e3))
    }
}

/// Sum of the GPUs' counters.
#[derive(Debug)]
struct Counter {
    gpus: Gpus,
    scope: PowerScope,
    state: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    /// Previous reading of each GPU, mJ.
    last: Vec<u64>,
    /// mJ since the meter was opened.
    total: u64,
}

impl EnergyMeter for Counter {
    fn scope(&self) -> PowerScope {
        self.scope
    }

    fn method(&self) -> EnergyMethod {
        EnergyMethod::Counter
    }

    fn total(&self) -> Result<Joules, MeterError> {
        // The readings remain valid after a panic of another reader.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.gpus.each(|nvml, index| nvml.millijoules(index));
        let now = now.map_err(|error| refused(&error))?;
        let Counted { last, total } = &mut *state;
        for (last, now) in last.iter_mut().zip(now) {
            // A counter below the last reading was reset with the driver, and counts from zero.
            let spent = now.checked_sub(*last).unwrap_or(now);
            *last = now;
            *total = total.saturating_add(spent);
        }
        Ok(Joules(*total as f64 / 1e3))
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::Bytes;

    use super::*;
    use crate::nvml::NvmlMemory;

    /// GPUs with figures set by a test.
    #[derive(Debug)]
    struct FakeNvml {
        energy: Mutex<Vec<Result<u64, NvmlError>>>,
        power: Result<u64, NvmlError>,
    }

    impl FakeNvml {
        fn new(energy: &[Result<u64, NvmlError>], power: Result<u64, NvmlError>) -> Arc<Self> {
            Arc::new(Self { energy: Mutex::new(energy.to_vec()), power })
        }

        fn open(self: &Arc<Self>) -> Result<Option<Box<dyn EnergyMeter>>, MeterError> {
            let nvml: Arc<dyn Nvml> = Arc::clone(self) as Arc<dyn Nvml>;
            open(&nvml, PowerScope::GpuBoard)
        }
    }

    impl Nvml for FakeNvml {
        fn count(&self) -> Result<u32, NvmlError> {
            Ok(u32::try_from(self.energy.lock().unwrap().len()).unwrap())
        }
        fn name(&self, _: u32) -> Result<String, NvmlError> {
            Err(NvmlError::NotSupported)
        }
        fn memory(&self, _: u32) -> Result<NvmlMemory, NvmlError> {
            Ok(NvmlMemory { total: Bytes::ZERO, free: Bytes::ZERO })
        }
        fn integrated(&self, _: u32) -> Option<bool> {
            None
        }
        fn milliwatts(&self, _: u32) -> Result<u64, NvmlError> {
            self.power.clone()
        }
        fn millijoules(&self, index: u32) -> Result<u64, NvmlError> {
            self.energy.lock().unwrap()[index as usize].clone()
        }
    }

    #[test]
    fn counters_are_summed_and_a_reset_is_detected() {
        let gpus = FakeNvml::new(&[Ok(5_000), Ok(9_000)], Ok(1));
        let meter = gpus.open().unwrap().unwrap();
        assert_eq!(meter.method(), EnergyMethod::Counter);
        assert_eq!(meter.total(), Ok(Joules(0.0)));
        *gpus.energy.lock().unwrap() = vec![Ok(7_000), Ok(250)];
        assert_eq!(meter.total(), Ok(Joules(2.25)));
        gpus.energy.lock().unwrap()[0] = Err(NvmlError::Other("GPU_IS_LOST".to_owned()));
        assert!(meter.total().unwrap_err().reason.contains("GPU_IS_LOST"));
    }

    #[test]
    fn without_a_counter_power_is_sampled_and_without_power_there_is_no_meter() {
        let none = Err(NvmlError::NotSupported);
        let sampled = FakeNvml::new(&[Ok(1), none.clone()], Ok(11_170)).open().unwrap().unwrap();
        assert!(matches!(sampled.method(), EnergyMethod::Sampled { hz } if hz >= 10.0));
        assert_eq!(sampled.scope(), PowerScope::GpuBoard);
        assert!(FakeNvml::new(std::slice::from_ref(&none), none.clone()).open().unwrap().is_none());
        assert!(FakeNvml::new(&[], Ok(1)).open().unwrap().is_none());
        let refused = Err(NvmlError::Other("NO_PERMISSION".to_owned()));
        assert!(FakeNvml::new(&[none], refused).open().is_err());
    }
}
