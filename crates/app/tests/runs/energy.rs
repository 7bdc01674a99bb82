//! Energy of runs on a team, from a recorded meter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use harmonic_app::runs::{RunEnergy, ServiceLimits};
use harmonic_engine::Engine;
use harmonic_types::{
    EnergyMeter, EnergyMethod, Joules, Message, MeterError, PowerScope, Request, RequestId, Role,
    Tokens, Watts,
};

use crate::support::{Team, ended, new_run, nobody, short};

const IDLE: f64 = 10.0;

/// A meter of a machine that takes the same power all the time.
struct Constant {
    since: Instant,
    watts: f64,
}

impl EnergyMeter for Constant {
    fn scope(&self) -> PowerScope {
        PowerScope::System
    }

    fn method(&self) -> EnergyMethod {
        EnergyMethod::Counter
    }

    fn total(&self) -> Result<Joules, MeterError> {
        Ok(Joules(self.since.elapsed().as_secs_f64() * self.watts))
    }
}

async fn team(home: &std::path::Path) -> (Team, Arc<Constant>) {
    let tools = Arc::new(harmonic_app::runs::NoTools);
    let team = Team::open(home, tools, ServiceLimits::default()).await;
    let meter = Arc::new(Constant { since: Instant::now(), watts: IDLE + 50.0 });
    let engines: Vec<Arc<dyn Engine>> =
        team.deployment.engines().map(|(_, engine)| Arc::clone(engine)).collect();
    let in_flight = move || {
        let agents = engines.iter().flat_map(|engine| engine.status().agents);
        agents.map(|agent| agent.in_flight).sum()
    };
    let energy = RunEnergy::new(Arc::clone(&meter) as _, Watts(IDLE), in_flight);
    team.service.set_energy(Arc::new(energy));
    (team, meter)
}

fn foreign(id: u64) -> Request {
    let messages = vec![Message::new(Role::User, format!("question {id}"))];
    let request = Request::new(RequestId(id), "analyst".into(), messages);
    Request { ignore_eos: true, max_tokens: Some(Tokens(400)), ..request }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_beside_foreign_requests_take_a_part_of_what_the_meter_counts() {
    let home = tempfile::tempdir().unwrap();
    let (team, meter) = team(home.path()).await;
    let (_, engine) = team.deployment.engines().next().unwrap();
    let net = |since: Joules, from: Instant| {
        meter.total().unwrap().0 - since.0 - from.elapsed().as_secs_f64() * IDLE
    };
    let (total, from) = (meter.total().unwrap(), Instant::now());
    let run = team.service.create_run(nobody(), new_run(short())).await.unwrap();
    let alone = ended(&team.service, &nobody(), &run.id).await.spent.joules.unwrap().0;
    assert!(alone > 0.0 && alone <= net(total, from), "{alone} J");

    let mut others = Vec::new();
    for id in 1..=4 {
        others.push(engine.submit(foreign(id)).await.unwrap());
    }
    let (total, from) = (meter.total().unwrap(), Instant::now());
    let mut runs = Vec::new();
    for _ in 0..2 {
        runs.push(team.service.create_run(nobody(), new_run(short())).await.unwrap());
    }
    let mut joules = 0.0;
    for run in runs {
        let record = ended(&team.service, &nobody(), &run.id).await;
        joules += record.spent.joules.unwrap().0;
        let of_tasks: f64 =
            record.tasks.iter().filter_map(|task| task.spent.joules).map(|joules| joules.0).sum();
        assert!((of_tasks - record.spent.joules.unwrap().0).abs() < 0.01, "{record:?}");
    }
    assert!(joules > 0.0 && joules <= net(total, from), "{joules} J");
    drop(others);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_ended_in_the_middle_has_its_energy_all_the_same() {
    use harmonic_gateway::Runs;

    let home = tempfile::tempdir().unwrap();
    let (team, _) = team(home.path()).await;
    let mut new = new_run(crate::support::split());
    new.request.budget.tokens = None;
    let run = team.service.create_run(nobody(), new).await.unwrap();
    loop {
        let record = team.service.show(nobody(), run.id.clone()).await.unwrap();
        let (_, engine) = team.deployment.engines().next().unwrap();
        let in_flight: u32 = engine.status().agents.iter().map(|agent| agent.in_flight).sum();
        if in_flight > 0 {
            assert_eq!(record.spent.joules, None, "no call has ended");
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    team.service.stop(nobody(), run.id.clone()).await.unwrap();
    let record = team.service.show(nobody(), run.id).await.unwrap();
    assert!(record.spent.joules.unwrap().0 > 0.0, "{record:?}");
}
