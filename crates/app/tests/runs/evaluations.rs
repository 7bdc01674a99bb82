//! Evaluations through the gateway, of a team that is right as often as it is told to be.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use harmonic_api::runs::{CreateRun, RunChange};
use harmonic_api::{Client, RunNews};
use harmonic_app::eval::{self, EvalOptions, EvalReport, EvalRequest, EvalSubject};
use harmonic_app::runs::{NoTools, RunService, RunTeam, ServiceLimits, TeamMember};
use harmonic_app::{Event, NoObserver, Observer, Settings};
use harmonic_eval::{Arm, Suite};
use harmonic_gateway::{Access, AgentInfo, Config, ModelRegistry, RegisteredAgent, bind, serve};
use harmonic_orchestrator::RunEvent;
use harmonic_types::{Equality, Ruling, Tier, Tokens};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accurate_engine::{Accuracy, AccurateEngine};
use crate::support::settings;

const ITEMS: u32 = 16;

/// A server of a team.
struct Served {
    client: Client,
    /// Of answers to what is no item.
    gate: Arc<Notify>,
    _server: JoinSet<()>,
}

/// A team whose answers to the items of both own suites have the accuracies that a team wins one and
/// loses the other with.
fn engine() -> AccurateEngine {
    let breadth = Accuracy { solo: 0.2, team: 0.9 };
    let chain = Accuracy { solo: 0.9, team: 0.2 };
    let count = usize::try_from(ITEMS).unwrap();
    let items = |suite: Suite| suite.items(&[], count, 0).unwrap();
    AccurateEngine::new([(items(Suite::Breadth), breadth), (items(Suite::Chain), chain)])
}

async fn start(settings: &Settings) -> Served {
    let engine = Arc::new(engine());
    let member = |name: &str, tier| TeamMember {
        name: name.into(),
        tier,
        role: "works".to_owned(),
        prompt: "You work.".to_owned(),
        context: 8192,
        parameters: Some(135_000_000),
        engine: Arc::clone(&engine) as _,
    };
    let members = vec![member("executive", Tier::Executive), member("analyst", Tier::Specialists)];
    let registered = members.iter().map(|member| RegisteredAgent {
        name: member.name.clone(),
        role: member.role.clone(),
        model: "accurate".to_owned(),
        context: Tokens(member.context),
        info: AgentInfo::default(),
        engine: Arc::clone(&member.engine),
        team: None,
    });
    let models = ModelRegistry::new(registered.collect()).unwrap();
    let team = Arc::new(RunTeam::new("starter", members, 8).unwrap());
    let limits = ServiceLimits::default();
    let service = RunService::open(&settings.journals, team, Arc::new(NoTools), limits).unwrap();
    service.set_verdicts(settings.verdicts.clone());
    let models = models.with_runs(Arc::new(service));
    let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let client = Client::new(&format!("http://{}", listener.address())).unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let stopped = std::future::pending();
        serve(listener, models, Access::default(), Config::default(), stopped).await.unwrap();
    });
    Served { client, gate: Arc::clone(&engine.gate), _server: server }
}

fn options(arms: &[&str]) -> EvalOptions {
    EvalOptions {
        suites: Vec::new(),
        arms: arms.iter().map(|arm| (*arm).to_owned()).collect(),
        recipe: None,
        items: ITEMS,
        seed: 0,
        max_tokens: 256,
        allows_programs: false,
        saves: true,
    }
}

async fn evaluated(
    options: &EvalOptions,
    served: &Served,
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> (EvalReport, EvalSubject) {
    let request = EvalRequest::new(options).unwrap();
    let subject = EvalSubject::of(&served.client, Some("starter".to_owned())).await.unwrap();
    let evaluated =
        eval::evaluate(&request, &subject, &served.client, settings, observer, stop).await;
    (evaluated.unwrap(), subject)
}

/// Origin and first note of a run whose approach the server chooses.
async fn chosen(goal: &str, served: &Served) -> (String, String) {
    let wanted = CreateRun { goal: goal.to_owned(), task_tokens: Some(64), ..CreateRun::default() };
    let run = served.client.create_run(&wanted).await.unwrap();
    let mut notes = Vec::new();
    let mut events = served.client.run_events(&run.id, Some(0)).await.unwrap();
    loop {
        // Nothing is answered before somebody listens: an ended run tells no notes.
        let next = tokio::time::timeout(Duration::from_millis(5), events.next()).await;
        let Ok(next) = next else {
            served.gate.notify_waiters();
            continue;
        };
        let Some(news) = next else { break };
        if let RunNews::Update(update) = news.unwrap()
            && let RunChange::Run(RunEvent::Note { text }) = update.change
        {
            notes.push(text);
        }
    }
    let record = served.client.run(&run.id).await.unwrap();
    served.client.remove_run(&run.id).await.unwrap();
    (record.origin, notes.into_iter().next().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_wins_and_loses_where_its_accuracies_were_put_and_auto_follows_the_verdicts() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let served = start(&settings).await;
    let listed = "Answer these:\n- How many?\n- How much?";
    let (origin, note) = chosen("Work it out.", &served).await;
    assert!(origin == "recipe:split" && !note.contains("auto:"), "{origin}: {note}");

    let never = CancellationToken::new();
    let options = options(&["solo", "team"]);
    let (report, subject) = evaluated(&options, &served, &settings, &NoObserver, &never).await;
    assert_eq!(report.interrupted, None);
    for (suite, ruling) in [(0, Ruling::TeamBetter), (1, Ruling::SoloBetter)] {
        let suite = &report.suites[suite];
        assert_eq!((suite.done, suite.comparisons.len()), (ITEMS, 2), "{suite:?}");
        for found in &suite.comparisons {
            assert_eq!(found.ruling, Some(ruling), "{}: {found:?}", suite.suite);
            // A run's cost is in the record, and so are all answers of one agent.
            assert!(found.solo_answers >= 1.0 && found.arm == Arm::Team);
        }
        let figures = suite.arms.iter().map(|figures| figures.arm);
        assert_eq!(figures.collect::<Vec<_>>(), [Arm::Solo, Arm::Team]);
        assert!(suite.arms[1].tokens > suite.arms[0].tokens, "{suite:?}");
    }
    let tokens = report.suites[0].comparisons.iter().find(|one| one.equality == Equality::Tokens);
    assert!(tokens.unwrap().solo_answers > 1.5, "the tokens of a team bear several answers");
    assert_eq!(served.client.runs().await.unwrap(), [], "no run is left");

    let paths = eval::save(&report, &subject, &settings).unwrap();
    assert_eq!(paths.len(), 2, "{paths:?}");
    let (origin, note) = chosen("Work it out.", &served).await;
    assert_eq!(origin, "solo");
    assert!(note.starts_with("auto: solo, since `harmonic eval chain` on 20"), "{note}");
    let (origin, note) = chosen(listed, &served).await;
    assert_eq!(origin, "recipe:split");
    assert!(note.starts_with("auto: the recipe `split`, since `harmonic eval breadth`"), "{note}");
}

/// Requests a stop once some items are done.
struct Impatient(CancellationToken);

impl Observer for Impatient {
    fn event(&self, event: Event<'_>) {
        if let Event::Eval(progress) = event
            && progress.done.len() == 3
        {
            self.0.cancel();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_keeps_what_was_done_withholds_the_verdict_and_leaves_no_run() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let served = start(&settings).await;
    let stop = CancellationToken::new();
    let observer = Impatient(stop.clone());
    let options = options(&[]);
    let (report, subject) = evaluated(&options, &served, &settings, &observer, &stop).await;
    assert_eq!(report.interrupted.as_deref(), Some("stopped"));
    let [suite] = &report.suites[..] else { panic!("{report:?}") };
    assert_eq!((suite.done, suite.planned, suite.arms.len()), (3, ITEMS, 3));
    assert_eq!(suite.withheld.as_deref(), Some("3 of 16 items were done (stopped)"));
    assert!(suite.comparisons.iter().all(|found| found.ruling.is_none()), "{suite:?}");
    let error = eval::save(&report, &subject, &settings).unwrap_err().to_string();
    assert_eq!(error, "nothing is saved: no verdict is stated");
    assert!(!settings.verdicts.exists());
    assert_eq!(served.client.runs().await.unwrap(), []);
}
