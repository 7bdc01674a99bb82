//! Everything that was found on a machine, before it is made into figures.

use harmonic_types::{Bytes, Finding};

use crate::apple;
use crate::error::HardwareError;
use crate::gpu::{self, Gpu, GpuMemory, GpuVendor, amd, nvidia};
use crate::host::{Host, HostKind};
use crate::nvml::{self, NvmlState};
use crate::platform::Platform;
use crate::sysroot::Sysroot;

/// What the engines of a build compute on: it decides which memory and which meter count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsOn {
    /// The machine's best device.
    Best,
    /// The CPU, whatever GPU there is.
    Cpu,
}

/// A machine as found.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Processor, system memory and limits.
    pub host: Host,
    /// GPUs that a vendor's rule describes.
    pub gpus: Vec<Gpu>,
    /// What it is.
    pub platform: Platform,
    /// NVIDIA's library, for the meter.
    pub nvml: NvmlState,
    /// What could not be found out.
    pub findings: Vec<Finding>,
}

impl Machine {
    /// Looks at the machine below `root`.
    ///
    /// # Errors
    /// When its memory or processor is unknown. What is wrong with a GPU is a finding: the CPU
    /// works all the same.
    pub fn read(root: &Sysroot) -> Result<Self, HardwareError> {
        let host = Host::read(root)?;
        let nvml = nvml::open(root)?;
        let mut machine =
            Self { host, gpus: Vec::new(), platform: Platform::Cpu, nvml, findings: Vec::new() };
        let nvidia_failed = match machine.host.kind {
            HostKind::Jetson => {
                machine.add_own(GpuVendor::Nvidia);
                false
            }
            HostKind::AppleSilicon { wired_limit } => {
                machine.add_own(GpuVendor::Apple);
                if wired_limit.is_none() {
                    machine.findings.push(apple::limit_unknown(machine.host.memory.total));
                }
                false
            }
            HostKind::Other => machine.look_for_gpus(root),
        };
        machine.platform = Platform::of(&machine.host, &machine.gpus, nvidia_failed);
        Ok(machine)
    }

    /// The GPU of a system that names itself, called as the system is. A board of another maker does
    /// not say whose GPU it has.
    fn add_own(&mut self, vendor: GpuVendor) {
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

    /// Asks each vendor's interface. Returns whether NVIDIA's could not be asked.
    fn look_for_gpus(&mut self, root: &Sysroot) -> bool {
        let seen = gpu::vendors(root).unwrap_or_else(|error| {
            self.findings.push(gpu::unknown(&error));
            Vec::new()
        });
        let failed = self.ask_nvidia(seen.contains(&GpuVendor::Nvidia));
        match amd::gpus(root, &self.host.cpu.name) {
            Ok(found) => self.add(found),
            Err(error) => self.findings.push(gpu::unknown(&error)),
        }
        for vendor in seen {
            let told = self.gpus.iter().any(|gpu| gpu.vendor == vendor)
                || (failed && vendor == GpuVendor::Nvidia);
            if !told {
                self.findings.push(gpu::undescribed(vendor));
            }
        }
        failed
    }

    fn ask_nvidia(&mut self, seen: bool) -> bool {
        let error = match &self.nvml {
            NvmlState::Open(nvml) => match nvidia::gpus(nvml.as_ref(), self.host.memory.total) {
                Ok(found) => {
                    self.add(found);
                    return false;
                }
                Err(error) => error,
            },
            NvmlState::Failed(error) => error.clone(),
            // The library without its driver is what a container image brings along.
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

    /// Total and available memory in which engines that run on `on` can allocate.
    ///
    /// A limit on this process binds system memory; what a card or a carve-out holds is not
    /// counted by control groups.
    pub fn memory(&self, on: RunsOn) -> (Bytes, Bytes) {
        let (total, available) = (self.host.total(), self.host.available());
        let platform = match on {
            RunsOn::Best => self.platform,
            RunsOn::Cpu => Platform::Cpu,
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

    /// What is free of the carve-out, and of GTT as far as the system has memory for it.
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
