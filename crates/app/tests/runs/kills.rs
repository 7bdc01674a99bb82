//! `kill -9` of a process that drives a run, at random moments: the run ends as an undisturbed one,
//! and no tool with effects is called twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use harmonic_api::runs::RunApproach;
use harmonic_app::runs::ServiceLimits;
use harmonic_gateway::Runs;
use harmonic_orchestrator::{ApprovalSubject, AskPolicy, Decision};
use harmonic_types::{RunRecord, RunState, TaskState, ToolEffects};

use crate::support::{Team, has_answer, new_run, nobody, rested};
use crate::tool_calls::{Ledger, ledger_graph};

/// Variable that makes this program drive a run in a folder until it ends.
const FOLDER: &str = "HARMONIC_TEST_RUN_FOLDER";

/// Calls of the tool in a run.
const CALLS: u32 = 4;

/// Processes that are killed.
const KILLS: u64 = 30;

fn ledger(home: &Path) -> Ledger {
    Ledger {
        file: home.join("ledger"),
        effects: ToolEffects::Writing,
        pause: Duration::from_millis(3),
        granted: true,
    }
}

/// Drives the run of `home`, which is started if there is none, to its end.
async fn drive(home: &Path) -> RunRecord {
    let team = Team::open(home, Arc::new(ledger(home)), ServiceLimits::default()).await;
    let service = &team.service;
    service.recover().await;
    let listed = service.list(nobody(), 2).await.unwrap();
    let id = if let Some(run) = listed.first() {
        run.id.clone()
    } else {
        let mut new = new_run(RunApproach::Plan(ledger_graph(CALLS)));
        new.request.ask = AskPolicy::Never;
        service.create_run(nobody(), new).await.unwrap().id
    };
    loop {
        let record = rested(service, &nobody(), &id).await;
        if record.state != RunState::WaitingForApproval {
            return record;
        }
        // The process ended between the effect and its result: a person looks, and says no.
        for approval in service.approvals(nobody(), id.clone()).await.unwrap() {
            assert!(matches!(approval.subject, ApprovalSubject::Repeat { .. }), "{approval:?}");
            let no = Decision::Denied;
            service.decide(nobody(), id.clone(), approval.id, no, false).await.unwrap();
        }
    }
}

/// Not a test of its own: what the processes do that are killed.
#[tokio::test(flavor = "multi_thread")]
async fn child_drives_the_run_of_its_folder() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let record = drive(&PathBuf::from(folder)).await;
    assert_ne!(record.state, RunState::Running);
}

fn child(folder: &Path) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kills::child_drives_the_run_of_its_folder"]);
    command.env(FOLDER, folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn a_run_survives_kills_at_random_moments_without_a_second_effect() {
    let undisturbed = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let expected = runtime.block_on(drive(undisturbed.path()));
    assert!(has_answer(&expected), "{expected:?}");
    let mut ended_alone = 0;
    let mut folder = tempfile::tempdir().unwrap();
    let mut random = u64::from(std::process::id());
    for _ in 0..KILLS {
        // Any sequence does: the moments are those of the processes.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut process = child(folder.path());
        std::thread::sleep(Duration::from_millis((random >> 33) % 400));
        if process.try_wait().unwrap().is_some() {
            ended_alone += 1;
            check(&runtime, folder.path(), &expected);
            folder = tempfile::tempdir().unwrap();
            continue;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        no_effect_twice(folder.path());
    }
    child(folder.path()).wait().unwrap();
    check(&runtime, folder.path(), &expected);
    assert!(ended_alone < KILLS, "no process was killed while it drove its run");
}

fn no_effect_twice(folder: &Path) -> usize {
    let lines = ledger(folder).lines();
    let different: BTreeSet<&String> = lines.iter().collect();
    assert_eq!(different.len(), lines.len(), "{lines:?}");
    lines.len()
}

fn check(runtime: &tokio::runtime::Runtime, folder: &Path, expected: &RunRecord) {
    let record = runtime.block_on(drive(folder));
    let effects = no_effect_twice(folder);
    // A call that may have happened, and that a person did not let be repeated.
    let is_incomplete = record.tasks.iter().any(|task| task.state == TaskState::Failed);
    if is_incomplete {
        assert!(matches!(record.state, RunState::Partial { .. }), "{record:?}");
    } else {
        assert_eq!((&record.state, &record.answer), (&expected.state, &expected.answer));
        assert_eq!(effects, CALLS as usize);
    }
}
