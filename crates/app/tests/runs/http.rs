//! Runs over HTTP: a server of a simulated team.

use futures::StreamExt;
use harmonic_api::runs::{BudgetBody, CreateRun, RunMode};
use harmonic_api::{Client, TeamUpdate};
use harmonic_app::NoObserver;
use harmonic_app::listen::ListenConfig;
use harmonic_app::serve::TeamServer;
use harmonic_events::{RunStatus, TeamEvent};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_teams_stream_has_the_states_of_a_run_and_none_of_its_text() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let listen = ListenConfig::private().with_runs();
    let server =
        TeamServer::start(simulated(&settings), listen, &settings, &NoObserver).await.unwrap();
    let client = Client::new(&server.url()).unwrap();
    let mut events = client.events(None).await.unwrap();
    let budget = Some(BudgetBody { tokens: Some(TOKENS), ..BudgetBody::default() });
    let mode = Some(RunMode::Team);
    let wanted = CreateRun { goal: GOAL.to_owned(), mode, budget, ..CreateRun::default() };
    let run = client.create_run(&wanted).await.unwrap().id;
    let mut seen = Vec::new();
    let ended = loop {
        let TeamUpdate::Event(record) = events.next().await.unwrap().unwrap() else { continue };
        match record.event {
            TeamEvent::RunEnded { run: ended, state } if ended == run => break state,
            event @ (TeamEvent::RunStarted { .. }
            | TeamEvent::TaskOffered { .. }
            | TeamEvent::TaskStarted { .. }
            | TeamEvent::TaskEnded { .. }) => seen.push(event),
            _ => {}
        }
    };
    assert!(matches!(ended, RunStatus::Done | RunStatus::Partial), "{ended:?}");
    assert_eq!(seen[0], TeamEvent::RunStarted { run: run.clone() });
    let count = |name: &str| seen.iter().filter(|event| event.name() == name).count();
    assert!(count("task_offered") >= 4 && count("task_started") >= 4, "{seen:?}");
    assert_eq!(count("task_ended"), client.run(&run).await.unwrap().tasks.len(), "{seen:?}");
    let text = serde_json::to_string(&seen).unwrap();
    assert!(!text.contains("rivers") && !text.contains("Part"), "{text}");
    server.drain(std::time::Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_of_the_team_in_the_background_survives_its_client_and_the_server() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let start = || async {
        let listen = ListenConfig::private().with_runs();
        TeamServer::start(simulated(&settings), listen, &settings, &NoObserver).await.unwrap()
    };
    let server = start().await;
    // Also sets up TLS for the client below.
    Client::new(&server.url()).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = |url: String| {
        let http = http.clone();
        async move {
            let document = http.get(url).send().await.unwrap().json::<serde_json::Value>().await;
            document.unwrap()
        }
    };
    let body = serde_json::json!({
        "model": "team", "input": GOAL, "background": true, "max_output_tokens": 200,
    });
    let asked = http.post(format!("{}/v1/responses", server.url())).body(body.to_string());
    let begun: serde_json::Value = asked.send().await.unwrap().json().await.unwrap();
    assert_eq!(begun["status"], "queued", "{begun}");
    let path = format!("/v1/responses/{}", begun["id"].as_str().unwrap());
    server.drain(std::time::Duration::ZERO).await.unwrap();

    let server = start().await;
    let url = format!("{}{path}", server.url());
    let ended = loop {
        let now = read(url.clone()).await;
        match now["status"].as_str().unwrap() {
            "queued" | "in_progress" => {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            _ => break now,
        }
    };
    assert!(["completed", "incomplete"].contains(&ended["status"].as_str().unwrap()), "{ended}");
    assert!(ended["output"][0]["content"][0]["text"].is_string(), "{ended}");
    let rest = http.get(format!("{url}?stream=true&starting_after=1")).send().await.unwrap();
    let rest = rest.text().await.unwrap();
    let end = format!("event: response.{}\n", ended["status"].as_str().unwrap());
    assert!(rest.contains(&end) && rest.contains("\"sequence_number\":3"), "{rest}");

    let removed = http.delete(&url).send().await.unwrap();
    assert_eq!(removed.status(), 200);
    let client = Client::new(&server.url()).unwrap();
    assert_eq!(client.runs().await.unwrap().len(), 0);
    server.drain(std::time::Duration::ZERO).await.unwrap();
}
