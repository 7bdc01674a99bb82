use std::collections::BTreeMap;
use std::path::Path;

use harmonic_types::{Attention, EngineSpec, KvType, Tokens};
use proptest::prelude::*;

use super::*;
use crate::in_force::{InForce, read_back};
use crate::ollama::Settings;

/// Memory of the devices.
const MEMORY: Bytes = Bytes(128_000_000_000);

fn engine(device: &str, sequences: u32, total: Bytes, process: ProcessSpec) -> EnginePlan {
    EnginePlan {
        id: "qwen3-4b".to_owned(),
        spec: EngineSpec::Process(process),
        device: device.to_owned(),
        model: "qwen3:4b".to_owned(),
        digest: None,
        format: "Q4_1".to_owned(),
        context_trained: None,
        agents: Vec::new(),
        slots: sequences,
        sequences,
        weights_bytes: Bytes(total.0 / 2),
        kv_bytes: Bytes(total.0 - total.0 / 2),
        state_bytes: Bytes::ZERO,
        prefix_bytes: Bytes::ZERO,
        preempt_bytes: Bytes::ZERO,
        compute_bytes: Bytes::ZERO,
        overhead_bytes: Bytes::ZERO,
        total_bytes: total,
    }
}

fn process(program: EngineProgram) -> ProcessSpec {
    ProcessSpec {
        program,
        executable: None,
        path: Some("/models/qwen3 4b.gguf".into()),
        threads: 8,
        context: Tokens(4096),
        kv_type: KvType::F16,
        attention: Attention::Flash,
    }
}

fn place() -> Place {
    Place {
        host: "127.0.0.1".to_owned(),
        port: 40_123,
        folder: "/run/harmonic/qwen3-4b".into(),
        profile_paper: false,
        device_memory: Some(MEMORY),
    }
}

/// A process of any plan.
fn processes() -> impl Strategy<Value = ProcessSpec> {
    let path = "/[a-z0-9 .'\"$%=-]{1,40}";
    let attention = prop::sample::select(vec![Attention::Flash, Attention::Plain]);
    let kv_type = prop::sample::select(vec![KvType::F16, KvType::Q8_0]);
    (path, 1_u32..=512, 1_u32..=1 << 20, kv_type, attention).prop_map(
        |(path, threads, context, kv_type, attention)| ProcessSpec {
            path: Some(path.into()),
            threads,
            context: Tokens(context),
            kv_type,
            attention,
            ..process(EngineProgram::Ollama)
        },
    )
}

/// `process` as one of `program`, without what that program cannot do.
fn possible(process: &ProcessSpec, program: EngineProgram) -> ProcessSpec {
    let can_quantise = program != EngineProgram::Vllm && process.attention == Attention::Flash;
    let kv_type = if can_quantise { process.kv_type } else { KvType::F16 };
    ProcessSpec { program, kv_type, ..process.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_a_plan_says_is_read_back_from_flags_and_environment(
        process in processes(),
        sequences in 1..=EnginePlan::MAX_SEQUENCES,
        total in 1..=MEMORY.0,
        device in prop::sample::select(vec!["cpu", "gpu0"]),
        host in prop::sample::select(vec!["127.0.0.1", "::1", "0.0.0.0"]),
        port in 1_u16..,
    ) {
        let at = Place { host: host.to_owned(), port, ..place() };
        for program in EngineProgram::ALL {
            let process = possible(&process, program);
            let engine = engine(device, sequences, Bytes(total), process.clone());
            let launch = launch(&engine, &process, &at).unwrap();
            let read = read_back(program, &launch).unwrap();
            let planned = InForce::planned(&engine, &process);
            prop_assert_eq!(read.parallel, planned.parallel);
            prop_assert_eq!(read.context, planned.context);
            prop_assert_eq!(read.kv_type, planned.kv_type);
            if program != EngineProgram::Vllm {
                prop_assert_eq!(read.attention, planned.attention);
            }
            // Ollama has threads and file in its models, vLLM threads on a CPU.
            if read.threads.is_some() || program == EngineProgram::LlamaServer {
                prop_assert_eq!(read.threads, planned.threads);
            }
            if program != EngineProgram::Ollama {
                prop_assert_eq!(read.model, planned.model);
            }
            if program == EngineProgram::Vllm && device == "gpu0" {
                let taken = read.memory_share.unwrap() * MEMORY.0 as f64;
                // Rounded up, by one part in 10,000.
                let spare = MEMORY.0 as f64 / 10_000.0 + 1.0;
                let needed = total as f64;
                prop_assert!((needed - 1.0..=needed + spare).contains(&taken), "{}", taken);
            }
            let words = format!("{launch:?}");
            prop_assert!(words.contains(&port.to_string()), "{}", words);
        }
    }
}

/// The environment of an Ollama, as text.
fn environment(launch: &Launch) -> BTreeMap<&str, &str> {
    let text = launch.environment.iter();
    text.map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
}

fn ollama(at: &Place) -> Launch {
    let process = process(EngineProgram::Ollama);
    launch(&engine("gpu0", 8, Bytes(1), process.clone()), &process, at).unwrap()
}

#[test]
fn ollama_has_the_environment_of_the_plan_and_folders_of_its_own() {
    let launch = ollama(&place());
    let environment = environment(&launch);
    for (name, value) in [
        ("OLLAMA_HOST", "127.0.0.1:40123"),
        ("OLLAMA_NUM_PARALLEL", "8"),
        ("OLLAMA_CONTEXT_LENGTH", "4096"),
        ("OLLAMA_MAX_LOADED_MODELS", "1"),
        ("OLLAMA_KEEP_ALIVE", "-1"),
        ("OLLAMA_MAX_QUEUE", "512"),
        ("OLLAMA_LOAD_TIMEOUT", "10m"),
        ("OLLAMA_NO_CLOUD", "1"),
        ("OLLAMA_FLASH_ATTENTION", "1"),
        ("OLLAMA_KV_CACHE_TYPE", "f16"),
        ("OLLAMA_MODELS", "/run/harmonic/qwen3-4b/models"),
        ("HOME", "/run/harmonic/qwen3-4b"),
    ] {
        assert_eq!(environment.get(name), Some(&value), "{name}");
    }
    assert_eq!(environment.len(), 12, "{environment:?}");
    assert!(launch.remove.contains(&"OLLAMA_MULTIUSER_CACHE".to_owned()));
    assert_eq!(crate::ollama::store(Path::new("/x")), Path::new("/x/models"));
}

#[test]
fn the_settings_of_the_paper_are_set_for_its_profile_alone() {
    let plain = ollama(&place());
    assert!(!environment(&plain).contains_key("HSA_OVERRIDE_GFX_VERSION"));
    assert!(plain.remove.contains(&"HSA_OVERRIDE_GFX_VERSION".to_owned()));
    let paper = ollama(&Place { profile_paper: true, ..place() });
    assert_eq!(environment(&paper)["OLLAMA_NUM_PARALLEL"], "64");
    assert_eq!(environment(&paper)["HSA_OVERRIDE_GFX_VERSION"], "11.0.0");
    for name in environment(&paper).keys() {
        assert!(!paper.remove.iter().any(|removed| removed == name), "{name} is set and removed");
    }
    assert!(paper.remove.contains(&"OLLAMA_MULTIUSER_CACHE".to_owned()));
}

#[test]
fn inherited_variables_that_change_the_plan_are_withheld() {
    let inherited =
        ["PATH", "LLAMA_ARG_CTX_SIZE", "LLAMA_ARG_FIT", "OLLAMA_LLM_LIBRARY", "LLAMA_LOG"];
    for program in [EngineProgram::Ollama, EngineProgram::LlamaServer] {
        let process = process(program);
        let engine = engine("cpu", 1, Bytes(1), process.clone());
        let mut launch = launch(&engine, &process, &place()).unwrap();
        launch.withhold(program, inherited);
        let withheld: Vec<&str> = inherited
            .into_iter()
            .filter(|name| launch.remove.iter().any(|removed| removed == name))
            .collect();
        assert_eq!(withheld, ["LLAMA_ARG_CTX_SIZE", "LLAMA_ARG_FIT"], "{program}");
        let mut unique = launch.remove.clone();
        unique.dedup();
        assert_eq!(unique, launch.remove);
    }
}

#[test]
fn a_plan_that_a_program_cannot_carry_out_is_refused_with_a_remedy() {
    let refused = |device: &str, process: ProcessSpec, total: Bytes, at: &Place| {
        let error = launch(&engine(device, 8, total, process.clone()), &process, at).unwrap_err();
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}");
        error.to_string()
    };
    for program in [EngineProgram::Ollama, EngineProgram::LlamaServer] {
        let quantised =
            ProcessSpec { kv_type: KvType::Q8_0, attention: Attention::Plain, ..process(program) };
        let error = refused("cpu", quantised, MEMORY, &place());
        assert!(error.contains("flash attention"), "{error}");
    }
    for program in [EngineProgram::LlamaServer, EngineProgram::Vllm] {
        let absent = ProcessSpec { path: None, ..process(program) };
        let error = refused("cpu", absent, MEMORY, &place());
        assert!(error.contains("qwen3:4b is not on this machine"), "{error}");
    }
    let vllm = || process(EngineProgram::Vllm);
    let quantised = ProcessSpec { kv_type: KvType::Q8_0, ..vllm() };
    assert!(refused("gpu0", quantised, MEMORY, &place()).contains("q8_0"));
    let unknown = Place { device_memory: None, ..place() };
    assert!(refused("gpu0", vllm(), MEMORY, &unknown).contains("memory of its device is unknown"));
    let error = refused("gpu0", vllm(), Bytes(MEMORY.0 + 1), &place());
    assert!(error.contains("needs 128.0 GB"), "{error}");
    let launched = launch(&engine("cpu", 8, MEMORY, vllm()), &vllm(), &unknown);
    assert!(launched.is_ok(), "its CPU build needs no share of a GPU");
}

#[test]
fn arguments_that_are_not_written_here_are_not_read_back() {
    for program in EngineProgram::ALL {
        let process = process(program);
        let engine = engine("gpu0", 8, MEMORY, process.clone());
        let written = launch(&engine, &process, &place()).unwrap();
        for at in 0..=written.arguments.len() {
            let mut more = written.clone();
            more.arguments.insert(at, "--unknown".into());
            // In the place of a value it is one, unless that is a number.
            if let Ok(read) = read_back(program, &more) {
                assert_ne!(read, read_back(program, &written).unwrap(), "{more:?}");
            }
        }
        let mut cut = written.clone();
        cut.arguments.remove(0);
        assert!(read_back(program, &cut).is_err(), "{cut:?}");
        assert!(read_back(program, &Launch::default()).is_err());
    }
    assert!(Settings::parse(&[]).is_err());
}
