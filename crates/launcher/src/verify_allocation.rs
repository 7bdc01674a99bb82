//! Comparison of an engine's actual allocation with its lines in the plan's ledger.
//!
//! Invariant: only figures that the engine reports are compared; the others count as planned.

use harmonic_engine::Allocation;
use harmonic_types::{Bytes, EnginePlan, Finding};

/// Excess of an allocation over its line that is not reported, in percent.
const TOLERANCE_PERCENT: u128 = 5;

/// One finding for each line that the engine exceeds by more than 5%.
pub(crate) fn findings(planned: &EnginePlan, real: &Allocation) -> Vec<Finding> {
    let lines = [
        ("weights", planned.weights_bytes, real.weights_bytes),
        ("KV cache", planned.kv_bytes, real.kv_bytes),
        ("recurrent states", planned.state_bytes, real.state_bytes),
        ("compute buffers", planned.compute_bytes, real.compute_bytes),
        ("its processes", planned.total_bytes, real.resident_bytes),
    ];
    let over = lines.into_iter().filter_map(|(item, planned, real)| {
        let real = real?;
        exceeds(real, planned).then_some((item, planned, real))
    });
    over.map(|(item, line, real)| {
        Finding::new(
            "allocation-above-plan",
            format!("{}: {item} take {real}, planned were {line}", planned.id),
            "leave more headroom, and report the model and the plan as a bug of the planner",
        )
    })
    .collect()
}

/// Memory of the engine: as allocated where it reports it, else as planned.
pub(crate) fn total(planned: &EnginePlan, real: &Allocation) -> Bytes {
    if let Some(resident) = real.resident_bytes {
        // Pages that were not touched yet will be.
        return resident.max(planned.total_bytes);
    }
    [
        real.weights_bytes.unwrap_or(planned.weights_bytes),
        real.kv_bytes.unwrap_or(planned.kv_bytes),
        real.state_bytes.unwrap_or(planned.state_bytes),
        real.compute_bytes.unwrap_or(planned.compute_bytes),
        planned.prefix_bytes,
        planned.preempt_bytes,
        planned.overhead_bytes,
    ]
    .into_iter()
    .sum()
}

fn exceeds(real: Bytes, planned: Bytes) -> bool {
    u128::from(real.0) * 100 > u128::from(planned.0) * (100 + TOLERANCE_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_more_is_tolerated_and_no_byte_beyond() {
        assert!(!exceeds(Bytes(105), Bytes(100)));
        assert!(exceeds(Bytes(106), Bytes(100)));
        assert!(exceeds(Bytes(1), Bytes(0)));
        assert!(!exceeds(Bytes(u64::MAX), Bytes(u64::MAX)));
    }
}
