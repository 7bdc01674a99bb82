//! Description of the method of a run.

use harmonic_types::{BenchRun, Workload, counted};

use crate::{provenance, real_time};

/// Protocol, workload, order, and provenance of the figures, one per line.
pub(crate) fn lines(run: &BenchRun) -> Vec<String> {
    let Workload { prompt_words, prompt_tokens, output_tokens, temperature, seed, .. } =
        run.workload;
    let mut lines = vec![format!("protocol {}: {}", run.protocol, protocol(&run.protocol))];
    if run.protocol != "published" {
        lines.push(format!("target {}, load generated on {}", run.target, run.host));
    }
    let tokens = prompt_tokens.map_or_else(String::new, |tokens| {
        format!(", {tokens:.0} tokens with template and system prompt by the target's count")
    });
    if let Some(runs) = &run.workload.runs {
        lines.push(format!(
            "requests are runs of the recipe {}, by agents on {}; a stream is a run, TTFT the time to \
             the first text of any task, E2E the makespan",
            runs.recipe,
            runs.models.join(", ")
        ));
        lines.push(format!(
            "goals of {}; {} of each task; agents' own sampling; seed {seed}",
            counted(prompt_words, "word"),
            counted(output_tokens, "token")
        ));
        lines.push(format!("real-time: {}", real_time::criterion(runs.real_time)));
    } else {
        lines.push(format!(
            "prompts of {}{tokens}; responses of {}",
            counted(prompt_words, "word"),
            counted(output_tokens, "token")
        ));
        lines.push(format!("temperature {temperature}, seed {seed}"));
    }
    if run.workload.order.len() > 1 {
        let order: Vec<String> =
            run.workload.order.iter().map(|level| format!("{level}x")).collect();
        lines.push(format!("measured in the order {}", order.join(", ")));
    }
    if let Some(slo) = run.workload.slo {
        let bound = |name: &str, limit: Option<f64>| limit.map(|ms| format!("{name} {ms} ms"));
        let bounds = [bound("TTFT", slo.ttft_ms), bound("TPOT", slo.itl_ms)];
        let bounds: Vec<String> = bounds.into_iter().flatten().collect();
        lines.push(format!("goodput counts requests within {}", bounds.join(" and ")));
    }
    lines.extend(provenance::lines(run));
    lines
}

fn protocol(name: &str) -> &'static str {
    match name {
        "quick" | "steady" | "thorough" => {
            "closed loop with refill, measured while all streams run, between the ends of requests; \
             unique prompts; intervals are Student's t over the windows"
        }
        "paper" => "batches of identical requests, all tokens of a batch ÷ its whole time (§3.2)",
        "open" => {
            "Poisson arrivals; latencies are those of the requests that arrived in the windows"
        }
        "published" => "as printed in the paper: three trials per level, no intervals (§3.2)",
        _ => "unknown to this build",
    }
}

/// Date and time in the form `2026-11-27 01:07 UTC`.
pub(crate) fn day_and_time(unix_ms: u64) -> String {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(unix_ms);
    let stamp = humantime::format_rfc3339_seconds(at).to_string();
    let minutes = stamp.get(..16).unwrap_or(&stamp).replace('T', " ");
    format!("{minutes} UTC")
}
