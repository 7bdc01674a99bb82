//! AMD GPUs, from the kernel's compute driver (`/sys/class/kfd`) and the render nodes.
//!
//! An APU is recognised by its instruction set: newer kernels list its GPU as a separate node
//! without CPU cores, like a graphics card.

use harmonic_types::{Bytes, Finding};

use crate::error::HardwareError;
use crate::gpu::{Gpu, GpuMemory, GpuVendor, MemoryRegion};
use crate::sysroot::Sysroot;

/// Instruction sets of APUs (the LLVM AMDGPU guide's table of processors). gfx942 is excluded: both
/// the MI300A and the MI300X, a discrete card, have it.
const APUS: [&str; 13] = [
    "gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037", "gfx1103",
    "gfx1150", "gfx1151", "gfx1152", "gfx1153",
];

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

/// PCI vendor ID of AMD, which KFD writes in decimal.
const VENDOR: u64 = 0x1002;

/// All GPUs listed by KFD, with findings on missing facts. `cpu` is the CPU's name.
///
/// # Errors
/// If a file exists but cannot be read (device rules of a container may forbid it), or is
/// malformed.
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

/// Fields of a node's `properties` file for an AMD GPU.
struct KfdGpu {
    target_version: u32,
    simds: u32,
    render_node: u32,
}

impl KfdGpu {
    /// `None` for a CPU-only node, and for other vendors.
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

/// Name of an instruction set (`110501` → `gfx1151`): major, minor and stepping as two decimal
/// digits each, the last written in hexadecimal (`90012` → `gfx90c`). `None` if unknown to the
/// driver.
fn gfx(target_version: u32) -> Option<String> {
    let (major, minor, step) =
        (target_version / 10_000, target_version / 100 % 100, target_version % 100);
    (major > 0 && minor < 16 && step < 16).then(|| format!("gfx{major}{minor:x}{step:x}"))
}

/// Name of a GPU: that of an APU is part of the CPU's name (`… w/ Radeon 8060S`); the kernel does
/// not state names of cards.
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

/// `mem_info_KIND_total` and `_used`, in bytes; `None` if either is absent.
fn extent(
    root: &Sysroot,
    render_node: u32,
    kind: &str,
) -> Result<Option<MemoryRegion>, HardwareError> {
    let read = |what: &str| {
        let path = format!("/sys/class/drm/renderD{render_node}/device/mem_info_{kind}_{what}");
        let Some(text) = root.read(&path)? else { return Ok(None) };
        let bytes = text.trim().parse();
        bytes.map(|bytes| Some(Bytes(bytes))).map_err(|_| root.malformed(&path, "bytes", &text))
    };
    Ok(match (read("total")?, read("used")?) {
        (Some(total), Some(used)) => Some(MemoryRegion { total, used: used.min(total) }),
        _ => None,
    })
}

fn unknown(name: &str, render_node: u32) -> Finding {
    Finding::new(
        "amd-memory-unknown",
        format!(
            "the memory of the GPU {name} is unknown and excluded from these figures: \
             /sys/class/drm/renderD{render_node}/device has no mem_info_vram_* or mem_info_gtt_*"
        ),
        "load the amdgpu driver (`sudo modprobe amdgpu`); `dmesg | grep amdgpu` shows its errors",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instruction_sets_have_the_names_of_llvm() {
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
    fn only_the_name_of_an_apu_is_part_of_the_cpus() {
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
