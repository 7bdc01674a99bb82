//! Coding agents as their users run them, with one prompt, at the agent `executive` of a server.
//!
//! Each offers the tools that it offers by default, and is asked only for an answer: a call that a
//! small model makes by chance is refused by the program, or confined by it.

use std::path::Path;

use crate::program::{Program, Ran};

/// The agent that plans leave out last.
const AGENT: &str = "executive";
const PROMPT: &str = "Name a day.";

/// A program, with what docs/clients.md calls it and the words by which its version is pinned.
pub struct CodingAgent {
    pub name: &'static str,
    /// Beginning of the line that pins its version, which follows.
    pub pin: &'static str,
    pub run: fn(url: &str) -> Ran,
}

/// In the order of docs/clients.md.
pub const ALL: [CodingAgent; 6] = [
    CodingAgent { name: "Continue's `cn`", pin: "\"@continuedev/cli\": \"", run: continues },
    CodingAgent { name: "smolagents' `CodeAgent`", pin: "smolagents==", run: smolagents },
    CodingAgent { name: "Codex", pin: "\"@openai/codex\": \"", run: codex },
    CodingAgent { name: "opencode", pin: "\"opencode-linux-x64\": \"", run: opencode },
    CodingAgent { name: "Claude Code", pin: "\"@anthropic-ai/claude-code\": \"", run: claude_code },
    CodingAgent { name: "Qwen Code", pin: "QWEN=@qwen-code/qwen-code@", run: qwen_code },
];

fn continues(url: &str) -> Ran {
    let config = format!(
        "name: Harmonic Stack\nversion: 0.0.1\nschema: v1\nmodels:\n  - name: {AGENT}\n    \
         provider: openai\n    model: {AGENT}\n    apiBase: {url}/v1\n    apiKey: any\n    \
         roles: [chat, edit, apply]\n"
    );
    Program::new("/usr/bin/env")
        .file("config.yaml", &config)
        .env("CONTINUE_TELEMETRY_ENABLED", "0")
        .run(&[
            "node",
            &script("node/node_modules/@continuedev/cli/dist/cn.js"),
            "--config",
            "config.yaml",
            "-p",
            PROMPT,
        ])
}

fn smolagents(url: &str) -> Ran {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/python/code_agent.py");
    Program::new("python/bin/python")
        .env("HARMONIC_URL", url)
        .env("HARMONIC_AGENT", AGENT)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run(&[case.to_str().unwrap(), PROMPT])
}

fn codex(url: &str) -> Ran {
    let provider = format!(
        r#"model_providers.here={{name="here",base_url="{url}/v1",wire_api="responses",request_max_retries=0,stream_max_retries=0}}"#
    );
    Program::new("node/node_modules/@openai/codex-PLATFORM/vendor/TARGET/bin/codex").run(&[
        "exec",
        "--skip-git-repo-check",
        "--sandbox",
        "read-only",
        "-c",
        &provider,
        "-c",
        "model_provider=\"here\"",
        "-c",
        &format!("model=\"{AGENT}\""),
        PROMPT,
    ])
}

fn opencode(url: &str) -> Ran {
    let ask = "ask";
    let config = serde_json::json!({
        "model": format!("harmonic/{AGENT}"),
        "small_model": format!("harmonic/{AGENT}"),
        "provider": {"harmonic": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": format!("{url}/v1"), "apiKey": "any"},
            "models": {AGENT: {"limit": {"context": 8192, "output": 512}}},
        }},
        "autoupdate": false,
        "permission": {"bash": ask, "edit": ask, "webfetch": ask},
    });
    Program::new("node/node_modules/opencode-PLATFORM/bin/opencode")
        .env("OPENCODE_CONFIG_CONTENT", &config.to_string())
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .run(&["run", PROMPT])
}

fn qwen_code(url: &str) -> Ran {
    Program::new("/usr/bin/env")
        .env("OPENAI_API_KEY", "any")
        .env("OPENAI_BASE_URL", &format!("{url}/v1"))
        .env("OPENAI_MODEL", AGENT)
        .run(&[
            "node",
            &script("qwen/node_modules/@qwen-code/qwen-code/cli-entry.js"),
            "--auth-type",
            "openai",
            "-p",
            PROMPT,
        ])
}

fn claude_code(url: &str) -> Ran {
    let mut program = Program::new("node/node_modules/@anthropic-ai/claude-code-PLATFORM/claude");
    for (name, value) in [
        ("ANTHROPIC_BASE_URL", url),
        ("ANTHROPIC_API_KEY", "any"),
        ("ANTHROPIC_MODEL", AGENT),
        ("ANTHROPIC_DEFAULT_HAIKU_MODEL", AGENT),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("API_TIMEOUT_MS", "300000"),
    ] {
        program = program.env(name, value);
    }
    program.run(&["-p", PROMPT])
}

fn script(path: &str) -> String {
    crate::program::installed(path).to_str().unwrap().to_owned()
}
