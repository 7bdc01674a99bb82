//! This program as a child of itself, and what tests look at in processes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use harmonic_tools::{
    CallLimits, CommandPolicy, Endpoint, Helper, McpConfig, ServerConfig, ToolBox, ToolBoxConfig,
    ToolError,
};
use harmonic_types::tool::ToolOutput;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

pub const HELPER: &str = "--helper";
pub const SERVER: &str = "--server";
pub const ATTACK: &str = "--attack";
pub const OWNER: &str = "--owner";

/// Path of this program.
pub fn program() -> PathBuf {
    std::env::current_exe().expect("its own path")
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A configuration without any tool.
pub fn nothing() -> ToolBoxConfig {
    let path = std::env::var("PATH").unwrap_or_default();
    let variables = [("PATH", path), ("HOME", "/nowhere".into()), ("KEY", "s3cret".into())];
    ToolBoxConfig {
        mcp: McpConfig::default(),
        workspace: None,
        commands: None,
        helper: Helper { program: program(), arguments: vec![HELPER.into()] },
        environment: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        run: None,
        start_time: Duration::from_secs(30),
    }
}

/// A configuration with one server, which this program plays.
pub fn one_server(mode: &str) -> ToolBoxConfig {
    let endpoint = Endpoint::Stdio {
        command: program().display().to_string(),
        args: vec![SERVER.into(), mode.into()],
        env: BTreeMap::from([("CONFIGURED".to_owned(), "yes".to_owned())]),
        cwd: None,
    };
    with_endpoint(endpoint)
}

pub fn with_endpoint(endpoint: Endpoint) -> ToolBoxConfig {
    let server = ServerConfig { name: "test".into(), endpoint };
    ToolBoxConfig { mcp: McpConfig { servers: vec![server] }, ..nothing() }
}

/// A configuration with commands in `workspace`, which may execute this program.
pub fn with_commands(workspace: &Path, policy: CommandPolicy) -> ToolBoxConfig {
    let policy = CommandPolicy { read_only: vec![program()], ..policy };
    let workspace = Some(workspace.to_owned());
    ToolBoxConfig { workspace, commands: Some(policy), ..nothing() }
}

/// Limits of calls that are expected to end by themselves.
pub const PATIENT: CallLimits = CallLimits { time: Duration::from_mins(1), bytes: 64 << 10 };

/// Limits of calls that are expected to reach them.
pub const SHORT: CallLimits = CallLimits { time: Duration::from_millis(500), bytes: 64 << 10 };

pub async fn call(
    tools: &ToolBox,
    name: &str,
    arguments: Value,
    limits: CallLimits,
) -> Result<ToolOutput, ToolError> {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    tools.call(name, arguments, limits, &CancellationToken::new()).await
}

/// Waits until the process `id` has ended.
pub fn wait_for_end(id: u32) {
    let until = Instant::now() + Duration::from_secs(20);
    while is_running(id) {
        assert!(Instant::now() < until, "process {id} still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process `id` runs; one that nobody has waited for yet does not.
pub fn is_running(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

/// A second process that owns a tool box, and what it printed first.
pub fn start_owner(arguments: &[&str]) -> (Child, u32) {
    let mut owner = Command::new(program())
        .arg(OWNER)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process");
    let mut line = String::new();
    BufReader::new(owner.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (owner, line.trim().parse().expect("the number of a process"))
}

/// Opens a tool box, prints the number of a process of it, and waits to be killed.
pub fn own(arguments: &[&str]) -> ExitCode {
    runtime().block_on(async {
        match arguments {
            ["server"] => {
                let tools = ToolBox::open(one_server("normal")).await.unwrap();
                let output = call(&tools, "test.process", serde_json::json!({}), PATIENT);
                println!("{}", output.await.unwrap().text);
                std::future::pending::<()>().await;
            }
            ["command", workspace, scratch] => {
                let policy =
                    CommandPolicy { scratch: PathBuf::from(*scratch), ..CommandPolicy::default() };
                let config = with_commands(Path::new(workspace), policy);
                let tools = ToolBox::open(config).await.unwrap();
                let command =
                    "echo $$ > started.tmp && mv started.tmp started; sleep 1000 & sleep 1000";
                let arguments = serde_json::json!({"command": command});
                let running = call(&tools, "workspace.run", arguments, PATIENT);
                let started = Path::new(workspace).join("started");
                let print = async {
                    loop {
                        if let Ok(id) = std::fs::read_to_string(&started) {
                            println!("{}", id.trim());
                            return std::future::pending::<()>().await;
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                let _neither_ends = tokio::join!(running, print);
            }
            other => panic!("unknown owner {other:?}"),
        }
    });
    ExitCode::SUCCESS
}
