use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use harmonic_models::catalog;
use harmonic_planner::{PlanOptions, PlannedModel};
use harmonic_programs::llama_server::Flags;
use harmonic_types::Sharing;

use self::modelfile::Modelfile;
use super::*;

mod modelfile;

/// The stack `standard` on the DGX Spark, with or without model files.
fn plan(sharing: Sharing, with_files: bool) -> Plan {
    let hardware = harmonic_hardware::profile::named("dgx-spark").unwrap();
    let stack = harmonic_stack::builtin("standard").unwrap();
    let model = |name: &str| {
        // A space, and characters that systemd and shells expand.
        let path = with_files.then(|| PathBuf::from(format!("/50% of $mine/{name}.gguf")));
        let shape = catalog::find(name).unwrap().shape;
        let name = name.to_owned();
        (name.clone(), PlannedModel { name, path, digest: None, shape, paper: None })
    };
    let models = stack.models().into_iter().map(model).collect();
    let options = PlanOptions { sharing, ..PlanOptions::default() };
    harmonic_planner::plan(&hardware, &stack, &models, &options, &[]).unwrap()
}

fn named(files: &[ExportedFile]) -> BTreeMap<&str, &str> {
    files.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect()
}

fn environments(files: &[ExportedFile]) -> Vec<BTreeMap<&str, &str>> {
    let texts = files.iter().filter(|file| file.name.starts_with("ollama-")).map(|file| &file.text);
    texts
        .map(|text| {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(|line| line.split_once('=').unwrap()).collect()
        })
        .collect()
}

#[test]
fn each_agent_has_a_modelfile_that_matches_the_plan() {
    for sharing in [Sharing::Shared, Sharing::Isolated] {
        let plan = plan(sharing, false);
        let files = files(&plan, ExportKind::Ollama).unwrap();
        let files = named(&files);
        for agent in &plan.agents {
            let text = files[format!("{}.Modelfile", agent.name).as_str()];
            let read = Modelfile::parse(text).unwrap_or_else(|why| panic!("{why}\n{text}"));
            assert_eq!(read.from, agent.model);
            assert_eq!(read.system, agent.spec.system);
            let sampling = &agent.spec.sampling;
            assert_eq!(read.parameter("temperature"), sampling.temperature.to_string());
            assert_eq!(read.parameter("top_k"), sampling.top_k.to_string());
            assert!(read.parameter("num_ctx").parse::<u32>().unwrap() >= agent.context.0);
        }
    }
}

#[test]
fn agents_on_one_base_and_server_have_one_context() {
    let plan = plan(Sharing::Shared, false);
    let files = files(&plan, ExportKind::Ollama).unwrap();
    let files = named(&files);
    let mut contexts: BTreeMap<(&str, u32), BTreeSet<String>> = BTreeMap::new();
    for agent in &plan.agents {
        let read = Modelfile::parse(files[format!("{}.Modelfile", agent.name).as_str()]).unwrap();
        let key = (agent.model.as_str(), agent.slots);
        contexts.entry(key).or_default().insert(read.parameter("num_ctx").to_owned());
    }
    assert!(contexts.values().all(|contexts| contexts.len() == 1), "{contexts:?}");
}

#[test]
fn there_is_a_server_for_each_number_of_slots() {
    let plan = plan(Sharing::Shared, false);
    let files = files(&plan, ExportKind::Ollama).unwrap();
    let planned: BTreeSet<String> =
        plan.agents.iter().map(|agent| agent.slots.to_string()).collect();
    assert!(planned.len() > 1, "{planned:?}");
    let environments = environments(&files);
    assert!(environments.iter().all(|it| it["OLLAMA_MULTIUSER_CACHE"] == "0"));
    assert!(environments.iter().all(|it| it["OLLAMA_CONTEXT_LENGTH"].parse::<u32>().unwrap() > 0));
    let slots: Vec<&str> = environments.iter().map(|it| it["OLLAMA_NUM_PARALLEL"]).collect();
    assert_eq!(slots.len(), planned.len());
    assert_eq!(slots.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), planned);
    let hosts: BTreeSet<&str> = environments.iter().map(|it| it["OLLAMA_HOST"]).collect();
    assert_eq!(hosts.len(), environments.len(), "{hosts:?}");
    assert!(named(&files)["README.md"].contains("a server for each number of slots"));
}

#[test]
fn isolated_agents_have_a_server_each() {
    let plan = plan(Sharing::Isolated, false);
    let files = files(&plan, ExportKind::Ollama).unwrap();
    assert_eq!(environments(&files).len(), plan.agents.len());
}

#[test]
fn every_file_used_by_the_scripts_exists() {
    let files = files(&plan(Sharing::Shared, false), ExportKind::Ollama).unwrap();
    let files = named(&files);
    let words = |script: &str| files[script].split_whitespace().map(str::to_owned);
    let sourced = words("serve.sh")
        .filter_map(|word| Some(word.strip_prefix("./")?.trim_end_matches(';').to_owned()));
    let made = words("create.sh").filter(|word| word.ends_with(".Modelfile"));
    let mut count = 0;
    for name in sourced.chain(made) {
        assert!(files.contains_key(name.as_str()), "{name}");
        count += 1;
    }
    assert_eq!(count, files.len() - 3, "all but the README and the scripts are used");
}

/// The words of `command` as parsed by a shell; none may contain a line break.
fn words_of_a_shell(command: &str) -> Vec<String> {
    let read =
        Command::new("sh").arg("-c").arg(format!("printf '%s\\n' {command}")).output().unwrap();
    assert!(read.status.success(), "{command}");
    String::from_utf8(read.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn llama_server_commands_have_the_planned_cache() {
    let plan = plan(Sharing::Shared, true);
    let files = files(&plan, ExportKind::LlamaServer).unwrap();
    let mut ports = BTreeSet::new();
    for engine in &plan.engines {
        let script = named(&files)[format!("llama-{}.sh", engine.id).as_str()];
        let command = script.lines().last().unwrap().strip_prefix("exec llama-server ").unwrap();
        let words = words_of_a_shell(command);
        let flags: Vec<OsString> = words.iter().map(OsString::from).collect();
        let read = Flags::parse(&flags).unwrap();
        assert_eq!(read.prompt_cache.0 >> 20, engine.prefix_bytes.0 >> 20);
        let value = |flag: &str| {
            let at = words.iter().position(|word| word == flag).unwrap();
            words[at + 1].as_str()
        };
        assert_eq!(value("-m"), engine.model_path().unwrap().display().to_string());
        assert_eq!(value("-np"), engine.sequences.to_string());
        assert_eq!(value("-c"), engine.kv_tokens().unwrap().to_string());
        assert_eq!(value("-t"), engine.threads().unwrap().to_string());
        assert!(ports.insert(value("--port").to_owned()));
        let unified = words.iter().any(|word| word == "--kv-unified");
        assert_eq!(unified, engine.kv_layout() == Some(harmonic_types::KvLayout::Unified));
    }
    for agent in &plan.agents {
        let prompt = named(&files)[format!("{}.system.md", agent.name).as_str()];
        assert_eq!(prompt.trim_end(), agent.spec.system.trim_end());
    }
}

#[test]
fn units_pass_systemd_analyze() {
    for sharing in [Sharing::Shared, Sharing::Isolated] {
        let plan = plan(sharing, true);
        let files = files(&plan, ExportKind::Systemd).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write(&files, folder.path()).unwrap();
        let units: Vec<&str> = files
            .iter()
            .map(|file| file.name.as_str())
            .filter(|name| name.ends_with(".service"))
            .collect();
        assert!(units.len() >= 2 * plan.engines.len(), "{units:?}");
        let checked = Command::new("systemd-analyze")
            .args(["verify", "--user"])
            .args(units.iter().map(|unit| folder.path().join(unit)))
            .env("XDG_RUNTIME_DIR", folder.path())
            .output();
        match checked {
            Ok(checked) => {
                // It also reports units that are not ours, and accepts keys that it ignores.
                let stderr = String::from_utf8_lossy(&checked.stderr);
                assert!(!stderr.contains("harmonic-"), "{stderr}");
                if !checked.status.success() {
                    eprintln!("not checked: {stderr}");
                }
            }
            Err(error) => eprintln!("not checked: systemd-analyze cannot run: {error}"),
        }
    }
}

#[test]
fn the_two_sets_of_units_exclude_each_other() {
    let files = files(&plan(Sharing::Shared, true), ExportKind::Systemd).unwrap();
    let ollama: BTreeSet<&str> = files
        .iter()
        .map(|file| file.name.as_str())
        .filter(|name| name.starts_with("harmonic-ollama-"))
        .collect();
    for file in files.iter().filter(|file| file.name.starts_with("harmonic-llama-")) {
        let line = file.text.lines().find_map(|line| line.strip_prefix("Conflicts=")).unwrap();
        assert_eq!(line.split(' ').collect::<BTreeSet<_>>(), ollama);
    }
}

#[test]
fn without_model_files_ollama_pulls_and_llama_server_is_refused() {
    let plan = plan(Sharing::Shared, false);
    let refused = files(&plan, ExportKind::LlamaServer).unwrap_err().to_string();
    assert!(refused.contains("qwen3:4b is not downloaded"), "{refused}");
    let units = files(&plan, ExportKind::Systemd).unwrap();
    assert!(!units.iter().any(|file| file.name.starts_with("harmonic-llama-")));
    assert!(named(&units)["README.md"].contains("No units for llama-server"), "{units:?}");
}

#[test]
fn a_prompt_that_a_modelfile_cannot_express_is_refused() {
    let mut plan = plan(Sharing::Shared, false);
    plan.agents[0].spec.system = "Say \"\"\" often.".to_owned();
    let refused = files(&plan, ExportKind::Ollama).unwrap_err().to_string();
    assert!(refused.contains("the prompt of executive"), "{refused}");
}

#[test]
fn a_file_with_other_content_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(&plan(Sharing::Shared, false), ExportKind::Ollama).unwrap();
    write(&files, folder.path()).unwrap();
    write(&files, folder.path()).unwrap();
    files[0].text.push('x');
    let refused = write(&files, folder.path()).unwrap_err().to_string();
    assert!(refused.contains("README.md exists with other content"), "{refused}");
}
