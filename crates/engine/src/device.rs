//! Coordination between the threads of engines that share a device.
//!
//! The policy is [`harmonic_admission::DeviceArbiter`]; this module adds the lock and the waiting.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use harmonic_admission::{Allowance, Demand, DeviceArbiter};

/// A device shared by the engines of one deployment.
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
    /// Number of reports so far.
    count: u64,
}

/// Handle of one engine to its device.
#[derive(Clone, Debug)]
pub struct DeviceHandle {
    device: SharedDevice,
    index: usize,
}

/// Allowance for a step, and the report it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepPermit {
    pub(crate) allowance: Allowance,
    report: u64,
}

impl SharedDevice {
    /// A device for engines with `quotas`, in order; `None` for one that computes embeddings, whose
    /// requests run in no sequence.
    pub fn new(max_in_flight: u32, quotas: impl IntoIterator<Item = Option<u32>>) -> Self {
        let device = DeviceArbiter::new(max_in_flight, quotas);
        let reports = Mutex::new(Reports { device, count: 0 });
        Self(Arc::new(DeviceCoordinator { reports, changed: Condvar::new() }))
    }

    /// Handle of engine `index`, in the order of the quotas.
    pub fn handle(&self, index: usize) -> DeviceHandle {
        DeviceHandle { device: self.clone(), index }
    }
}

impl DeviceHandle {
    /// Reports the engine's demand and wakes waiting engines.
    pub(crate) fn report(&self, demand: Demand) -> StepPermit {
        let DeviceCoordinator { reports, changed } = &*self.device.0;
        let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
        let allowance = reports.device.report(self.index, demand);
        reports.count += 1;
        changed.notify_all();
        StepPermit { allowance, report: reports.count }
    }

    /// Waits until another engine reports after `permit`, for at most `time`.
    pub(crate) fn wait(&self, permit: StepPermit, time: Duration) {
        let DeviceCoordinator { reports, changed } = &*self.device.0;
        let reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
        // Report or timeout: the caller reports again in both cases.
        let _woken = changed.wait_timeout_while(reports, time, |now| now.count == permit.report);
    }
}
