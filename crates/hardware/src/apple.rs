//! Detection of a Mac from the output of `sysctl -a`.
//!
//! On the running machine the command is run (macOS has no `/proc`). Below a replaced root its
//! output is the file `sysctl.txt` of that root.
//!
//! Does not do: query `recommendedMaxWorkingSetSize` of Metal, which needs Apple's frameworks. By
//! default macOS lets the GPU wire only a part of the memory; the limit is known only if the owner
//! has set `iogpu.wired_limit_mb`, otherwise a finding reports it as unknown.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use harmonic_types::{Bytes, Finding};

use crate::cgroup::Limits;
use crate::cpu::Cpu;
use crate::error::HardwareError;
use crate::host::{Host, HostKind};
use crate::memory::Memory;
use crate::sysroot::Sysroot;

const RECORDED: &str = "/sysctl.txt";
const SYSCTL: &str = "/usr/sbin/sysctl";

/// Names of instruction sets: in `hw.optional.arm.NAME`, and in [`Cpu::features`].
const FEATURES: [(&str, &str); 5] = [
    ("FEAT_DotProd", "asimddp"),
    ("FEAT_FP16", "asimdhp"),
    ("FEAT_I8MM", "i8mm"),
    ("FEAT_BF16", "bf16"),
    ("FEAT_SME", "sme"),
];

/// The host below `root` if it is a Mac.
///
/// # Errors
/// If `sysctl` cannot be run, or its output lacks memory or CPU.
pub fn host(root: &Sysroot) -> Result<Option<Host>, HardwareError> {
    let Some(text) = sysctl_output(root)? else { return Ok(None) };
    let sysctl = Sysctl(&text);
    let source = if root.is_live() { SYSCTL } else { RECORDED };
    let number = |key: &'static str| {
        sysctl.number(key).ok_or_else(|| root.malformed(source, key, &sysctl.line(key)))
    };
    let total = Bytes(number("hw.memsize")?);
    let is_arm = sysctl.number("hw.optional.arm64") == Some(1);
    let wired_limit = sysctl.number("iogpu.wired_limit_mb").filter(|limit| *limit > 0);
    let wired_limit = wired_limit.map(|mebibytes| Bytes(mebibytes.saturating_mul(1 << 20)));
    Ok(Some(Host {
        cpu: Cpu {
            name: sysctl.text("machdep.cpu.brand_string").unwrap_or("CPU of unknown model").into(),
            threads: u32::try_from(number("hw.logicalcpu")?).unwrap_or(u32::MAX).max(1),
            features: if is_arm { sysctl.features() } else { Vec::new() },
        },
        memory: Memory { total, available: sysctl.available().unwrap_or(Bytes::ZERO).min(total) },
        limits: Limits::default(),
        kind: if is_arm { HostKind::AppleSilicon { wired_limit } } else { HostKind::Other },
    }))
}

/// Output of `sysctl -a`; `None` if the machine is not a Mac.
fn sysctl_output(root: &Sysroot) -> Result<Option<String>, HardwareError> {
    if !root.is_live() {
        return root.read(RECORDED);
    }
    if !cfg!(target_os = "macos") {
        return Ok(None);
    }
    let unreadable = |source| HardwareError::Unreadable { path: PathBuf::from(SYSCTL), source };
    let output = Command::new(SYSCTL).arg("-a").output().map_err(unreadable)?;
    if output.stdout.is_empty() {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(unreadable(io::Error::other(stderr)));
    }
    Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Output of `sysctl`: lines `key: value`.
struct Sysctl<'a>(&'a str);

impl<'a> Sysctl<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        self.0.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(':')?.trim()))
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.parse().ok()
    }

    /// The line of `key`, for an error; empty if absent.
    fn line(&self, key: &str) -> String {
        self.text(key).map_or_else(String::new, |value| format!("{key}: {value}"))
    }

    /// Free pages and file pages, which the kernel can drop. Compressed and inactive anonymous
    /// pages are excluded: freeing them requires swapping or compression.
    fn available(&self) -> Option<Bytes> {
        let free = self.number("vm.page_free_count")?;
        let files = self.number("vm.page_pageable_external_count").unwrap_or(0);
        Some(Bytes(free.saturating_add(files).saturating_mul(self.number("hw.pagesize")?)))
    }

    fn features(&self) -> Vec<String> {
        let has =
            |(name, _): &&(&str, &str)| self.number(&format!("hw.optional.arm.{name}")) == Some(1);
        let rest = FEATURES.iter().filter(has).map(|(_, feature)| (*feature).to_owned());
        std::iter::once("neon".to_owned()).chain(rest).collect()
    }
}

/// Finding for an unknown memory limit of the GPU.
pub fn limit_unknown(total: Bytes) -> Finding {
    Finding::new(
        "metal-limit-unknown",
        format!(
            "macOS lets the GPU use only a part of the {total}, and the limit is unknown: Metal may \
             refuse a plan at launch"
        ),
        format!(
            "`sudo sysctl iogpu.wired_limit_mb={}` sets the limit to 85% until the next boot",
            total.0 / 100 * 85 / (1 << 20)
        ),
    )
}
