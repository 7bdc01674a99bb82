//! `bench --workload run:RECIPE`: runs of a simulated team under load. No test asserts a rate.

use harmonic_api::Client;
use serde_json::Value;

use crate::harness::{Server, User};

const SIM: [&str; 4] = ["--stack", "starter", "--engine", "sim"];
const QUICK: [&str; 5] = ["bench", "--quick", "--trials", "2", "--levels=1,3"];

fn levels(run: &Value) -> &Vec<Value> {
    run["series"][0]["levels"].as_array().unwrap()
}

#[test]
fn runs_on_a_simulated_machine_of_the_paper_are_measured_and_reported() {
    let user = User::new();
    let out = user.home().join("measured").display().to_string();
    let words = ["--workload", "run:split", "--simulate", "ryzen-ai-max-395", "--stack", "starter"];
    let shown = user.run(QUICK.into_iter().chain(words).chain(["--out", &out]));
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for word in ["per hour", "makespan", "J/run", "real-time", "run:split: "] {
        assert!(shown.out.contains(word), "{word}: {shown:?}");
    }
    let run = user.run(["report", &out, "--json"]).json();
    assert_eq!(run["workload"]["runs"]["recipe"], "split");
    assert_eq!(run["workload"]["runs"]["real_time"]["makespan_ms"], 10_000.0);
    assert!(run["machine"].as_str().unwrap().contains("Ryzen AI MAX+ 395"), "{run}");
    for level in levels(&run) {
        let runs = &level["runs"];
        assert!(runs["per_hour"]["mean"].as_f64().unwrap() > 0.0, "{level}");
        assert!(runs["real_time"].is_boolean(), "{level}");
        assert!(level["e2e_ms"]["p50"].as_f64() >= level["ttft_ms"]["p50"].as_f64(), "{level}");
        assert_eq!((&level["failures"], &level["itl_ms"]), (&0.into(), &Value::Null));
        // What the host took is not what the machine would.
        assert_eq!((&runs["joules"], &level["power"]), (&Value::Null, &Value::Null));
    }
    let verdict = &run["series"][0]["verdict"];
    assert_eq!((&verdict["line"], &verdict["law"]), (&Value::Null, &Value::Null));
    for file in ["report.md", "report.html"] {
        let text = std::fs::read_to_string(user.home().join("measured").join(file)).unwrap();
        assert!(text.contains("makespan") && text.contains("runs of the recipe split"), "{file}");
    }
}

#[tokio::test]
async fn a_running_team_is_measured_and_keeps_none_of_the_runs() {
    let user = User::new();
    let up = ["up", "--port", "0"].into_iter().chain(SIM);
    let server = Server::start(&mut user.harmonic(up));
    let words = ["--workload", "run:vote", "--target", &server.url, "--json", "--no-out"];
    let run = user.run(QUICK.into_iter().chain(words)).json();
    assert_eq!(run["target"], server.url.as_str());
    assert_eq!(levels(&run).len(), 2);
    assert!(levels(&run).iter().all(|level| level["requests"].as_u64() > Some(0)), "{run}");
    let left = Client::new(&server.url).unwrap().runs().await.unwrap();
    assert_eq!(left, []);
}

#[test]
fn a_workload_that_is_none_is_refused_with_what_there_is() {
    let user = User::new();
    let unknown = user.run(["bench", "--workload", "run:splt", "--no-out"].into_iter().chain(SIM));
    unknown.refuses(&["there is no recipe `splt`", "`split`", "write-check"]);
    user.run(["bench", "--workload", "split"]).refuses_usage("expected run: and the name");
    user.run(["bench", "--workload", "run:"]).refuses_usage("expected run: and the name");
    let words = ["bench", "--workload", "run:split", "--save"];
    user.run(words).refuses_usage("--save");
    user.run(["bench", "--simulate", "abacus"]).refuses_usage("dgx-spark");
}
