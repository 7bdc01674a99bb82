//! Two teams that have one folder of runs.

use std::sync::Arc;

use harmonic_app::runs::{NoTools, ServiceLimits};
use harmonic_gateway::{Runs, RunsError};
use harmonic_orchestrator::{ApprovalId, Decision};
use harmonic_types::RunState;

use crate::support::{Team, ended, has_answer, new_run, nobody, split};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_another_team_drives_is_running_and_only_that_team_can_change_it() {
    let home = tempfile::tempdir().unwrap();
    let open = || Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default());
    let (driving, other) = (open().await, open().await);
    let mut new = new_run(split());
    new.request.budget.tokens = None;
    let id = driving.service.create_run(nobody(), new).await.unwrap().id;

    let service = &other.service;
    let shown = service.show(nobody(), id.clone()).await.unwrap();
    assert_eq!(shown.state, RunState::Running);
    assert_eq!(service.list(nobody(), 10).await.unwrap()[0].state, RunState::Running);
    let decision = service.decide(nobody(), id.clone(), ApprovalId(1), Decision::Approved, true);
    for refused in [
        service.stop(nobody(), id.clone()).await.unwrap_err(),
        service.resume(nobody(), id.clone()).await.unwrap_err(),
        service.remove(nobody(), id.clone()).await.unwrap_err(),
        service.events(nobody(), id.clone(), None).await.err().unwrap(),
        decision.await.unwrap_err(),
    ] {
        let RunsError::Conflict { message } = &refused else { panic!("{refused:?}") };
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    }

    let stopped = driving.service.stop(nobody(), id.clone()).await.unwrap();
    assert_eq!(stopped.state, RunState::Stopped);
    assert_eq!(service.show(nobody(), id.clone()).await.unwrap().state, RunState::Stopped);
    service.resume(nobody(), id.clone()).await.unwrap();
    assert!(has_answer(&ended(service, &nobody(), &id).await));
}
