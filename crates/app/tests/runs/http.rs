//! Runs over HTTP: a server of a simulated team.

use futures::StreamExt;
use harmonic_api::Client;
use harmonic_api::runs::{BudgetBody, CreateRun, RunMode};
use harmonic_app::NoObserver;
use harmonic_app::listen::ListenConfig;
use harmonic_app::serve::TeamServer;

use crate::support::{GOAL, TOKENS, has_answer, settings, simulated};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_made_watched_shown_and_removed_over_http_and_survives_the_server() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let start = || async {
        let listen = ListenConfig::private().with_runs();
        TeamServer::start(simulated(&settings), listen, &settings, &NoObserver).await.unwrap()
    };
    let server = start().await;
    let client = Client::new(&server.url()).unwrap();
    let models = client.models().await.unwrap();
    assert!(models.iter().any(|name| name == "team"), "{models:?}");
    assert!(models.iter().any(|name| name == "team:split"), "{models:?}");
    assert_ne!(models[0], "team", "the first model is an agent's");
    let budget = Some(BudgetBody { tokens: Some(TOKENS), ..BudgetBody::default() });
    let mode = Some(RunMode::Team);
    let wanted = CreateRun { goal: GOAL.to_owned(), mode, budget, ..CreateRun::default() };
    let run = client.create_run(&wanted).await.unwrap();
    let mut events = client.run_events(&run.id, None).await.unwrap();
    while let Some(event) = events.next().await {
        event.unwrap();
    }
    assert!(has_answer(&client.run(&run.id).await.unwrap()));

    // Unfinished when the server stops: it goes on with the next one.
    let open = client.create_run(&wanted).await.unwrap();
    server.drain(std::time::Duration::ZERO).await.unwrap();
    let server = start().await;
    let client = Client::new(&server.url()).unwrap();
    let resumed = loop {
        let record = client.run(&open.id).await.unwrap();
        if has_answer(&record) {
            break record;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(resumed.goal, GOAL);
    assert_eq!(client.runs().await.unwrap().len(), 2);
    client.remove_run(&run.id).await.unwrap();
    assert_eq!(client.runs().await.unwrap().len(), 1);
    server.drain(std::time::Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_for_our_own_use_offers_no_runs_and_resumes_none() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let listen = ListenConfig::private();
    let server =
        TeamServer::start(simulated(&settings), listen, &settings, &NoObserver).await.unwrap();
    let client = Client::new(&server.url()).unwrap();
    assert!(client.runs().await.is_err());
    assert!(!client.models().await.unwrap().iter().any(|name| name.starts_with("team")));
    assert!(!settings.journals.exists());
    server.drain(std::time::Duration::ZERO).await.unwrap();
}
