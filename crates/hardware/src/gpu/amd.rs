//! AMD's GPUs, from the kernel's compute driver (`/sys/class/kfd`) and each GPU's render node.
//!
//! Whether a GPU is part of a processor follows from its instruction set: newer kernels list an
//! APU's GPU as a node of its own without CPU cores, exactly as a card.

use harmonic_types::{Bytes, Finding};

use crate::error::HardwareError;
use crate::gpu::{Extent, Gpu, GpuMemory, GpuVendor};
use crate::sysroot::Sysroot;

/// Instruction sets of APUs (the LLVM AMDGPU guide's table of processors). gfx942 is left out: the
/// MI300A has it, and so has the MI300X, which is a card.
const APUS: [&str; 13] = [
    "gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037", "gfx1103",
    "gfx1150", "gfx1151", "gfx1152", "gfx1153",
];

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

/// AMD in decimal, as KFD writes it.
const VENDOR: u64 = 0x1002;

/// All GPUs that KFD lists, and what it does not say of them. `cpu` is the processor's name.
///
/// # Errors
/// When a file exists and cannot be read (a container's device rules can forbid it), or has not
/// the driver's form.
pub fn gpus(root: &Sysroot, cpu: &str) -> Result<(Vec<Gpu>, Vec<Finding>), HardwareError> {
    let mut gpus = Vec::new();
    let mut findings = Vec::new();
    for node in root.list(NODES)? {
        let path = format!("{NODES}/{node}/properties");
        let Some(text) = root.read(&path)? else { continue };
        let Some(node) = KfdGpu::parse(&text) else { continue };
        let gfx = gfx(node.target_version)
            .ok_or_else(|| root.malformed(&path, "a gfx_target_version", &text))?;
        let is_apu = APUS.contains(&gfx.as_str());
        let name = name(cpu, &gfx, is_apu);
        let memory = memory(root, node.render_node, is_apu)?;
        if memory == GpuMemory::Unknown {
            findings.push(unknown(&name, node.render_node));
        }
        gpus.push(Gpu {
            vendor: GpuVendor::Amd,
            name,
            memory,
            simds: node.simds,
            features: vec![gfx],
            render_node: Some(node.render_node),
        });
    }
    Ok((gpus, findings))
}

/// What a node's `properties` say of an AMD GPU.
struct KfdGpu {
    target_version: u32,
    simds: u32,
    render_node: u32,
}

impl KfdGpu {
    /// `None` for a node of CPU cores alone, and for another vendor's.
    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.trim().split_once(' ')?;
                (key == name).then(|| value.trim().parse::<u64>().ok())?
            })
        };
        let small = |name| field(name).and_then(|value| u32::try_from(value).ok());
        let simds = small("simd_count").filter(|count| *count > 0)?;
        if field("vendor_id") != Some(VENDOR) {
            return None;
        }
        Some(Self {
            target_version: small("gfx_target_version")?,
            simds,
            render_node: small("drm_render_minor")?,
        })
    }
}

/// `110501` → `gfx1151`: major, minor and stepping as two decimal digits each, of which the last is
/// written in hexadecimal (`90012` → `gfx90c`). `None` where the driver does not know it.
fn gfx(target_version: u32) -> Option<String> {
    let (major, minor, step) =
        (target_version / 10_000, target_version / 100 % 100, target_version % 100);
    (major > 0 && minor < 16 && step < 16).then(|| format!("gfx{major}{minor:x}{step:x}"))
}

/// AMD names the GPU of an APU within the processor's name (`… w/ Radeon 8060S`); a card's name is
/// in no file of the kernel.
fn name(cpu: &str, gfx: &str, is_apu: bool) -> String {
    let within = cpu.split_once(" w/ ").map(|(_, gpu)| gpu.trim()).filter(|_| is_apu);
    within.map_or_else(|| format!("AMD {gfx}"), |gpu| format!("AMD {gpu}"))
}

fn memory(root: &Sysroot, render_node: u32, is_apu: bool) -> Result<GpuMemory, HardwareError> {
    let Some(vram) = extent(root, render_node, "vram")? else { return Ok(GpuMemory::Unknown) };
    if !is_apu {
        return Ok(GpuMemory::Board { total: vram.total, free: vram.free() });
    }
    Ok(match extent(root, render_node, "gtt")? {
        Some(gtt) => GpuMemory::CarveOut { vram, gtt },
        None => GpuMemory::Unknown,
    })
}

/// `mem_info_KIND_total` and `_used`, bytes; `None` where either is absent.
fn extent(root: &Sysroot, render_node: u32, kind: &str) -> Result<Option<Extent>, HardwareError> {
    let read = |what: &str| {
        let path = format!("/sys/class/drm/renderD{render_node}/device/mem_info_{kind}_{what}");
        let Some(text) = root.read(&path)? else { return Ok(None) };
        let bytes = text.trim().parse();
        bytes.map(|bytes| Some(Bytes(bytes))).map_err(|_| root.malformed(&path, "bytes", &text))
    };
    Ok(match (read("total")?, read("used")?) {
        (Some(total), Some(used)) => Some(Extent { total, used: used.min(total) }),
        _ => None,
    })
}

fn unknown(name: &str, render_node: u32) -> Finding {
    Finding::new(
        "amd-memory-unknown",
        format!(
            "the memory of the GPU {name} is unknown and in none of these figures: \
             /sys/class/drm/renderD{render_node}/device has no mem_info_vram_* or mem_info_gtt_*"
        ),
        "load the amdgpu driver (`sudo modprobe amdgpu`); `dmesg | grep amdgpu` says why it did not",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instruction_sets_are_named_as_llvm_does() {
        for (version, name) in [
            (110_501, "gfx1151"),
            (110_000, "gfx1100"),
            (90_012, "gfx90c"),
            (90_402, "gfx942"),
            (100_306, "gfx1036"),
        ] {
            assert_eq!(gfx(version).as_deref(), Some(name));
        }
        assert_eq!(gfx(0), None);
    }

    #[test]
    fn only_an_apu_takes_the_name_in_the_processors() {
        let cpu = "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S";
        assert_eq!(name(cpu, "gfx1151", true), "AMD Radeon 8060S");
        assert_eq!(name(cpu, "gfx1100", false), "AMD gfx1100");
        assert_eq!(name("AMD EPYC", "gfx90c", true), "AMD gfx90c");
    }

    proptest! {
        #[test]
        fn any_text_is_a_node_or_none(text in "[a-z_0-9 \n]{0,60}", version in 0_u32..) {
            prop_assert!(KfdGpu::parse(&text).is_none_or(|node| node.simds > 0));
            prop_assert!(gfx(version).is_none_or(|name| name.starts_with("gfx")));
        }
    }
}
