//! Settings taken from tuned configs.

use crate::fixtures::{agent, machine, models, spark, standard, starter};
use harmonic_planner::{PlanOptions, plan};
use harmonic_types::{
    Bytes, CurveKey, Hardware, KvLayout, LocalSpec, Plan, Provenance, Sharing, StackSpec, Threads,
    Tier, TunedConfig,
};

fn config(model: &str, digest: Option<&str>) -> TunedConfig {
    TunedConfig {
        schema: TunedConfig::SCHEMA.to_owned(),
        key: CurveKey {
            machine: "dgx-spark".to_owned(),
            model: model.to_owned(),
            digest: digest.map(str::to_owned),
            format: Some("BF16".to_owned()),
            engine: "an engine".to_owned(),
            context: None,
        },
        parallel: 32,
        kv_layout: Some(KvLayout::Unified),
        threads: Some(Threads { engine: 5, http: 1 }),
        quantised_kv: None,
        comparisons: Vec::new(),
        provenance: Provenance::Measured,
    }
}

fn with(hardware: &Hardware, stack: &StackSpec, tuned: &[TunedConfig]) -> Plan {
    let options = PlanOptions { tuned: tuned.to_vec(), ..PlanOptions::default() };
    plan(hardware, stack, &models(), &options, &[]).expect("it fits")
}

fn layout_and_threads(plan: &Plan) -> (KvLayout, u32) {
    let LocalSpec { kv_layout, threads, .. } =
        plan.engines[0].local().expect("an engine of this process");
    (*kv_layout, *threads)
}

#[test]
fn the_measured_layout_and_threads_are_taken_and_named() {
    let plain = with(&spark(), &starter(), &[]);
    assert_eq!(layout_and_threads(&plain), (KvLayout::Streams, 8));
    assert_eq!((plain.tuned.len(), plain.http_threads), (0, None));
    assert!(!plain.provenance.contains_key("/engines/0/kv_layout"));

    let measured = with(&spark(), &starter(), &[config("smollm2:135m", Some("b179"))]);
    assert_eq!(layout_and_threads(&measured), (KvLayout::Unified, 5));
    assert_eq!(measured.http_threads, Some(1));
    assert_eq!(
        (measured.tuned[0].model.as_str(), measured.tuned[0].parallel),
        ("smollm2:135m", 32)
    );
    for figure in ["/engines/0/kv_layout", "/engines/0/threads", "/http_threads"] {
        assert_eq!(measured.provenance[figure], Provenance::Measured, "{figure}");
    }
    let slots = |plan: &Plan| plan.agents.iter().map(|a| (a.slots, a.context)).collect::<Vec<_>>();
    assert_eq!(slots(&measured), slots(&plain));
}

#[test]
fn a_config_of_another_machine_model_or_file_is_not_used() {
    let mut elsewhere = config("smollm2:135m", Some("b179"));
    elsewhere.key.machine = "ryzen-ai-max-395".to_owned();
    let others =
        [elsewhere, config("qwen3:4b", Some("b179")), config("smollm2:135m", Some("ffff"))];
    assert_eq!(with(&spark(), &starter(), &others), with(&spark(), &starter(), &[]));
    let nothing =
        TunedConfig { kv_layout: None, threads: None, ..config("smollm2:135m", Some("b179")) };
    let plan = with(&spark(), &starter(), &[nothing]);
    assert_eq!(layout_and_threads(&plan), (KvLayout::Streams, 8));
    assert_eq!(plan.tuned.len(), 1, "the format is what it speaks of");
}

#[test]
fn a_pool_that_was_measured_to_be_the_faster_is_taken_where_streams_would_fit() {
    let stack = StackSpec::new(
        "unequal",
        vec![
            agent("long", Tier::Specialists, "smollm2:135m", 8192),
            agent("short", Tier::Executive, "smollm2:135m", 512),
        ],
    );
    let layout =
        |tuned: &[TunedConfig]| with(&spark(), &stack, tuned).engines[0].local().unwrap().kv_layout;
    assert_eq!(layout(&[]), KvLayout::Streams);
    assert_eq!(layout(&[config("smollm2:135m", Some("b179"))]), KvLayout::Unified);
}

/// Unequal contexts: streams cost max(context) × sequences, and a small budget has no room for it.
#[test]
fn the_faster_layout_gives_way_where_an_agent_would_get_less() {
    let stack = StackSpec::new(
        "unequal",
        vec![
            agent("long", Tier::Specialists, "smollm2:135m", 8192),
            agent("short", Tier::Executive, "smollm2:135m", 512),
        ],
    );
    let streams =
        TunedConfig { kv_layout: Some(KvLayout::Streams), ..config("smollm2:135m", Some("b179")) };
    let planned = |gb: f64| {
        let mut hardware = machine("dgx-spark", Bytes::from_gb(gb), 16, 32);
        hardware.name = "mine".to_owned();
        let [plain, measured] =
            [&[][..], std::slice::from_ref(&streams)].map(|tuned| with(&hardware, &stack, tuned));
        assert!(measured.total_bytes <= measured.hardware.memory_budget_bytes);
        let slots =
            |plan: &Plan| plan.agents.iter().map(|a| (a.slots, a.context)).collect::<Vec<_>>();
        assert_eq!(slots(&measured), slots(&plain), "with {gb} GB no grant is reduced");
        assert_eq!(
            plain.engines[0].local().unwrap().kv_layout,
            measured.engines[0].local().unwrap().kv_layout
        );
        (
            measured.engines[0].local().unwrap().kv_layout,
            measured.provenance.contains_key("/engines/0/kv_layout"),
        )
    };
    assert_eq!(planned(64.0), (KvLayout::Streams, true));
    assert_eq!(planned(3.0), (KvLayout::Unified, false));
}

#[test]
fn several_engines_share_the_threads_of_the_device() {
    let plain = with(&spark(), &standard(), &[]);
    let threads =
        |plan: &Plan| plan.engines.iter().map(|e| e.local().unwrap().threads).collect::<Vec<_>>();
    assert_eq!(threads(&plain), [3, 3, 2]);
    let mut one = config("qwen3:4b", None);
    one.threads = Some(Threads { engine: 1, http: 2 });
    let measured = with(&spark(), &standard(), &[one]);
    assert_eq!(threads(&measured), [1, 4, 3], "what one engine is better without goes to others");
    let options = PlanOptions { sharing: Sharing::Isolated, ..PlanOptions::default() };
    let isolated = plan(&spark(), &standard(), &models(), &options, &[]).expect("it fits");
    assert_eq!(threads(&isolated).iter().sum::<u32>(), 8);
}
