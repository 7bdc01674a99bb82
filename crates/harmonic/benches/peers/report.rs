//! Writer of the page `docs/performance.md`.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use harmonic_hardware::{EngineDevice, Sysroot};

use crate::run::Run;
use crate::table::Table;

const INTRODUCTION: &str = "\
# Performance beside llama-server

Written by `make bench-peers`: what was seen on one machine on one day, no promise for another.

Both servers get the same GGUF file, the same number of compute threads, as many sequences of the
same context, and the same requests over HTTP from one client, each on a connection of its own.
System prompts are part of our agents; llama-server gets them as a message. Sampling parameters are
all sent, and answers have exactly the length asked for. Tokens are counted by the servers' own
usage. Every prompt is new.

Trials alternate (ours, peer, peer, ours …) while the other server is loaded and idle. *Ours* and
the peer's column are medians over the trials. The ratio is the median over pairs of trials that ran
one after the other, with the 95% interval between order statistics (the sign test), which assumes
nothing of the distribution; from fewer than six pairs it is the geometric mean, with Student's
interval over the logarithms. *Holds* is `yes` when the whole interval keeps what is wanted, `open`
when the ratio does and the interval reaches across, `no` otherwise. The machine is shared and noisy: take the ratios, not the numbers.
";

/// Description of the comparison, one line each.
pub async fn conditions(run: &Run, command: &str) -> anyhow::Result<Vec<String>> {
    let hardware = harmonic_hardware::detect_for(&Sysroot::default(), EngineDevice::Cpu)?;
    let peer = run.peer(harmonic_types::KvLayout::Streams).version().await?;
    Ok(vec![
        format!(
            "Machine: {}, {} CPUs, {}.",
            hardware.name,
            hardware.cpu_threads(),
            hardware.memory_total_bytes
        ),
        format!("Ours: harmonic {}, {}.", env!("CARGO_PKG_VERSION"), bindings()?),
        format!("Peer: llama-server {peer}."),
        format!("Command: `{command}`."),
    ])
}

/// Version of the crate that contains llama.cpp.
fn bindings() -> anyhow::Result<String> {
    const CRATE: &str = "llama-cpp-sys-2";
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let text = std::fs::read_to_string(&lock)
        .with_context(|| format!("cannot read {}", lock.display()))?;
    let mut lines = text.lines().skip_while(|line| *line != format!("name = \"{CRATE}\""));
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    Ok(format!("llama.cpp of {CRATE} {}", version.unwrap_or("?").trim_matches('"')))
}

/// Start of the part of the page that another benchmark writes.
const GATEWAY: &str = "# What the gateway costs";

/// Writes the page, except the gateway's part.
pub fn write(conditions: &[String], tables: &[Table]) -> anyhow::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
    let mut text = INTRODUCTION.to_owned();
    text.push('\n');
    for condition in conditions {
        let _ = writeln!(text, "- {condition}");
    }
    for table in tables {
        text.push('\n');
        text.push_str(&table.markdown());
    }
    if let Some(folder) = page.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if page.exists() {
        let old = std::fs::read_to_string(&page)
            .with_context(|| format!("cannot read {}", page.display()))?;
        if let Some(at) = old.find(GATEWAY) {
            text.push('\n');
            text.push_str(&old[at..]);
        }
    }
    std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))
}
