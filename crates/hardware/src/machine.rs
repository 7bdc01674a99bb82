//! All facts found on a machine, from which its description is derived.

use harmonic_types::{Bytes, Finding};

use crate::apple;
use crate::error::HardwareError;
use crate::gpu::{self, Gpu, GpuMemory, GpuVendor, amd, nvidia};
use crate::host::{Host, HostKind};
use crate::nvml::{self, NvmlState};
use crate::platform::Platform;
use crate::sysroot::Sysroot;

/// Device that the engines of a build use; it determines the relevant memory and meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineDevice {
    /// The machine's best device.
    Best,
    /// The CPU, regardless of GPUs.
    Cpu,
}

/// Facts found on a machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// CPU, system memory and limits.
    pub host: Host,
    /// GPUs described by a vendor's module.
    pub gpus: Vec<Gpu>,
    /// Platform of the machine.
    pub platform: Platform,
    /// NVIDIA's library, for the meter.
    pub nvml: NvmlState,
    /// Findings on missing facts.
    pub findings: Vec<Finding>,
}

impl Machine {
    /// Detects the machine below `root`.
    ///
    /// # Errors
    /// If its memory or CPU is unknown. Problems of a GPU are findings, as the CPU remains usable.
    pub fn read(root: &Sysroot) -> Result<Self, HardwareError> {
        let host = Host::read(root)?;
        let nvml = nvml::open(root)?;
        let mut machine =
            Self { host, gpus: Vec::new(), platform: Platform::Cpu, nvml, findings: Vec::new() };
        let nvidia_failed = match machine.host.kind {
            HostKind::Jetson => {
                machine.add_integrated_gpu(GpuVendor::Nvidia);
                false
            }
            HostKind::AppleSilicon { wired_limit } => {
                machine.add_integrated_gpu(GpuVendor::Apple);
                if wired_limit.is_none() {
                    machine.findings.push(apple::limit_unknown(machine.host.memory.total));
                }
                false
            }
            HostKind::Other => machine.detect_gpus(root),
        };
        machine.platform = Platform::of(&machine.host, &machine.gpus, nvidia_failed);
        Ok(machine)
    }

    /// Adds the integrated GPU of a known system, with the name of the system, prefixed with the
    /// vendor if the name lacks it.
    fn add_integrated_gpu(&mut self, vendor: GpuVendor) {
        let board = &self.host.cpu.name;
        let maker = vendor.to_string();
        let name =
            if board.contains(&maker) { board.clone() } else { format!("{maker} GPU of {board}") };
        self.gpus.push(Gpu {
            vendor,
            name,
            memory: GpuMemory::System,
            simds: 0,
            features: Vec::new(),
            render_node: None,
        });
    }

    /// Queries each vendor's interface. Returns whether NVIDIA's failed.
    fn detect_gpus(&mut self, root: &Sysroot) -> bool {
        let seen = gpu::vendors(root).unwrap_or_else(|error| {
            self.findings.push(gpu::list_unreadable(&error));
            Vec::new()
        });
        let failed = self.query_nvidia(seen.contains(&GpuVendor::Nvidia));
        match amd::gpus(root, &self.host.cpu.name) {
            Ok(found) => self.add(found),
            Err(error) => self.findings.push(gpu::list_unreadable(&error)),
        }
        for vendor in seen {
            let reported = self.gpus.iter().any(|gpu| gpu.vendor == vendor)
                || (failed && vendor == GpuVendor::Nvidia);
            if !reported {
                self.findings.push(gpu::not_described(vendor));
            }
        }
        failed
    }

    fn query_nvidia(&mut self, seen: bool) -> bool {
        let error = match &self.nvml {
            NvmlState::Open(nvml) => match nvidia::gpus(nvml.as_ref(), self.host.memory.total) {
                Ok(found) => {
                    self.add(found);
                    return false;
                }
                Err(error) => error,
            },
            NvmlState::Failed(error) => error.clone(),
            // Container images contain the library without the driver.
            NvmlState::NoDriver if seen => nvml::NvmlError::Other("DRIVER_NOT_LOADED".to_owned()),
            NvmlState::NoDriver | NvmlState::Absent => return false,
        };
        self.findings.push(nvidia::failed(&error));
        true
    }

    fn add(&mut self, (gpus, findings): (Vec<Gpu>, Vec<Finding>)) {
        self.gpus.extend(gpus);
        self.findings.extend(findings);
    }

    /// Total and available memory for engines that run on `on`.
    ///
    /// Limits on this process apply to system memory; control groups do not count the memory of
    /// cards and carve-outs.
    pub fn memory(&self, on: EngineDevice) -> (Bytes, Bytes) {
        let (total, available) = (self.host.total(), self.host.available());
        let platform = match on {
            EngineDevice::Best => self.platform,
            EngineDevice::Cpu => Platform::Cpu,
        };
        match platform {
            Platform::DgxSpark
            | Platform::NvidiaUnified
            | Platform::NvidiaUnknown
            | Platform::Jetson
            | Platform::Cpu => (total, available),
            Platform::Apple => match self.host.kind {
                HostKind::AppleSilicon { wired_limit: Some(limit) } => {
                    (total.min(limit), available.min(limit))
                }
                _ => (total, available),
            },
            Platform::NvidiaDiscrete { .. } => self.boards(GpuVendor::Nvidia),
            Platform::AmdDiscrete { .. } => self.boards(GpuVendor::Amd),
            Platform::StrixHalo { memory } | Platform::AmdApu { memory } => {
                (memory, self.carve_out_available())
            }
        }
    }

    fn boards(&self, vendor: GpuVendor) -> (Bytes, Bytes) {
        self.gpus.iter().filter(|gpu| gpu.vendor == vendor).fold(
            (Bytes::ZERO, Bytes::ZERO),
            |(sum, left), gpu| match gpu.memory {
                GpuMemory::Board { total, free } => (sum + total, left + free),
                _ => (sum, left),
            },
        )
    }

    /// Free memory of the carve-out, and of GTT up to the system's available memory.
    fn carve_out_available(&self) -> Bytes {
        let free = self.gpus.iter().filter_map(|gpu| match gpu.memory {
            GpuMemory::CarveOut { vram, gtt } => {
                Some(vram.free() + gtt.free().min(self.host.available()))
            }
            _ => None,
        });
        free.max().unwrap_or(Bytes::ZERO)
    }
}
