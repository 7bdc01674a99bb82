//! Ctrl-C while the program waits for input that never arrives.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};

/// Longer than any machine needs; detects a program that does not end.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_second_interrupt_ends_the_program_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.json");
    mknodat(CWD, &plan, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let mut program = Command::new(env!("CARGO_BIN_EXE_harmonic"))
        .args(["up", "--plan"])
        .arg(&plan)
        .env("XDG_STATE_HOME", folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("XDG_CONFIG_HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let id = Pid::from_child(&program);
    let started = Instant::now();
    // Before the handler is installed, a signal ends the program at once; afterwards the first one
    // is not enough, because the program waits for a plan that never arrives.
    let status = loop {
        sleep(Duration::from_millis(200));
        match program.try_wait().expect("can be waited for") {
            Some(status) => break status,
            None if started.elapsed() > PATIENCE => {
                program.kill().expect("ends");
                panic!("it does not end");
            }
            None => kill_process(id, Signal::INT).expect("is told"),
        }
    };
    assert!(!status.success(), "{status}");
}
