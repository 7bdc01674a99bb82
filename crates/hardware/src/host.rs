//! The machine without its GPUs: processor, system memory, and the limits on this process.

use harmonic_types::Bytes;

use crate::apple;
use crate::cgroup::Limits;
use crate::cpu::Cpu;
use crate::error::HardwareError;
use crate::memory::Memory;
use crate::sysroot::Sysroot;

/// Systems whose GPU is known by the system's own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// The device tree names an NVIDIA Jetson.
    Jetson,
    /// macOS on arm64.
    AppleSilicon {
        /// What the owner allows the GPU to wire, where the default was changed.
        wired_limit: Option<Bytes>,
    },
    /// Any other: its GPUs are asked for.
    Other,
}

/// A machine without its GPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Processor.
    pub cpu: Cpu,
    /// System memory, before any limit.
    pub memory: Memory,
    /// Limits on this process.
    pub limits: Limits,
    /// What it is by its own name.
    pub kind: HostKind,
}

const MODEL: &str = "/proc/device-tree/model";

impl Host {
    /// Reads `/proc` and `/sys` of a Linux machine, or the facts of a Mac.
    ///
    /// # Errors
    /// When what states the memory or the processor is absent or not understood.
    pub fn read(root: &Sysroot) -> Result<Self, HardwareError> {
        if let Some(host) = apple::host(root)? {
            return Ok(host);
        }
        let memory = Memory::read(root)?;
        let model = root.read(MODEL)?.unwrap_or_default();
        Ok(Self {
            cpu: Cpu::read(root)?,
            memory,
            limits: Limits::read(root)?,
            kind: if model.contains("Jetson") { HostKind::Jetson } else { HostKind::Other },
        })
    }

    /// min(system memory, limit).
    pub fn total(&self) -> Bytes {
        self.limits.memory.map_or(self.memory.total, |limit| limit.min(self.memory.total))
    }

    /// The lesser of the memory that is available and what the limits leave.
    pub fn available(&self) -> Bytes {
        let available = self.memory.available;
        self.limits.memory_left.map_or(available, |left| left.min(available))
    }

    /// Logical CPUs that this process may use: affinity and quota applied.
    pub fn threads(&self) -> u32 {
        self.limits.cpus.map_or(self.cpu.threads, |quota| quota.min(self.cpu.threads))
    }
}
