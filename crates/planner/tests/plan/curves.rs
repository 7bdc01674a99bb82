//! Choice of a plan's curves, and the figures taken from them.

use crate::fixtures::{models, spark, standard, starter};
use harmonic_planner::{PlanOptions, plan};
use harmonic_types::{Curve, CurveKey, Plan, Provenance, StackSpec};

fn curve(model: &str, digest: Option<&str>, sweet_spot: u32, provenance: Provenance) -> Curve {
    Curve {
        key: CurveKey {
            machine: "dgx-spark".to_owned(),
            model: model.to_owned(),
            digest: digest.map(str::to_owned),
            format: None,
            engine: "an engine".to_owned(),
            context: None,
        },
        points: Vec::new(),
        sweet_spot: Some(sweet_spot),
        provenance,
    }
}

fn with(stack: &StackSpec, curves: &[Curve]) -> Plan {
    plan(&spark(), stack, &models(), &PlanOptions::default(), curves).expect("it fits")
}

/// Peak, slots of the first executive, in flight, and the curves by model.
fn taken(plan: &Plan) -> (u32, u32, u32, Vec<(&str, Provenance)>) {
    let curves = plan.curves.iter().map(|curve| (curve.model.as_str(), curve.provenance));
    (plan.hardware.peak_parallel, plan.agents[0].slots, plan.max_in_flight, curves.collect())
}

#[test]
fn measured_wins_over_published_wins_over_the_profile() {
    let published = curve("smollm2:135m", None, 12, Provenance::Paper);
    let measured = curve("smollm2:135m", Some("b179"), 24, Provenance::Measured);
    let stack = starter();
    assert_eq!(taken(&with(&stack, &[])), (16, 16, 32, vec![]));

    let by_paper = with(&stack, std::slice::from_ref(&published));
    let paper = ("smollm2:135m", Provenance::Paper);
    assert_eq!(taken(&by_paper), (12, 12, 32, vec![paper]), "in flight is the profile's maximum");
    assert_eq!(by_paper.provenance["/hardware/peak_parallel"], Provenance::Paper);

    for both in [[published.clone(), measured.clone()], [measured.clone(), published]] {
        let plan = with(&stack, &both);
        let here = ("smollm2:135m", Provenance::Measured);
        assert_eq!(taken(&plan), (24, 24, 24, vec![here]));
        assert_eq!(plan.provenance["/hardware/peak_parallel"], Provenance::Measured);
    }
}

#[test]
fn a_curve_of_another_machine_model_or_file_is_not_used() {
    let mut elsewhere = curve("smollm2:135m", None, 4, Provenance::Paper);
    elsewhere.key.machine = "ryzen-ai-max-395".to_owned();
    let other_model = curve("qwen3:4b", None, 4, Provenance::Paper);
    let other_file = curve("smollm2:135m", Some("ffff"), 4, Provenance::Measured);
    let undecided = Curve { sweet_spot: None, ..curve("smollm2:135m", None, 4, Provenance::Paper) };
    let plan = with(&starter(), &[elsewhere, other_model, other_file, undecided]);
    assert_eq!(taken(&plan), (16, 16, 32, vec![]));
}

#[test]
fn of_several_models_the_most_parallel_decides() {
    let curves = [
        curve("qwen3:8b", None, 8, Provenance::Paper),
        curve("qwen3:4b", None, 20, Provenance::Paper),
        curve("qwen3:14b", None, 4, Provenance::Paper),
    ];
    let plan = with(&standard(), &curves);
    assert_eq!(plan.hardware.peak_parallel, 20);
    let used: Vec<_> = plan.curves.iter().map(|curve| curve.sweet_spot).collect();
    assert_eq!(used, [20, 8, 4], "each model's own, in the order of priority");
}
