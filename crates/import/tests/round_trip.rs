//! What `plan --emit` writes is imported as the same agents, as far as the formats can say them.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use harmonic_export::{ExportKind, ExportedFile, files};
use harmonic_import::{Modelfile, NoteKind, Surroundings, llama_swap, modelfiles};
use harmonic_models::{CATALOG_NAMES, catalog};
use harmonic_planner::{PlanOptions, PlannedModel};
use harmonic_types::{AgentName, AgentSpec, KvLayout, Plan, Sampling, StackSpec, Tier, Tokens};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Models that generate text.
const MODELS: [&str; 4] = ["qwen3:4b", "qwen3:8b", "qwen3:14b", "smollm2:135m"];

fn sampling() -> impl Strategy<Value = Sampling> {
    let penalty = -2.0..=2.0_f32;
    let limits = (0.0..=2.0_f32, 0..1000_u32, 0.01..=1.0_f32, 0.0..=1.0_f32, 0.01..=2.0_f32);
    (limits, penalty.clone(), penalty).prop_map(|(limits, presence, frequency)| Sampling {
        temperature: limits.0,
        top_k: limits.1,
        top_p: limits.2,
        min_p: limits.3,
        repeat_penalty: limits.4,
        presence_penalty: presence,
        frequency_penalty: frequency,
    })
}

fn agent() -> impl Strategy<Value = AgentSpec> {
    // A Modelfile cannot express the rest: the export refuses it.
    let system = prop_oneof!["(.|\n){0,80}", "[a\"\n\r\t #\\\\]{0,30}"];
    let expressible = |text: &String| !text.contains("\"\"\"") && !text.ends_with('"');
    let system = system.prop_filter("expressible", expressible);
    let numbers = (0..4_usize, 0..4_usize, 512..8192_u32, option::of(1..=512_u32), any::<bool>());
    (numbers, ".{0,40}", system, sampling()).prop_map(
        |((tier, model, context, least, thinking), role, system, sampling)| AgentSpec {
            name: AgentName(String::new()),
            tier: Tier::ALL[tier],
            model: MODELS[model].to_owned(),
            context: Tokens(context),
            min_context: least.map(Tokens),
            role,
            system,
            sampling,
            thinking,
        },
    )
}

fn stack() -> impl Strategy<Value = StackSpec> {
    vec(agent(), 1..6).prop_map(|agents| {
        let named = agents
            .into_iter()
            .enumerate()
            .map(|(index, agent)| AgentSpec { name: AgentName(format!("agent_{index}")), ..agent });
        StackSpec::new("random", named.collect())
    })
}

/// The plan of `stack` on the DGX Spark, with or without model files.
fn plan(stack: &StackSpec, with_files: bool) -> Plan {
    let hardware = harmonic_hardware::profile::named("dgx-spark").unwrap();
    let model = |name: &str| {
        let path = with_files.then(|| PathBuf::from(format!("/my models/{name}.gguf")));
        let shape = catalog::find(name).unwrap().shape;
        let name = name.to_owned();
        (name.clone(), PlannedModel { name, path, digest: None, shape, paper: None })
    };
    let models = stack.models().into_iter().map(model).collect();
    harmonic_planner::plan(&hardware, stack, &models, &PlanOptions::default(), &[]).unwrap()
}

fn named<'a>(files: &'a [ExportedFile], name: &str) -> &'a str {
    &files.iter().find(|file| file.name == name).unwrap().text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn modelfiles_that_are_emitted_are_imported_as_the_same_agents(stack in stack()) {
        let plan = plan(&stack, false);
        let files = files(&plan, ExportKind::Ollama).unwrap();
        let placed = plan.agents.iter().filter(|agent| agent.engine.is_some());
        let placed: Vec<AgentSpec> = placed.map(|agent| agent.spec.clone()).collect();
        let paths: Vec<String> =
            placed.iter().map(|agent| format!("{}.Modelfile", agent.name)).collect();
        let texts: Vec<Modelfile<'_>> = paths
            .iter()
            .map(|path| Modelfile { path: Path::new(path), text: named(&files, path) })
            .collect();
        let surroundings = Surroundings { home: None, catalog: &CATALOG_NAMES };
        let imported = modelfiles(&texts, &surroundings).unwrap();
        prop_assert!(imported.notes.is_empty(), "{:?}", imported.notes);
        prop_assert_eq!(imported.stack.unwrap().agents, placed);
    }

    #[test]
    fn commands_that_are_emitted_are_imported_with_their_model_context_and_sampling(
        stack in stack(),
    ) {
        let plan = plan(&stack, true);
        let files = files(&plan, ExportKind::LlamaServer).unwrap();
        for engine in &plan.engines {
            let script = named(&files, &format!("llama-{}.sh", engine.id));
            let command = script.lines().last().unwrap().strip_prefix("exec ").unwrap();
            // A JSON string is one of YAML.
            let command = serde_json::to_string(command).unwrap();
            let config = format!("models: {{{}: {{cmd: {command}}}}}", engine.id);
            let imported = llama_swap(&config, "config.yaml", &Surroundings::default()).unwrap();
            for note in &imported.notes {
                let expected = [NoteKind::NotExpressed, NoteKind::Assumed, NoteKind::Changed];
                prop_assert!(expected.contains(&note.kind), "{}", note);
            }
            let imported = imported.stack.unwrap().agents.remove(0);
            let local = engine.local().unwrap();
            prop_assert_eq!(imported.model, local.path.as_ref().unwrap().display().to_string());
            let context = match local.kv_layout {
                KvLayout::Unified => local.kv_tokens,
                KvLayout::Streams => local.kv_tokens / u64::from(engine.sequences),
            };
            prop_assert_eq!(u64::from(imported.context.0), context);
            let serves = |agent: &&harmonic_types::AgentPlan| agent.engine.as_ref() == Some(&engine.id);
            let served: Vec<_> = plan.agents.iter().filter(serves).collect();
            if let [only] = served.as_slice() {
                prop_assert_eq!(&imported.sampling, &only.spec.sampling);
            }
        }
    }
}
