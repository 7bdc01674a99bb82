//! `harmonic mcp` with the official client for Python, and as coding agents start it.

use std::path::Path;

use crate::program::{Program, installed};
use crate::team::Team;

#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn the_official_mcp_client_asks_agents_runs_the_team_and_cancels() {
    let team = Team::start();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/mcp_client.py");
    Program::new("python/bin/python")
        .env("HARMONIC", env!("CARGO_BIN_EXE_harmonic"))
        .env("HARMONIC_URL", team.url())
        .env("NOBODY", "http://127.0.0.1:9")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run(&[case.to_str().unwrap()])
        .succeeds(&[]);
    team.ends_well();
}

/// Adds the server with the program's own command, and shows what it makes of it.
const ADD: &str = r#""$CLI" mcp add harmonic -- "$HARMONIC" mcp --url "$URL" && "$CLI" mcp list"#;

#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn claude_code_and_codex_take_the_server_as_the_page_says() {
    let team = Team::start();
    for (cli, words) in [
        (
            "node/node_modules/@anthropic-ai/claude-code-PLATFORM/claude",
            &["harmonic", "Connected"][..],
        ),
        ("node/node_modules/@openai/codex-PLATFORM/vendor/TARGET/bin/codex", &["harmonic", "mcp"]),
    ] {
        Program::new("/usr/bin/env")
            .env("CLI", installed(cli).to_str().unwrap())
            .env("HARMONIC", env!("CARGO_BIN_EXE_harmonic"))
            .env("URL", team.url())
            .env("DISABLE_AUTOUPDATER", "1")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .run(&["sh", "-c", ADD])
            .succeeds(words);
    }
    team.ends_well();
}
