//! The CPU: its name, its threads, and the instruction sets relevant to the speed of weight
//! formats.
//!
//! Does not do: apply a quota (that is [`crate::cgroup`]).

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

/// The CPU as listed by the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Display name.
    pub name: String,
    /// Logical CPUs available to this process by affinity.
    pub threads: u32,
    /// Available instruction sets that llama.cpp's CPU kernels use.
    pub features: Vec<String>,
}

/// Kernel flags and names of the instruction sets that llama.cpp's CPU kernels use
/// (`ggml/src/ggml-cpu/CMakeLists.txt`, build 11434): x86, then ARM, whose `asimd` is NEON.
const FEATURES: [(&str, &str); 19] = [
    ("avx", "avx"),
    ("avx2", "avx2"),
    ("f16c", "f16c"),
    ("fma", "fma"),
    ("avx_vnni", "avx_vnni"),
    ("avx512f", "avx512f"),
    ("avx512_vbmi", "avx512_vbmi"),
    ("avx512vbmi", "avx512_vbmi"),
    ("avx512_vnni", "avx512_vnni"),
    ("avx512_bf16", "avx512_bf16"),
    ("amx_int8", "amx_int8"),
    ("amx_bf16", "amx_bf16"),
    ("asimd", "neon"),
    ("asimddp", "asimddp"),
    ("asimdhp", "asimdhp"),
    ("i8mm", "i8mm"),
    ("bf16", "bf16"),
    ("sve", "sve"),
    ("sme", "sme"),
];

const CPUINFO: &str = "/proc/cpuinfo";

impl Cpu {
    /// Reads `/proc/cpuinfo`, and on a live root the number of threads available to this process.
    ///
    /// # Errors
    /// If the file is absent or lists no processor.
    pub fn read(root: &Sysroot) -> Result<Self, HardwareError> {
        let text = root.require(CPUINFO, "processor")?;
        let listed = text.lines().filter(|line| field(line, "processor").is_some()).count();
        let listed = u32::try_from(listed).unwrap_or(u32::MAX);
        if listed == 0 {
            return Err(root.malformed(CPUINFO, "any processor", &text));
        }
        let allowed = if root.is_live() { std::thread::available_parallelism().ok() } else { None };
        let threads = allowed.and_then(|n| u32::try_from(n.get()).ok()).unwrap_or(listed);
        Ok(Self { name: name(root, &text)?, threads, features: features(&text) })
    }
}

/// The value of `line` if it is the field `name` of a cpuinfo text.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = line.split_once(':')?;
    (key.trim() == name).then(|| value.trim())
}

fn first<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| field(line, name)).filter(|value| !value.is_empty())
}

/// The model name on x86. ARM has only numbers, so the name of the board is preferred, from the
/// device tree or from DMI.
fn name(root: &Sysroot, cpuinfo: &str) -> Result<String, HardwareError> {
    if let Some(name) = first(cpuinfo, "model name") {
        return Ok(name.to_owned());
    }
    for path in ["/proc/device-tree/model", "/sys/class/dmi/id/product_name"] {
        let text = root.read(path)?.unwrap_or_default();
        let board = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        if !board.is_empty() {
            return Ok(board.to_owned());
        }
    }
    match (first(cpuinfo, "CPU implementer"), first(cpuinfo, "CPU part")) {
        (Some(implementer), Some(part)) => {
            Ok(format!("ARM CPU, implementer {implementer}, part {part}"))
        }
        _ => Ok("CPU of unknown model".to_owned()),
    }
}

fn features(cpuinfo: &str) -> Vec<String> {
    let flags: Vec<&str> = first(cpuinfo, "flags")
        .or_else(|| first(cpuinfo, "Features"))
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    FEATURES
        .iter()
        .filter(|(flag, _)| flags.contains(flag))
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_flags_relevant_to_weight_formats_are_kept() {
        let x86 = "flags\t\t: fpu vme avx f16c avx2 avx512_bf16 avx512vbmi fsrm\n";
        assert_eq!(features(x86), ["avx", "avx2", "f16c", "avx512_vbmi", "avx512_bf16"]);
        let arm = "Features\t: fp asimd asimdhp asimddp i8mm bf16 sve2\n";
        assert_eq!(features(arm), ["neon", "asimddp", "asimdhp", "i8mm", "bf16"]);
        assert!(features("processor : 0\n").is_empty());
    }
}
