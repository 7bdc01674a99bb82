//! This program as guard and as owner, and a look at the processes that there are.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harmonic_guard::{ChildEnd, ChildSpec, GuardCommand, GuardedChild};
use procfs::process::{Process, Stat, all_processes};
use rustix::process::{Pid, Signal, kill_process};

/// Argument that makes this program a guard.
pub const GUARD: &str = "--guard";
/// Argument that makes it an owner of a guarded child.
pub const OWNER: &str = "--owner";
/// Variable that marks the processes of one test.
const TAG: &str = "HARMONIC_GUARD_TEST";

/// Grace that no test is meant to use up.
pub const LONG: Duration = Duration::from_hours(1);

/// Time after which something has not happened.
const NEVER: Duration = Duration::from_mins(2);

pub fn program() -> PathBuf {
    std::env::current_exe().expect("its path")
}

pub fn guard() -> GuardCommand {
    GuardCommand { executable: program(), arguments: vec![GUARD.into()] }
}

/// A value for the processes of one child.
pub fn tag() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A shell script as child.
pub fn script(text: &str, tag: &str) -> ChildSpec {
    ChildSpec {
        name: "test".into(),
        executable: "/bin/sh".into(),
        arguments: vec!["-c".into(), text.into()],
        environment: vec![(TAG.into(), tag.into())],
        remove: Vec::new(),
        folder: "/".into(),
    }
}

/// A child with a script that has written `lines` lines.
pub fn started(text: &str, tag: &str, lines: usize) -> GuardedChild {
    let child = GuardedChild::start(&guard(), script(text, tag)).expect("it starts");
    wait_until("its first lines", || child.last_lines().len() >= lines);
    child
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub fn stop(child: &GuardedChild, grace: Duration) -> ChildEnd {
    block_on(child.stop(grace))
}

pub fn end_of(child: &GuardedChild) -> ChildEnd {
    block_on(child.ended())
}

/// Waits until `holds`.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + NEVER;
    while !holds() {
        assert!(Instant::now() < until, "{what}: never");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn send(number: u32, signal: Signal) {
    let pid = Pid::from_raw(number.cast_signed()).expect("a process number");
    kill_process(pid, signal).expect("it runs");
}

/// All processes with their states.
fn processes() -> Vec<(Process, Stat)> {
    let all = all_processes().expect("a list of processes").flatten();
    all.filter_map(|process| process.stat().ok().map(|stat| (process, stat))).collect()
}

/// Processes that carry `tag`, except those that have ended.
pub fn tagged(tag: &str) -> Vec<u32> {
    let carries = |process: &Process| {
        let environment = process.environ().unwrap_or_default();
        environment.get(OsStr::new(TAG)).is_some_and(|value| value == tag)
    };
    let found = processes().into_iter().filter(|(_, stat)| !matches!(stat.state, 'Z' | 'X'));
    found.filter(|(process, _)| carries(process)).map(|(_, stat)| stat.pid.unsigned_abs()).collect()
}

/// Processes below `root`, ended ones included, those with the shortest way first.
fn below(root: u32) -> Vec<(Process, Stat)> {
    let mut rest = processes();
    let mut open = vec![root.cast_signed()];
    let mut found = Vec::new();
    while !open.is_empty() {
        let (next, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|(_, stat)| open.contains(&stat.ppid));
        open = next.iter().map(|(_, stat)| stat.pid).collect();
        found.extend(next);
        rest = others;
    }
    found
}

/// The guards below `owner`: the outer one and the inner one.
pub fn guards(owner: u32) -> [u32; 2] {
    let is_guard = |process: &Process| {
        process.cmdline().is_ok_and(|line| line.get(1).is_some_and(|first| first == GUARD))
    };
    let found = below(owner).into_iter().filter(|(process, _)| is_guard(process));
    let found: Vec<u32> = found.map(|(_, stat)| stat.pid.unsigned_abs()).collect();
    found.try_into().expect("two guards")
}

/// Processes below this one that have ended, and that nobody has waited for.
pub fn zombies() -> usize {
    let ended = |stat: &Stat| stat.state == 'Z';
    below(std::process::id()).iter().filter(|(_, stat)| ended(stat)).count()
}

/// Other processes of this program, except those that have ended.
fn copies() -> usize {
    let own = fs::read_link("/proc/self/exe").expect("this program");
    let is_copy = |(process, stat): &(Process, Stat)| {
        stat.pid.unsigned_abs() != std::process::id() && process.exe().is_ok_and(|exe| exe == own)
    };
    processes().iter().filter(|entry| is_copy(entry)).count()
}

/// Waits until no process with `tag` is left, no guard, no owner, and no child of this process, be it
/// one that has ended.
pub fn wait_for_nothing(tag: &str) {
    wait_until("nothing is left", || {
        tagged(tag).is_empty() && copies() == 0 && below(std::process::id()).is_empty()
    });
}

/// Open descriptors of this process, those that its first runtime keeps included.
pub fn descriptors() -> usize {
    block_on(async {});
    fs::read_dir("/proc/self/fd").expect("its descriptors").count()
}

/// Another process that owns a child with `script`; its child runs when this returns.
pub fn start_owner(script: &str, tag: &str) -> Child {
    let mut owner = Command::new(program())
        .args([OWNER, script, tag])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process");
    let mut line = String::new();
    BufReader::new(owner.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
    owner
}

/// Starts a child whose script writes one line, says so, and waits to be killed.
pub fn own(arguments: &[&str]) -> ExitCode {
    let [script, tag] = arguments else { panic!("unknown owner {arguments:?}") };
    let _child = started(script, tag, 1);
    println!("started");
    loop {
        thread::park();
    }
}
