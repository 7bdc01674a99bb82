//! Other people's MCP servers: the official library and `FastMCP` for Python, the reference server of
//! files for Node. `make test-real` installs them (`scripts/clients.sh`) and runs this with
//! `--ignored`.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harmonic_tools::{CallLimits, McpConfig, ToolBox, ToolBoxConfig, ToolError};
use harmonic_types::tool::ToolEffects;
use serde_json::json;

use crate::own_process::{PATIENT, SHORT, call, nothing, program, runtime, wait_for_end};

crate::tests![
    servers_of_the_official_library_are_used_over_standard_streams,
    servers_of_the_official_library_are_used_over_http,
    servers_of_fastmcp_are_used,
    the_reference_server_of_files_is_used,
];

/// What `scripts/clients.sh` has installed.
fn installed(path: &str) -> PathBuf {
    let program = program();
    let target = program.ancestors().nth(3).expect("target/debug/deps/PROGRAM");
    let path = target.join("clients").join(path);
    assert!(path.exists(), "{} is missing: run scripts/clients.sh", path.display());
    path
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/children/real").join(name)
}

/// A configuration as a user writes it.
fn configured(servers: &serde_json::Value) -> ToolBoxConfig {
    let text = json!({"mcpServers": servers}).to_string();
    let mcp = McpConfig::parse(&text, &std::collections::BTreeMap::new()).expect("valid");
    ToolBoxConfig { mcp, start_time: Duration::from_mins(1), ..nothing() }
}

fn python(script_name: &str) -> ToolBoxConfig {
    let python = installed("mcp-python/bin/python");
    configured(&json!({"py": {"command": python, "args": [script(script_name)]}}))
}

async fn use_official(tools: &ToolBox) {
    let listed = tools.list();
    let effects = |name: &str| listed.iter().find(|tool| tool.name == name).unwrap().effects;
    assert_eq!(effects("py.add"), ToolEffects::ReadOnly);
    assert_eq!(effects("py.fail"), ToolEffects::Writing);
    assert_eq!(tools.left_out(), []);
    let sum = call(tools, "py.add", json!({"a": 2, "b": 40}), PATIENT).await.unwrap();
    assert_eq!((sum.text.as_str(), sum.is_error), ("42", false));
    let failed = call(tools, "py.fail", json!({}), PATIENT).await.unwrap();
    assert!(failed.is_error, "{}", failed.text);
    let error = call(tools, "py.add", json!({"a": "x"}), PATIENT).await.unwrap_err();
    assert!(matches!(error, ToolError::InvalidArguments { .. }), "{error:?}");
    let error = call(tools, "py.sleep", json!({"seconds": 60}), SHORT).await.unwrap_err();
    assert!(matches!(error, ToolError::TimedOut { .. }), "{error:?}");
    let limits = CallLimits { bytes: 1000, ..PATIENT };
    let long = call(tools, "py.long", json!({"bytes": 3_000_000}), limits).await.unwrap();
    assert_eq!(long.text.len(), 1000);
    assert!(long.bytes_cut > 2_900_000, "{}", long.bytes_cut);
}

fn servers_of_the_official_library_are_used_over_standard_streams() {
    runtime().block_on(async {
        let tools = ToolBox::open(python("official.py")).await.unwrap();
        use_official(&tools).await;
        tools.close().await;
    });
}

fn servers_of_the_official_library_are_used_over_http() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new(installed("mcp-python/bin/python"))
        .arg(script("official.py"))
        .arg(port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "the server does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    runtime().block_on(async {
        let url = format!("http://127.0.0.1:{port}/mcp");
        let config = configured(&json!({"py": {"type": "http", "url": url}}));
        let tools = ToolBox::open(config).await.unwrap();
        use_official(&tools).await;
        tools.close().await;
    });
    server.kill().unwrap();
    server.wait().unwrap();
    wait_for_end(server.id());
}

fn servers_of_fastmcp_are_used() {
    runtime().block_on(async {
        let tools = ToolBox::open(python("fast.py")).await.unwrap();
        assert!(tools.list().iter().any(|tool| tool.effects == ToolEffects::ReadOnly));
        let arguments = json!({"name": "Ada", "times": 2});
        let output = call(&tools, "py.greet", arguments, PATIENT).await.unwrap();
        assert_eq!(output.text, "Hello Ada! Hello Ada!");
        let output = call(&tools, "py.picture", json!({}), PATIENT).await.unwrap();
        assert!(output.text.starts_with("[image, image/png, "), "{}", output.text);
        tools.close().await;
    });
}

fn the_reference_server_of_files_is_used() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "hello").unwrap();
    let server =
        installed("mcp-node/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
    runtime().block_on(async {
        let config =
            configured(&json!({"files": {"command": "node", "args": [server, folder.path()]}}));
        let tools = ToolBox::open(config).await.unwrap();
        assert_eq!(tools.left_out(), []);
        let read = tools.list().into_iter().find(|tool| tool.name == "files.read_text_file");
        assert_eq!(read.unwrap().effects, ToolEffects::ReadOnly);
        let path = folder.path().join("a.txt");
        let output =
            call(&tools, "files.read_text_file", json!({"path": path}), PATIENT).await.unwrap();
        assert_eq!(output.text.trim(), "hello");
        let output =
            call(&tools, "files.read_text_file", json!({"path": "/etc/passwd"}), PATIENT).await;
        assert!(output.unwrap().is_error);
        let error = call(&tools, "files.read_text_file", json!({}), PATIENT).await.unwrap_err();
        assert!(error.to_string().contains("\"path\" is a required property"), "{error}");
        tools.close().await;
    });
}
