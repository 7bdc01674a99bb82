//! Plans with programs of others and servers that already run.

use harmonic_planner::{PlanError, PlanOptions, PlannedModel, memory_with_sharing, plan};
use harmonic_types::{
    AgentPlan, Bytes, EngineChoice, EngineKind, EnginePlan, EngineSpec, KvType, LedgerItem, Plan,
    Pooling, Sharing, StackSpec, Tier, Tokens,
};

use crate::fixtures::{Models, agent, machine, models, spark, standard, starter};

fn choice(text: &str) -> EngineChoice {
    text.parse().expect("a choice")
}

fn options(engine: &str) -> PlanOptions {
    PlanOptions { engine: choice(engine), ..PlanOptions::default() }
}

fn planned(stack: &StackSpec, engine: &str) -> Plan {
    plan(&spark(), stack, &models(), &options(engine), &[]).expect("it fits")
}

fn agent_of<'p>(plan: &'p Plan, name: &str) -> &'p AgentPlan {
    plan.agents.iter().find(|agent| agent.name.0 == name).expect("an agent of the plan")
}

/// One line per engine, without its agents.
fn summary(plan: &Plan) -> String {
    let engines = plan.engines.iter().map(|e| {
        let spec = match &e.spec {
            EngineSpec::Process(process) => format!(
                "context {}, {:?}, {:?} attention, {} threads",
                process.context, process.kv_type, process.attention, process.threads
            ),
            EngineSpec::Remote(remote) => format!(
                "{} {} at {}, leaves {}",
                remote.dialect, remote.model, remote.url, remote.leaves_machine
            ),
            EngineSpec::Llama(_) | EngineSpec::Sim(_) => "in this process".to_owned(),
        };
        let memory = e.memory().map(|bytes| bytes.to_string()).join(" + ");
        format!(
            "{} on {}, {}: {} slots, {} sequences, {spec}; {memory} = {}",
            e.id,
            e.spec.kind(),
            e.device,
            e.slots,
            e.sequences,
            e.total_bytes
        )
    });
    engines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_program_of_others_has_streams_of_one_context_and_retains_nothing() {
    insta::assert_snapshot!(summary(&planned(&standard(), "ollama")));
    let plan = planned(&standard(), "ollama");
    for engine in &plan.engines {
        let EngineSpec::Process(process) = &engine.spec else { panic!("{:?}", engine.spec) };
        let cells = u64::from(engine.sequences) * u64::from(process.context.0);
        assert_eq!(engine.kv_tokens(), Some(cells), "{}", engine.id);
        assert_eq!((engine.prefix_bytes, engine.preempt_bytes), (Bytes::ZERO, Bytes::ZERO));
        for name in &engine.agents {
            assert_eq!(agent_of(&plan, &name.0).context, process.context, "{name}");
        }
    }
    assert_eq!(plan.max_in_flight, planned(&standard(), "llama").max_in_flight);
}

#[test]
fn agents_with_different_contexts_on_one_base_get_the_largest_of_them() {
    let stack = StackSpec::new(
        "unequal",
        vec![
            agent("long", Tier::Specialists, "smollm2:135m", 8192),
            agent("short", Tier::Executive, "smollm2:135m", 512),
        ],
    );
    let plan = planned(&stack, "llama-server");
    let [long, short] = ["long", "short"].map(|name| agent_of(&plan, name).context);
    assert_eq!((long, short), (Tokens(8192), Tokens(8192)));
    assert_eq!(agent_of(&planned(&stack, "llama"), "short").context, Tokens(512));
}

#[test]
fn each_program_adds_its_overhead() {
    let overhead = |engine: &str| planned(&starter(), engine).engines[0].overhead_bytes;
    let own = overhead("llama");
    assert_eq!(overhead("llama-server"), Bytes(own.0 + 64_000_000));
    assert_eq!(overhead("ollama"), Bytes(own.0 + 132_000_000));
    assert!(overhead("vllm") > overhead("ollama"));
}

#[test]
fn an_executable_and_the_kv_type_reach_the_plan() {
    let kv_type = Some(KvType::Q8_0);
    let options = PlanOptions { kv_type, ..options("ollama=/opt/ollama") };
    let plan = plan(&spark(), &starter(), &models(), &options, &[]).unwrap();
    let EngineSpec::Process(process) = &plan.engines[0].spec else { panic!("a process") };
    assert_eq!(process.executable.as_deref(), Some("/opt/ollama".as_ref()));
    assert_eq!(process.kv_type, KvType::Q8_0);
}

#[test]
fn a_server_elsewhere_takes_no_memory_and_knows_its_own_model() {
    let mut stack = standard();
    stack.engines.insert("coder".into(), choice("remote=https://gpu.example.org,context=4096"));
    insta::assert_snapshot!(summary(&planned(&stack, "llama")));
    let plan = planned(&stack, "llama");
    let coder = agent_of(&plan, "coder");
    assert_eq!((coder.context, coder.memory_bytes), (Tokens(4096), Bytes::ZERO));
    assert!(coder.leaves_machine && !agent_of(&plan, "executive").leaves_machine);
    let engine = plan.engine_of(coder).unwrap();
    assert_eq!(engine.device, EnginePlan::REMOTE_DEVICE);
    assert_eq!((&engine.digest, engine.format.as_str()), (&None, EnginePlan::UNKNOWN_FORMAT));
    assert!(plan.ledger.iter().all(|line| line.engine != engine.id));
    assert!(!plan.provenance.keys().any(|at| at.starts_with("/engines/2/")), "nothing is stated");
}

#[test]
fn a_whole_team_elsewhere_fits_a_machine_without_memory() {
    let tiny = machine("tiny", Bytes(1000), 4, 8);
    let stack = StackSpec::new("far", vec![agent("a", Tier::Executive, "gpt-oss:120b", 8192)]);
    let models =
        Models::from([("gpt-oss:120b".to_owned(), PlannedModel::elsewhere("gpt-oss:120b"))]);
    let options =
        PlanOptions { slots: [("a".into(), 64)].into(), ..options("remote=http://10.0.0.2") };
    let plan = plan(&tiny, &stack, &models, &options, &[]).unwrap();
    let [engine] = &plan.engines[..] else { panic!("one engine") };
    assert_eq!((engine.slots, engine.sequences), (64, 64), "not limited by this machine");
    assert_eq!((plan.total_bytes, engine.total_bytes), (Bytes::ZERO, Bytes::ZERO));
    assert_eq!(plan.agents[0].context, Tokens(8192));
}

#[test]
fn agents_on_a_server_claim_none_of_this_machines_sequences() {
    let mut stack = standard();
    let all = planned(&stack, "llama");
    stack.engines.insert("executive".into(), choice("remote=http://localhost:9"));
    let fewer = planned(&stack, "llama");
    let slots = |plan: &Plan| agent_of(plan, "coder").slots;
    assert!(slots(&fewer) >= slots(&all));
    assert!(!agent_of(&fewer, "executive").leaves_machine, "loopback");
}

#[test]
fn engines_are_shared_by_base_and_choice() {
    let mut stack = starter();
    stack.engines.insert("coder".into(), choice("llama-server"));
    stack.engines.insert("analyst".into(), choice("llama-server"));
    stack.engines.insert("operator".into(), choice("remote=http://localhost:9,model=big"));
    let plan = planned(&stack, "ollama");
    let kinds: Vec<(EngineKind, usize)> =
        plan.engines.iter().map(|engine| (engine.spec.kind(), engine.agents.len())).collect();
    assert_eq!(
        kinds,
        [(EngineKind::Ollama, 4), (EngineKind::Remote, 1), (EngineKind::LlamaServer, 2)]
    );
    let ids: Vec<&str> = plan.engines.iter().map(|engine| engine.id.as_str()).collect();
    assert_eq!(ids, ["smollm2-135m", "smollm2-135m-2", "smollm2-135m-3"]);
    let threads: u32 = plan.engines.iter().filter_map(EnginePlan::threads).sum();
    assert_eq!(threads, 8, "the server has none of them");
    let isolated = PlanOptions { sharing: Sharing::Isolated, ..options("ollama") };
    let isolated = harmonic_planner::plan(&spark(), &stack, &models(), &isolated, &[]).unwrap();
    assert_eq!(isolated.engines.len(), 7);
    assert!(memory_with_sharing(&plan, &models(), Sharing::Isolated).unwrap() > plan.total_bytes);
}

#[test]
fn the_ledger_of_programs_sums_up_to_the_total() {
    for engine in ["ollama", "llama-server", "vllm"] {
        let plan = planned(&standard(), engine);
        let sum: Bytes = plan.ledger.iter().map(|line| line.bytes).sum();
        assert_eq!(sum, plan.total_bytes);
        assert!(plan.total_bytes <= plan.hardware.memory_budget_bytes);
        let retained = [LedgerItem::Prefix, LedgerItem::Preempt];
        assert!(plan.ledger.iter().all(|line| !retained.contains(&line.item)), "{engine}");
    }
}

#[test]
fn embeddings_stay_in_this_process_unless_the_stack_says_otherwise() {
    let mut models = models();
    models.get_mut("smollm2:135m").unwrap().shape.pooling = Some(Pooling::Mean);
    let mut stack = standard();
    stack.agents.push(agent("search", Tier::Specialists, "smollm2:135m", 512));
    let with = |stack: &StackSpec| plan(&spark(), stack, &models, &options("ollama"), &[]);
    let plan = with(&stack).unwrap();
    let engine = plan.engine_of(agent_of(&plan, "search")).unwrap();
    assert_eq!(engine.spec.kind(), EngineKind::Llama);
    stack.engines.insert("search".into(), choice("ollama"));
    let error = PlanError::NoEmbeddings { agent: "search".into(), kind: EngineKind::Ollama };
    assert_eq!(with(&stack).unwrap_err(), error);
}
