use serde_json::{Value, json};

use super::*;

fn engine(spec: EngineSpec) -> EnginePlan {
    EnginePlan {
        id: "one".to_owned(),
        spec,
        device: "cpu".to_owned(),
        model: "toy".to_owned(),
        digest: None,
        format: "F16".to_owned(),
        context_trained: None,
        agents: vec!["coder".into()],
        slots: 2,
        sequences: 4,
        weights_bytes: Bytes(1),
        kv_bytes: Bytes(2),
        state_bytes: Bytes::ZERO,
        prefix_bytes: Bytes::ZERO,
        preempt_bytes: Bytes::ZERO,
        compute_bytes: Bytes(3),
        overhead_bytes: Bytes(4),
        total_bytes: Bytes(10),
    }
}

fn process(program: EngineProgram) -> EngineSpec {
    EngineSpec::Process(ProcessSpec {
        program,
        executable: None,
        path: Some("/models/toy.gguf".into()),
        threads: 2,
        context: Tokens(512),
        kv_type: KvType::F16,
        attention: Attention::Flash,
    })
}

fn remote(url: &str) -> EngineSpec {
    let url: RemoteUrl = url.parse().unwrap();
    EngineSpec::Remote(RemoteSpec {
        url: url.to_string(),
        dialect: RemoteDialect::OpenAi,
        key_env: Some("KEY".to_owned()),
        model: "there".to_owned(),
        context: None,
        leaves_machine: url.leaves_machine(),
    })
}

#[test]
fn engines_of_every_kind_are_read_as_they_were_written() {
    let specs = [
        process(EngineProgram::Ollama),
        process(EngineProgram::LlamaServer),
        process(EngineProgram::Vllm),
        remote("https://example.org/v1"),
    ];
    for spec in specs {
        let planned = engine(spec);
        let text = serde_json::to_string(&planned).unwrap();
        assert_eq!(serde_json::from_str::<EnginePlan>(&text).unwrap(), planned, "{text}");
    }
    let written: Value = serde_json::to_value(engine(process(EngineProgram::LlamaServer))).unwrap();
    assert_eq!(
        (&written["kind"], &written["program"]),
        (&json!("process"), &json!("llama-server"))
    );
    let written = serde_json::to_value(engine(remote("http://10.0.0.2:8000"))).unwrap();
    assert_eq!((&written["kind"], &written["dialect"]), (&json!("remote"), &json!("openai")));
    assert_eq!(written["leaves_machine"], json!(true));
    assert_eq!((&written["model"], &written["remote_model"]), (&json!("toy"), &json!("there")));
}

#[test]
fn a_kind_has_the_name_that_it_is_written_with() {
    for kind in EngineKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
        assert_eq!(kind.program().map_or(kind, EngineProgram::kind), kind);
    }
    for dialect in RemoteDialect::ALL {
        assert_eq!(serde_json::to_value(dialect).unwrap(), json!(dialect.as_str()));
    }
}

#[test]
fn a_program_of_others_has_cells_for_each_slot_and_a_server_has_none() {
    let planned = engine(process(EngineProgram::Ollama));
    assert_eq!((planned.kv_tokens(), planned.kv_layout()), (Some(2048), Some(KvLayout::Streams)));
    let planned = engine(remote("http://localhost:1234"));
    assert_eq!((planned.kv_tokens(), planned.threads(), planned.local()), (None, None, None));
    assert!(!planned.leaves_machine());
}

#[test]
fn a_url_is_normalised_and_tells_whether_requests_leave_the_machine() {
    for (given, base, leaves) in [
        ("http://localhost:8000/v1/", "http://localhost:8000", false),
        ("http://LOCALHOST", "http://localhost", false),
        ("http://127.0.0.9:1", "http://127.0.0.9:1", false),
        ("http://[::1]:1/", "http://[::1]:1", false),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", false),
        ("http://0x7f.1", "http://127.0.0.1", false),
        ("http://a.localhost.", "http://a.localhost.", false),
        ("http://0.0.0.0:80", "http://0.0.0.0", true),
        ("https://example.org/openai/v1", "https://example.org/openai", true),
        ("http://localhost.example.org", "http://localhost.example.org", true),
        ("http://192.168.1.2", "http://192.168.1.2", true),
    ] {
        let url: RemoteUrl = given.parse().unwrap();
        assert_eq!((url.as_str(), url.leaves_machine()), (base, leaves), "{given}");
        assert_eq!(base.parse::<RemoteUrl>().unwrap(), url, "{given}");
    }
}

#[test]
fn an_invalid_url_is_refused_without_repeating_it() {
    for (given, words) in [
        ("", "invalid URL"),
        ("localhost:8000", "invalid scheme `localhost`"),
        ("ftp://x", "invalid scheme `ftp`"),
        ("http://", "invalid URL"),
        ("http://user:secret@x", "user or password"),
        ("http://x?key=secret", "query or fragment"),
        ("http://x#secret", "query or fragment"),
        ("http://x:99999", "invalid URL"),
        (&format!("http://{}", "secret".repeat(1000)), "at most 2048"),
    ] {
        let error = given.parse::<RemoteUrl>().unwrap_err();
        assert!(error.contains(words) && !error.contains("secret"), "{given}: {error}");
    }
}

#[test]
fn a_choice_is_written_as_it_is_read() {
    for text in [
        "llama",
        "sim",
        "ollama",
        "llama-server",
        "vllm",
        "ollama=/opt/ollama",
        "remote=http://localhost:8000",
        "remote=https://example.org,dialect=ollama,key_env=KEY,model=m:1,context=8192",
    ] {
        let choice: EngineChoice = text.parse().unwrap();
        assert_eq!(choice.to_string(), text);
        let written = serde_json::to_value(&choice).unwrap();
        assert_eq!(serde_json::from_value::<EngineChoice>(written).unwrap(), choice);
    }
}

#[test]
fn an_invalid_choice_names_the_part_and_what_was_expected() {
    for (text, words) in [
        ("", "invalid engine ``: expected llama, sim, ollama"),
        ("olama", "did you mean `ollama`?"),
        ("LLAMA", "invalid engine `LLAMA`"),
        ("remote", "missing URL of the engine `remote`"),
        ("remote=", "invalid URL"),
        ("sim=2", "`sim` takes no value"),
        ("llama=/x", "`llama` takes no value"),
        ("ollama=", "expected ollama=PATH"),
        ("remote=http://x,modle=a", "invalid option `modle`"),
        ("remote=http://x,model=", "`model=`"),
        ("remote=http://x,model=a,model=b", "duplicate option `model`"),
        ("remote=http://x,dialect=grpc", "invalid dialect `grpc`: expected openai or ollama"),
        ("remote=http://x,context=0", "invalid context `0`"),
        ("remote=http://x,key_env=sk-secret", "not the key itself"),
    ] {
        let error = text.parse::<EngineChoice>().unwrap_err();
        assert!(error.contains(words) && !error.contains("sk-secret"), "{text}: {error}");
    }
}
