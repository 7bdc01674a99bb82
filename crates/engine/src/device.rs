//! Engines that share a device: where their threads meet.
//!
//! The policy is [`harmonic_admission::DeviceArbiter`]; this is the lock around it and the waiting.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use harmonic_admission::{Allowance, Demand, DeviceArbiter};

/// A device with the engines of one deployment.
#[derive(Clone, Debug)]
pub struct SharedDevice(Arc<DeviceCoordinator>);

#[derive(Debug)]
struct DeviceCoordinator {
    reports: Mutex<Reports>,
    changed: Condvar,
}

#[derive(Debug)]
struct Reports {
    device: DeviceArbiter,
    /// How many there were.
    count: u64,
}

/// The place of one engine on a device.
#[derive(Clone, Debug)]
pub struct DeviceHandle {
    device: SharedDevice,
    index: usize,
}

/// What an engine was told, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepPermit {
    pub(crate) allowance: Allowance,
    report: u64,
}

impl SharedDevice {
    /// A device for engines with these guarantees.
    pub fn new(max_in_flight: u32, quotas: impl IntoIterator<Item = u32>) -> Self {
        let device = DeviceArbiter::new(max_in_flight, quotas);
        let reports = Mutex::new(Reports { device, count: 0 });
        Self(Arc::new(DeviceCoordinator { reports, changed: Condvar::new() }))
    }

    /// The place of engine `index`, in the order of the guarantees.
    pub fn handle(&self, index: usize) -> DeviceHandle {
        DeviceHandle { device: self.clone(), index }
    }
}

impl DeviceHandle {
    /// Reports what the engine runs and wants; the others learn of it.
    pub(crate) fn report(&self, demand: Demand) -> StepPermit {
        let DeviceCoordinator { reports, changed } = &*self.device.0;
        let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
        let allowance = reports.device.report(self.index, demand);
        reports.count += 1;
        changed.notify_all();
        StepPermit { allowance, report: reports.count }
    }

    /// Waits until another engine has reported after `permit`, at most for `time`.
    pub(crate) fn wait(&self, permit: StepPermit, time: Duration) {
        let DeviceCoordinator { reports, changed } = &*self.device.0;
        let reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether somebody reported or the time is up makes no difference: the caller asks again.
        let _woken = changed.wait_timeout_while(reports, time, |now| now.count == permit.report);
    }
}
