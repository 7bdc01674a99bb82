use harmonic_types::{EngineChoice, EngineKind};

use crate::parse;

fn stack(text: &str) -> harmonic_types::StackSpec {
    parse(&format!("name = \"team\"\n{text}"), "team.toml").unwrap()
}

fn error(text: &str) -> String {
    parse(&format!("name = \"team\"\n{text}"), "team.toml").unwrap_err().to_string()
}

#[test]
fn an_agents_engine_counts_before_its_models_and_that_before_the_stacks() {
    let stack = stack(
        r#"
        engine = "ollama"
        [engines.big]
        kind = "remote"
        url = "https://example.org/v1/"
        key_env = "BIG_KEY"
        model = "large"
        context = 32768
        [models."qwen3:14b"]
        engine = "llama-server"
        [[agents]]
        like = "executive"
        [[agents]]
        like = "coder"
        [[agents]]
        like = "coder"
        name = "architect"
        engine = "big"
        "#,
    );
    let shown: Vec<String> = stack.engines.iter().map(|(name, e)| format!("{name}: {e}")).collect();
    assert_eq!(
        shown,
        [
            "architect: remote=https://example.org,key_env=BIG_KEY,model=large,context=32768",
            "coder: llama-server",
            "executive: ollama",
        ]
    );
    assert!(stack.engines[&"architect".into()].leaves_machine());
}

#[test]
fn agents_without_a_stated_engine_get_that_of_the_team() {
    let stack =
        stack("[[agents]]\nlike = \"coder\"\n[[agents]]\nlike = \"analyst\"\nengine = \"sim\"");
    assert_eq!(stack.engines.len(), 1);
    assert_eq!(stack.engines[&"analyst".into()], EngineChoice::Sim);
}

#[test]
fn a_table_states_the_executable_of_a_program() {
    let stack = stack(
        "[engines.own]\nkind = \"llama-server\"\nexecutable = \"/opt/x\"\n[[agents]]\nlike = \
         \"coder\"\nengine = \"own\"",
    );
    assert_eq!(stack.engines[&"coder".into()].to_string(), "llama-server=/opt/x");
    assert_eq!(stack.engines[&"coder".into()].kind(), EngineKind::LlamaServer);
}

#[test]
fn an_invalid_engine_names_file_line_and_key() {
    let agent = "[[agents]]\nlike = \"coder\"\n";
    for (text, words) in [
        (
            format!("{agent}engine = \"olama\""),
            "team.toml:4: invalid `engine`: invalid engine `olama`",
        ),
        (format!("{agent}engine = \"olama\""), "(did you mean `ollama`?)"),
        (format!("engine = \"x\"\n{agent}engine = \"sim\""), "team.toml:2: invalid `engine`"),
        (format!("{agent}engine = \"remote=http://u:secret@x\""), "user or password"),
        (
            format!("[engines.big]\nkind = \"sim\"\n{agent}engine = \"bgi\""),
            "or a table of `engines`: big",
        ),
        (
            format!("[engines.big]\nkind = \"sim\"\n{agent}"),
            "invalid `engines.big`: no agent uses it",
        ),
        (format!("[engines.ollama]\nkind = \"sim\"\n{agent}"), "invalid `engines.ollama`"),
        (format!("[engines.Big]\nkind = \"sim\"\n{agent}"), "invalid `engines.Big`"),
        (format!("[engines.big]\n{agent}"), "invalid `engines.big.kind`: missing `kind`"),
        (format!("[engines.big]\nkind = \"gpt\"\n{agent}"), "team.toml:3: invalid kind `\"gpt\"`"),
        (
            format!("[engines.big]\nkind = \"remote\"\n{agent}"),
            "invalid `engines.big.url`: missing",
        ),
        (
            format!("[engines.big]\nkind = \"ollama\"\nurl = \"http://x\"\n{agent}"),
            "team.toml:4: invalid `engines.big.url`: an engine of the kind ollama has no `url`",
        ),
        (
            format!("[engines.big]\nkind = \"remote\"\nurl = \"http://x?k=secret\"\n{agent}"),
            "invalid `engines.big.url`: invalid URL with a query",
        ),
        (
            format!(
                "[engines.big]\nkind = \"remote\"\nurl = \"http://x\"\nkey_env = \"sk-secret\"\n{agent}"
            ),
            "not the key itself",
        ),
        (
            format!("[engines.big]\nkind = \"remote\"\nurl = \"http://x\"\ncontext = 0\n{agent}"),
            "team.toml:5: invalid context `0`",
        ),
        (
            format!(
                "[engines.big]\nkind = \"remote\"\nurl = \"http://x\"\ndialect = \"grpc\"\n{agent}"
            ),
            "invalid dialect `grpc`",
        ),
        (
            format!("[models.\"gpt:9\"]\nengine = \"sim\"\n{agent}"),
            "no agent of the stack has the model `gpt:9`",
        ),
        (format!("[engines.big]\nkind = \"sim\"\nspeed = 1\n{agent}"), "unknown field `speed`"),
    ] {
        let error = error(&text);
        assert!(error.contains(words) && !error.contains("secret"), "{text}\n{error}");
    }
}
