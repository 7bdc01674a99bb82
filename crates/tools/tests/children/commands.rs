//! Commands: what they may do, and that attacks fail.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use harmonic_tools::{
    CallLimits, CommandLimits, CommandPolicy, Helper, ToolBox, ToolBoxConfig, ToolError,
};
use harmonic_types::RunToken;
use harmonic_types::tool::{ToolEffects, ToolOutput};
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

use crate::own_process::{
    ATTACK, PATIENT, SHORT, call, is_running, nothing, program, runtime, start_owner, wait_for_end,
    with_commands,
};

crate::tests![
    a_command_works_in_the_workspace_and_in_a_folder_of_its_own,
    the_end_of_a_command_is_told,
    a_command_gets_the_token_of_its_run,
    commands_are_off_unless_allowed,
    a_helper_that_is_none_is_an_error,
    files_outside_stay_as_they_are_and_unread,
    links_do_not_lead_out,
    there_is_no_network_and_no_socket_of_others,
    no_other_process_is_reached,
    a_session_of_its_own_is_refused,
    what_a_command_leaves_running_ends_with_it,
    a_command_ends_with_its_time,
    a_cancelled_command_ends_at_once,
    a_dropped_call_ends_its_command,
    a_command_ends_with_a_killed_owner,
    forks_without_end_are_stopped,
    memory_without_end_is_refused,
    memory_of_many_processes_counts_together,
    files_without_end_are_refused,
    output_without_end_is_bounded,
    binary_output_is_bounded_text,
];

struct Place {
    workspace: tempfile::TempDir,
    outside: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place =
            Self { workspace: tempfile::tempdir().unwrap(), outside: tempfile::tempdir().unwrap() };
        fs::write(place.outside.path().join("secret"), "SECRET").unwrap();
        place
    }

    fn config(&self, limits: CommandLimits) -> ToolBoxConfig {
        let policy = CommandPolicy { limits, ..CommandPolicy::default() };
        with_commands(self.workspace.path(), policy)
    }

    fn run_with(
        &self,
        command: &str,
        limits: CommandLimits,
        call_limits: CallLimits,
    ) -> ToolOutput {
        runtime().block_on(async {
            let tools = ToolBox::open(self.config(limits)).await.unwrap();
            call(&tools, "workspace.run", json!({"command": command}), call_limits).await.unwrap()
        })
    }

    fn run(&self, command: &str) -> ToolOutput {
        self.run_with(command, CommandLimits::default(), PATIENT)
    }

    fn attack(&self, arguments: &str) -> String {
        let output = self.run(&own(arguments));
        assert!(!output.text.contains("won"), "{}", output.text);
        assert!(!output.text.contains("SECRET"), "{}", output.text);
        output.text
    }
}

/// Command that makes this program attack.
fn own(arguments: &str) -> String {
    format!("'{}' {ATTACK} {arguments}", program().display())
}

/// Waits for a file that a command writes, and returns the number in it.
async fn number_in(file: PathBuf) -> u32 {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if let Ok(number) = text.trim().parse() {
            return number;
        }
        assert!(Instant::now() < until, "{} has no number", file.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn a_command_works_in_the_workspace_and_in_a_folder_of_its_own() {
    let place = Place::new();
    let output = place.run(
        "echo hello > a && cat a && touch a && sed -i s/hello/bye/ a && cat a && mkdir -p d/e && \
         mv a d/e/b && rm -r d && pwd && test \"$HOME\" = \"$TMPDIR\" && echo x > \"$HOME/x\" && \
         echo \"$TMPDIR\" && cat < /dev/null > /dev/null && (exit 0) | cat && ls -A",
    );
    assert!(!output.is_error, "{}", output.text);
    let lines: Vec<&str> = output.text.lines().collect();
    let workspace = place.workspace.path().canonicalize().unwrap();
    assert_eq!(lines[..3], ["hello", "bye", workspace.to_str().unwrap()]);
    assert!(!fs::exists(lines[3]).unwrap(), "{} is still there", lines[3]);
    assert_eq!(lines.len(), 4, "{lines:?}");
}

fn the_end_of_a_command_is_told() {
    let place = Place::new();
    let output = place.run("echo out; echo err >&2; exit 7");
    assert_eq!((output.text.as_str(), output.is_error), ("out\nerr\n[exit status 7]", true));
    let output = place.run("kill -SEGV $$");
    assert_eq!(output.text, "[ended by signal 11]");
    let output = place.run("no-such-program");
    assert!(output.is_error && output.text.contains("not found"), "{}", output.text);
}

fn a_command_gets_the_token_of_its_run() {
    let place = Place::new();
    let token = RunToken::of([5; RunToken::BYTES]);
    let config =
        ToolBoxConfig { run: Some(token.clone()), ..place.config(CommandLimits::default()) };
    runtime().block_on(async {
        let tools = ToolBox::open(config).await.unwrap();
        let command = json!({"command": "echo \"[$HARMONIC_RUN]\""});
        let output = call(&tools, "workspace.run", command, PATIENT).await.unwrap();
        assert!(output.text.contains(&format!("[{}]", token.as_str())), "{}", output.text);
    });
    let without = place.run("echo \"[$HARMONIC_RUN]\"");
    assert!(without.text.contains("[]"), "{}", without.text);
}

fn commands_are_off_unless_allowed() {
    let place = Place::new();
    runtime().block_on(async {
        let workspace = Some(place.workspace.path().to_owned());
        let tools = ToolBox::open(ToolBoxConfig { workspace, ..nothing() }).await.unwrap();
        assert!(tools.list().iter().all(|tool| tool.effects != ToolEffects::Running));
        let error = call(&tools, "workspace.run", json!({"command": "true"}), PATIENT).await;
        assert!(matches!(error, Err(ToolError::UnknownTool { .. })), "{error:?}");
        let commands = Some(CommandPolicy::default());
        let error = ToolBox::open(ToolBoxConfig { commands, ..nothing() }).await.unwrap_err();
        assert!(error.to_string().contains("commands need one"), "{error}");
    });
}

fn a_helper_that_is_none_is_an_error() {
    let place = Place::new();
    runtime().block_on(async {
        let helper = Helper { program: "/bin/true".into(), arguments: Vec::new() };
        let config = ToolBoxConfig { helper, ..place.config(CommandLimits::default()) };
        let tools = ToolBox::open(config).await.unwrap();
        let error = call(&tools, "workspace.run", json!({"command": "true"}), PATIENT).await;
        assert!(matches!(error, Err(ToolError::Failed { .. })), "{error:?}");
    });
}

fn files_outside_stay_as_they_are_and_unread() {
    let place = Place::new();
    let secret = place.outside.path().join("secret");
    let before = fs::metadata(&secret).unwrap();
    let text = place.attack(&format!("files {}", place.outside.path().display()));
    assert_eq!(text.lines().count(), 18, "{text}");
    let after = fs::metadata(&secret).unwrap();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "SECRET");
    assert_eq!(before.permissions(), after.permissions());
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    assert_eq!(fs::read_dir(place.outside.path()).unwrap().count(), 1);
    let home = std::env::var("HOME").unwrap();
    for command in [
        format!("ls '{home}'"),
        format!("ls '{home}/.ssh'"),
        format!("echo x > '{home}/harmonic-attack'"),
        "cat /etc/shadow".to_owned(),
        "ls /root /home /proc/1 /run /var".to_owned(),
        "echo x > /tmp/harmonic-attack".to_owned(),
        "echo x > /dev/shm/harmonic-attack".to_owned(),
        "cat /dev/tty /dev/mem".to_owned(),
        format!("chmod 777 '{}'", secret.display()),
    ] {
        let output = place.run(&command);
        assert!(output.is_error, "{command}: {}", output.text);
    }
}

fn links_do_not_lead_out() {
    let place = Place::new();
    symlink(place.outside.path(), place.workspace.path().join("link")).unwrap();
    let output = place.run("cat link/secret; echo x > link/new; ln -s /etc/shadow s && cat s");
    assert!(output.is_error && !output.text.contains("SECRET"), "{}", output.text);
    assert_eq!(fs::read_dir(place.outside.path()).unwrap().count(), 1);
}

fn there_is_no_network_and_no_socket_of_others() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = place.workspace.path().join("socket");
    let _open = UnixListener::bind(&socket).unwrap();
    let address = listener.local_addr().unwrap();
    let text = place.attack(&format!("network {address} {}", socket.display()));
    assert_eq!(text.lines().count(), 9, "{text}");
    assert!(text.contains("pair: allowed"), "{text}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody connected");
}

fn no_other_process_is_reached() {
    let place = Place::new();
    let mut other = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let text = place.attack(&format!("signal {}", other.id()));
    assert_eq!(text.lines().count(), 2, "{text}");
    place.run(&format!("kill -9 {} $PPID {}", other.id(), std::process::id()));
    assert!(is_running(other.id()));
    other.kill().unwrap();
    other.wait().unwrap();
}

fn a_session_of_its_own_is_refused() {
    let place = Place::new();
    let text = place.attack("session");
    assert_eq!(text.lines().count(), 2, "{text}");
    let output = place.run("setsid sleep 1000 & wait $!");
    assert!(output.is_error, "{}", output.text);
}

fn what_a_command_leaves_running_ends_with_it() {
    let place = Place::new();
    let output = place.run("sleep 1000 & echo $!; (sleep 1000 & echo $!)");
    assert!(!output.is_error, "{}", output.text);
    let left: Vec<u32> = output.text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|id| !is_running(*id)), "{left:?}");
}

fn a_command_ends_with_its_time() {
    let place = Place::new();
    let output = place.run_with(
        "echo $$; trap '' TERM INT; sleep 1000; echo no",
        CommandLimits::default(),
        SHORT,
    );
    assert!(output.text.ends_with("[stopped at its time limit of 0.5 s]"), "{}", output.text);
    assert!(output.is_error);
    let id: u32 = output.text.lines().next().unwrap().parse().unwrap();
    assert!(!is_running(id));
}

fn a_cancelled_command_ends_at_once() {
    let place = Place::new();
    let started = place.workspace.path().join("started");
    runtime().block_on(async {
        let tools = ToolBox::open(place.config(CommandLimits::default())).await.unwrap();
        let cancel = CancellationToken::new();
        let arguments: Map<_, _> =
            [("command".to_owned(), "echo $$ > t; mv t started; sleep 1000".into())]
                .into_iter()
                .collect();
        let running = tools.call("workspace.run", arguments, PATIENT, &cancel);
        let stop = async {
            let id = number_in(started).await;
            cancel.cancel();
            id
        };
        let (ended, id) = tokio::join!(running, stop);
        assert!(matches!(ended, Err(ToolError::Cancelled { .. })), "{ended:?}");
        assert!(!is_running(id));
    });
}

fn a_dropped_call_ends_its_command() {
    let place = Place::new();
    let started = place.workspace.path().join("started");
    let runtime = runtime();
    let id = runtime.block_on(async {
        let tools = ToolBox::open(place.config(CommandLimits::default())).await.unwrap();
        let arguments = json!({"command": "echo $$ > t; mv t started; sleep 1000"});
        tokio::select! {
            id = number_in(started) => id,
            ended = call(&tools, "workspace.run", arguments, PATIENT) => panic!("{ended:?}"),
        }
    });
    wait_for_end(id);
}

fn a_command_ends_with_a_killed_owner() {
    let place = Place::new();
    let scratch = tempfile::tempdir().unwrap();
    let path = |folder: &tempfile::TempDir| folder.path().to_str().unwrap().to_owned();
    let (mut owner, command) = start_owner(&["command", &path(&place.workspace), &path(&scratch)]);
    assert!(is_running(command));
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_for_end(command);
    let until = Instant::now() + Duration::from_secs(20);
    while fs::read_dir(scratch.path()).unwrap().count() > 0 {
        assert!(Instant::now() < until, "its temporary folder is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn forks_without_end_are_stopped() {
    let place = Place::new();
    let limits = CommandLimits { processes: 30, ..CommandLimits::default() };
    let output = place.run_with("f() { f | f & }; f; sleep 1000", limits, PATIENT);
    assert!(output.text.contains("[stopped at its limit of 30 processes]"), "{}", output.text);
}

fn memory_without_end_is_refused() {
    let place = Place::new();
    let limits = CommandLimits { memory_bytes: 100 << 20, ..CommandLimits::default() };
    let output = place.run_with(&own("memory"), limits, PATIENT);
    assert!(output.is_error && !output.text.contains("won"), "{}", output.text);
}

fn memory_of_many_processes_counts_together() {
    let place = Place::new();
    let limits = CommandLimits { memory_bytes: 200 << 20, ..CommandLimits::default() };
    let output = place.run_with(&own("memory-of-many 8"), limits, PATIENT);
    assert!(output.text.contains("[stopped at its memory limit of 200 MiB]"), "{}", output.text);
}

fn files_without_end_are_refused() {
    let place = Place::new();
    let limits = CommandLimits { file_bytes: 3 << 20, ..CommandLimits::default() };
    let output = place.run_with(&own(&format!("file {}", 10 << 20)), limits, PATIENT);
    assert!(output.is_error && !output.text.contains("won"), "{}", output.text);
    assert!(fs::metadata(place.workspace.path().join("large")).unwrap().len() <= 3 << 20);
    let limits = CommandLimits { free_disk_bytes: u64::MAX, ..CommandLimits::default() };
    let output = place.run_with("sleep 1000", limits, PATIENT);
    assert!(output.text.contains("disk is nearly full"), "{}", output.text);
}

fn output_without_end_is_bounded() {
    let place = Place::new();
    let limits = CallLimits { bytes: 10_000, ..SHORT };
    let output = place.run_with("echo first; yes", CommandLimits::default(), limits);
    assert!(output.text.len() <= 10_000, "{}", output.text.len());
    assert!(output.text.starts_with("first\ny\n") && output.text.contains("bytes left out]"));
    assert!(output.text.ends_with("time limit of 0.5 s]") && output.bytes_cut > 0);
}

fn binary_output_is_bounded_text() {
    let place = Place::new();
    let limits = CallLimits { bytes: 5_000, ..PATIENT };
    let output = place.run_with("head -c 100000 /dev/urandom", CommandLimits::default(), limits);
    assert!(output.text.len() <= 5_000 && output.bytes_cut > 0, "{}", output.text.len());
}
