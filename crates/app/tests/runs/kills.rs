//! `kill -9` of a process that drives a run with tools, at random moments: the run ends as the
//! undisturbed one, and no tool with effects is called twice.
//!
//! The agents answer as in a recorded run. A person agrees to the calls of the tool, looks whether
//! one has happened that the crash left in doubt, and has it made again only where it has not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use harmonic_api::runs::RunApproach;
use harmonic_app::runs::{RunService, ServiceLimits};
use harmonic_gateway::Runs;
use harmonic_journal::{Limits, Store};
use harmonic_orchestrator::{ApprovalSubject, AskPolicy, Decision};
use harmonic_types::{RunId, RunRecord, RunState, TaskRecord, TaskState, ToolEffects};

use crate::journals::{JournalledRun, rewrite};
use crate::recorded_team::recorded_service;
use crate::support::{Team, ended, has_answer, new_run, nobody, rested, settings};
use crate::tool_calls::{Ledger, ledger_graph};

/// Variables that make this program drive the run of a folder: the folder, that of the recorded run,
/// and whether a person answers.
const FOLDER: &str = "HARMONIC_TEST_RUN_FOLDER";
const RECORDED: &str = "HARMONIC_TEST_RECORDED_FOLDER";
const ANSWERS: &str = "HARMONIC_TEST_ANSWERS";

/// Calls of the tool in a run.
const CALLS: u32 = 4;

fn ledger(home: &Path) -> Ledger {
    Ledger {
        file: home.join("ledger"),
        effects: ToolEffects::Writing,
        pause: Duration::from_millis(3),
        granted: false,
    }
}

/// A run of the simulated team to record.
async fn record(home: &Path) -> RunRecord {
    let team = Team::open(home, Arc::new(ledger(home)), ServiceLimits::default()).await;
    let id = create(&team.service).await;
    let record = answered(&team.service, &id, home).await;
    assert!(has_answer(&record), "{record:?}");
    assert_eq!(effects(home).len(), CALLS as usize);
    record
}

async fn create(service: &RunService) -> RunId {
    let mut new = new_run(RunApproach::Plan(ledger_graph(CALLS)));
    new.request.ask = AskPolicy::Write;
    // What is left of a budget depends on what was lost.
    new.request.budget.tokens = None;
    service.create_run(nobody(), new).await.unwrap().id
}

fn only_run(home: &Path) -> Option<RunId> {
    let store = Store::open(&settings(home).journals, Limits::default()).unwrap();
    Some(store.list().unwrap().runs.first()?.header.run.clone())
}

fn recorded(home: &Path) -> JournalledRun {
    JournalledRun::read(&settings(home).journals, &only_run(home).unwrap())
}

/// Follows a run to its end, as a person who answers its questions.
async fn answered(service: &RunService, id: &RunId, home: &Path) -> RunRecord {
    loop {
        let record = service.show(nobody(), id.clone()).await.unwrap();
        if !matches!(record.state, RunState::Running | RunState::WaitingForApproval) {
            return (*record).clone();
        }
        for approval in service.approvals(nobody(), id.clone()).await.unwrap() {
            let is_needed = match &approval.subject {
                ApprovalSubject::Tool { .. } => true,
                ApprovalSubject::Repeat { arguments, .. } => !effects(home).contains(arguments),
                other => panic!("{other:?}"),
            };
            let decision = if is_needed { Decision::Approved } else { Decision::Denied };
            // It may have been withdrawn meanwhile.
            let _ = service.decide(nobody(), id.clone(), approval.id, decision, false).await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Drives the run of `home`, which is started if there is none, to its end or until a question that
/// nobody answers.
async fn drive(home: &Path, recorded: &JournalledRun, answers: bool) -> RunRecord {
    let service = recorded_service(home, recorded, Arc::new(ledger(home)));
    service.recover().await;
    let listed = service.list(nobody(), 2).await.unwrap();
    let id = match listed.first() {
        Some(run) => run.id.clone(),
        None => create(&service).await,
    };
    if answers { answered(&service, &id, home).await } else { std::future::pending().await }
}

/// Not a test of its own: what the processes do that are killed.
#[tokio::test(flavor = "multi_thread")]
async fn child_drives_the_run_of_its_folder() {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let (Some(folder), Some(undisturbed)) = (variable(FOLDER), variable(RECORDED)) else { return };
    drive(&folder, &recorded(&undisturbed), variable(ANSWERS).is_some()).await;
}

fn child(folder: &Path, recorded: &Path, answers: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kills::child_drives_the_run_of_its_folder"]);
    command.env(FOLDER, folder).env(RECORDED, recorded);
    if answers {
        command.env(ANSWERS, "1");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// What the tool has done, each call once.
fn effects(home: &Path) -> BTreeSet<String> {
    let lines = ledger(home).lines();
    let different: BTreeSet<String> = lines.iter().cloned().collect();
    assert_eq!(different.len(), lines.len(), "{lines:?}");
    different
}

/// Kills processes that drive runs, `kills` in all.
fn kill_again_and_again(kills: u32) {
    let undisturbed = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let expected = runtime.block_on(record(undisturbed.path()));
    let recorded = recorded(undisturbed.path());
    let (mut killed, mut whole, mut in_doubt) = (0, 0, 0);
    let mut random = u64::from(std::process::id());
    while killed < kills {
        let folder = tempfile::tempdir().unwrap();
        loop {
            let mut process = child(folder.path(), undisturbed.path(), true);
            // Any sequence does: the moments are those of the processes.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            std::thread::sleep(Duration::from_millis((random >> 33) % 150));
            if killed == kills {
                process.wait().unwrap();
            }
            if process.try_wait().unwrap().is_some() {
                break;
            }
            process.kill().unwrap();
            process.wait().unwrap();
            killed += 1;
            effects(folder.path());
        }
        let record = runtime.block_on(drive(folder.path(), &recorded, true));
        if is_as_undisturbed(folder.path(), &record, &expected) {
            whole += 1;
        } else {
            in_doubt += 1;
        }
        runtime.block_on(assert_replays(folder.path(), &recorded, &record));
    }
    assert!(whole > 0, "{killed} kills: {whole} as undisturbed, {in_doubt} in doubt");
}

/// Whether a run has ended as the undisturbed one. Otherwise it lacks nothing but the result of
/// calls that have happened and whose result was lost, and what was made of that.
fn is_as_undisturbed(home: &Path, record: &RunRecord, expected: &RunRecord) -> bool {
    let effects = effects(home);
    let ended = |record: &RunRecord| {
        let tasks = record.tasks.iter();
        let tasks = tasks.map(|task| (task.title.clone(), task.state, task.text.clone()));
        (record.state.clone(), record.answer.clone(), tasks.collect::<Vec<_>>())
    };
    assert_eq!(effects.len(), CALLS as usize, "{record:?}");
    if ended(record) == ended(expected) {
        return true;
    }
    assert!(matches!(record.state, RunState::Partial { .. }), "{record:?}");
    let failed: Vec<_> = record.tasks.iter().filter(|task| task.state != TaskState::Done).collect();
    let of_tools = failed.iter().filter(|task| task.kind == "tool").count();
    // Where no result is there, nothing is left to sum up.
    let is_explained = |task: &&&TaskRecord| {
        task.kind == "tool" || (of_tools == CALLS as usize && task.state == TaskState::Skipped)
    };
    assert!(
        of_tools > 0 && failed.iter().filter(is_explained).count() == failed.len(),
        "{record:?}"
    );
    for (task, expected) in record.tasks.iter().zip(&expected.tasks) {
        let is_last = task.title == "Sum up";
        assert!(is_last || task.state != TaskState::Done || task.text == expected.text);
    }
    false
}

async fn assert_replays(home: &Path, recorded: &JournalledRun, record: &RunRecord) {
    let service = recorded_service(home, recorded, Arc::new(ledger(home)));
    let replay = service.replay(nobody(), record.id.clone()).await.unwrap();
    assert_eq!(replay.difference, None);
    assert_eq!((&replay.recorded, &replay.replayed), (record, record));
}

#[test]
fn a_run_survives_20_kills_at_random_moments_without_a_second_effect() {
    kill_again_and_again(20);
}

#[test]
#[ignore = "200 kills take a minute: `make test-real`"]
fn a_run_survives_200_kills_at_random_moments_without_a_second_effect() {
    kill_again_and_again(200);
}

/// Kills a process whose run waits for a person; the folder of the run and that of the recorded one.
fn killed_while_it_waits() -> (tempfile::TempDir, tempfile::TempDir) {
    let (undisturbed, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(record(undisturbed.path()));
    let mut process = child(folder.path(), undisturbed.path(), false);
    let store = Store::open(&settings(folder.path()).journals, Limits::default()).unwrap();
    loop {
        let listing = store.list().unwrap();
        let summary = listing.runs.first().and_then(|run| run.summary.clone());
        if summary.is_some_and(|summary| summary.detail["state"] == "waiting_for_approval") {
            break;
        }
        assert!(process.try_wait().unwrap().is_none(), "the process has ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(effects(folder.path()), BTreeSet::new());
    (folder, undisturbed)
}

#[test]
fn questions_are_answered_after_the_process_that_asked_them_was_killed() {
    let (folder, undisturbed) = killed_while_it_waits();
    let (home, recorded) = (folder.path(), recorded(undisturbed.path()));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let service = recorded_service(home, &recorded, Arc::new(ledger(home)));
        assert_eq!(service.recover().await, 1);
        let id = only_run(home).unwrap();
        let open = service.approvals(nobody(), id.clone()).await.unwrap();
        assert_eq!(open.len(), CALLS as usize);
        for approval in open {
            let yes = Decision::Approved;
            service.decide(nobody(), id.clone(), approval.id, yes, false).await.unwrap();
        }
        let record = ended(&service, &nobody(), &id).await;
        assert!(has_answer(&record), "{record:?}");
        assert_eq!(effects(home).len(), CALLS as usize);
    });
}

/// The clock jumps, too: the process that goes on has one that is an hour behind, or ahead.
#[test]
fn questions_that_nobody_answers_are_a_no_whatever_the_clock_says() {
    let (folder, undisturbed) = killed_while_it_waits();
    let recorded = recorded(undisturbed.path());
    let id = only_run(folder.path()).unwrap();
    let hour: i64 = 3_600_000;
    for jump in [-hour, 0, hour] {
        let home = tempfile::tempdir().unwrap();
        let journals = |home: &Path| settings(home).journals;
        rewrite(&journals(folder.path()), &journals(home.path()), &id, |opened| {
            let started = &mut opened["spec"]["started_ms"];
            *started = (started.as_i64().unwrap() + jump).into();
            opened["spec"]["limits"]["approval_ms"] = 40.into();
        });
        let record = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let ledger = Arc::new(ledger(home.path()));
            let service = recorded_service(home.path(), &recorded, ledger);
            assert_eq!(service.recover().await, 1);
            let record = rested_without_an_answer(&service, &id).await;
            let replay = service.replay(nobody(), id.clone()).await.unwrap();
            assert_eq!(replay.difference, None);
            record
        });
        assert_eq!(effects(home.path()), BTreeSet::new());
        let RunState::Partial { reason } = &record.state else { panic!("{record:?}") };
        assert!(reason.contains("Add 0"), "{reason}");
        let tools = record.tasks.iter().filter(|task| task.kind == "tool");
        assert!(tools.clone().count() > 0);
        assert!(tools.clone().all(|task| task.state == TaskState::Failed), "{record:?}");
    }
}

async fn rested_without_an_answer(service: &RunService, id: &RunId) -> RunRecord {
    loop {
        let record = rested(service, &nobody(), id).await;
        if record.state != RunState::WaitingForApproval {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The limit on the size of files stands for a full disk.
#[test]
fn a_run_whose_disk_is_full_is_interrupted_and_goes_on_when_there_is_room() {
    let (undisturbed, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let expected = runtime.block_on(record(undisturbed.path()));
    let recorded = recorded(undisturbed.path());
    // Units of 512 bytes: room for the first entry, and for more each time.
    let journal = settings(undisturbed.path()).journals.join(&recorded.spec.id.0);
    let journal = std::fs::read_to_string(journal.join("journal.jsonl")).unwrap();
    let first: usize = journal.lines().take(2).map(str::len).sum();
    for part in [3, 2] {
        let limit = (first + (journal.len() - first) / part).div_ceil(512);
        let mut shell = Command::new("sh");
        let script = format!("trap '' XFSZ\nulimit -f {limit}\nexec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(std::env::current_exe().unwrap());
        shell.args(["--exact", "kills::child_drives_the_run_of_its_folder"]);
        shell.env(FOLDER, folder.path()).env(RECORDED, undisturbed.path()).env(ANSWERS, "1");
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(shell.status().unwrap().success());
        let stopped = runtime.block_on(async {
            let tools = Arc::new(ledger(folder.path()));
            let service = recorded_service(folder.path(), &recorded, tools);
            let id = only_run(folder.path()).unwrap();
            service.show(nobody(), id).await.unwrap()
        });
        assert_eq!(stopped.state, RunState::Stopped, "the disk held all of it");
    }
    let record = runtime.block_on(drive(folder.path(), &recorded, true));
    is_as_undisturbed(folder.path(), &record, &expected);
}
