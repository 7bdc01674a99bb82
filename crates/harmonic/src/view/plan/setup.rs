//! What a plan took from measured setups, and why an engine has its layout.

use harmonic_types::{EnginePlan, Plan, PlanSetup};

use crate::view::lines::labelled;
use crate::view::setup::layout;

/// One line: what was measured to be fastest for a model.
pub fn line(setup: &PlanSetup) -> String {
    let PlanSetup { model, key, parallel, kv_layout, threads } = setup;
    let mut parts: Vec<String> = key.format.iter().cloned().collect();
    parts.extend(kv_layout.map(|kv_layout| layout(kv_layout).to_owned()));
    parts.extend(threads.map(|threads| {
        format!("{} threads for the engine, {} for HTTP", threads.engine, threads.http)
    }));
    let text = format!(
        "{model} as {}: fastest at {parallel}x, measured here ({})",
        parts.join(", "),
        key.engine
    );
    labelled("setup", &text)
}

/// Why each engine has its layout, a line for each that was measured and one for the others.
pub fn layouts(plan: &Plan) -> String {
    let setup = |engine: &EnginePlan| {
        let mut known = plan.setups.iter().filter(|setup| setup.kv_layout.is_some());
        known.find(|setup| setup.model == engine.model)
    };
    let measured = plan.engines.iter().filter_map(|engine| {
        let PlanSetup { kv_layout, parallel, .. } = setup(engine)?;
        let (has, faster) = (engine.kv_layout, kv_layout.unwrap_or_default());
        let why = if has == faster {
            format!("measured to be the faster at {parallel}x")
        } else {
            format!(
                "the cheaper; {} was measured to be the faster at {parallel}x, and would cost an \
                 agent slots or context",
                layout(faster)
            )
        };
        Some(labelled("layout", &format!("{}: {}, {why}", engine.id, layout(has))))
    });
    let mut lines: Vec<String> = measured.collect();
    if plan.engines.iter().any(|engine| setup(engine).is_none()) {
        let others = if lines.is_empty() { "" } else { "of the others " };
        let text = format!(
            "{others}the cheaper of streams and unified; not measured (`harmonic bench \
             --layouts` does)"
        );
        lines.push(labelled("layout", &text));
    }
    lines.join("\n")
}
