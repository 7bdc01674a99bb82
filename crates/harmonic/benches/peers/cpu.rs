//! CPU time of a process.

use anyhow::Context;

/// Clock ticks per second in `/proc` (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of a process over all its threads, user and kernel; `process` is an id or `self`.
pub fn seconds(process: &str) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/stat");
    let line = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The second field is the name in parentheses, which may contain blanks (man 5 proc).
    let fields = line.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = |index: usize| fields.split(' ').nth(index).and_then(|n| n.parse::<f64>().ok());
    let (user, system) =
        ticks(11).zip(ticks(12)).with_context(|| format!("{path} has no times"))?;
    Ok((user + system) / TICKS_PER_SECOND)
}
