//! `bench`, `report` and `compare`: real processes with the simulated engine. No test asserts a
//! rate.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use harmonic_api::Client;
use serde_json::Value;

use crate::harness::{Server, User, binary, ran, signal};

const QUICK: [&str; 5] = ["bench", "--quick", "--trials", "2", "--levels=1,4"];
const SIM: [&str; 4] = ["--stack", "starter", "--engine", "sim"];

fn up(user: &User) -> Server {
    Server::start(&mut user.harmonic(["up", "--port", "0"].into_iter().chain(SIM)))
}

fn ratios(text: &str) -> Vec<&str> {
    let rows = text.lines().filter(|line| line.trim_start().starts_with(char::is_numeric));
    rows.filter_map(|row| row.split_whitespace().last()).collect()
}

#[test]
fn the_papers_machines_side_by_side_in_either_order() {
    let user = User::new();
    let forward = user.run(["compare", "ryzen-ai-max-395", "dgx-spark"]);
    assert_eq!(
        ratios(&forward.out),
        ["1.28x", "1.09x", "1.54x", "0.58x", "1.47x", "0.73x", "–", "–", "–"]
    );
    assert!(forward.out.contains("tok/W are not compared"), "{forward:?}");
    let back = user.run(["compare", "dgx-spark", "ryzen-ai-max-395"]);
    assert_eq!(
        ratios(&back.out),
        ["0.78x", "0.92x", "0.65x", "1.72x", "0.68x", "1.36x", "–", "–", "–"]
    );
    let plot = user.home().join("curves.png");
    let drawn = plot.display().to_string();
    let plotted =
        user.run(["compare", "ryzen-ai-max-395", "dgx-spark", "--plot", &drawn, "--json"]);
    if cfg!(feature = "png") {
        plotted.json();
        assert_eq!(&fs::read(&plot).unwrap()[1..4], b"PNG");
    } else {
        plotted.refuses(&["compiled without the feature `png`"]);
    }
    // One sweet spot, wherever it is shown.
    for args in [
        vec!["report", "dgx-spark"],
        vec!["compare", "dgx-spark", "ryzen-ai-max-395"],
        vec!["plan", "--stack", "standard", "--hardware", "dgx-spark"],
    ] {
        let shown = user.run(args.iter().copied());
        assert!(shown.out.contains("sweet spot 16x"), "{args:?}: {shown:?}");
        assert!(!shown.out.contains("sweet spot 32x"), "{args:?}: {shown:?}");
    }
    let plot = user.home().join("curves.svg");
    let drawn = plot.display().to_string();
    user.run(["compare", "ryzen-ai-max-395", "dgx-spark", "--plot", &drawn, "--json"]).json();
    let svg = fs::read_to_string(&plot).unwrap();
    for name in [
        ">ryzen-ai-max-395: qwen3:4b on ARCY, an AMD Ryzen AI MAX+ 395<",
        ">dgx-spark: qwen3:4b on SPARKY, an NVIDIA DGX Spark<",
    ] {
        assert!(svg.contains(name), "{name}: {svg}");
    }
    user.run(["compare", "dgx-spark", "nowhere"]).refuses(&["`nowhere` is neither a profile"]);
    user.run(["compare", "dgx-spark"]).refuses_usage("2 values required");
}

#[test]
fn the_paper_is_reported_with_what_contradicts_it() {
    let user = User::new();
    let spark = user.run(["report", "dgx-spark"]);
    for said in ["308.2 ÷ 7.87 = 39.2 W", "10.3x of 16x", "334.1 ÷ 39 = 8.57 tok/W, not 8.82"] {
        assert!(spark.out.contains(said), "{said}: {spark:?}");
    }
    let x2 = user.run(["report", "ryzen-ai-max-395"]);
    assert!(x2.out.contains("69.3 ÷ 27.7 = 2.5x"), "{x2:?}");
    assert!(x2.out.contains("the 65 W are estimated"), "{x2:?}");
}

#[test]
fn a_run_leaves_a_folder_that_can_be_reported_and_compared() {
    let user = User::new();
    let folder = user.home().join("first").display().to_string();
    let run = user.run(QUICK.into_iter().chain(SIM).chain(["--out", &folder]));
    assert!(run.out.contains("sweet spot"), "{run:?}");
    assert!(run.err.contains("see report.html"), "{run:?}");
    let mut files: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut expected = vec!["levels.csv", "report.html", "report.md", "run.json", "scaling.svg"];
    if cfg!(feature = "png") {
        expected.insert(4, "scaling.png");
    }
    assert_eq!(files, expected);
    let record: Value =
        serde_json::from_str(&fs::read_to_string(format!("{folder}/run.json")).unwrap()).unwrap();
    let level = &record["series"][0]["levels"][1];
    assert_eq!((&level["parallel"], &level["trials"]), (&4.into(), &2.into()));
    assert_eq!(level["windows"].as_array().unwrap().len(), 2);
    assert!(record["environment"][0].as_str().unwrap().starts_with("harmonic "), "{record}");

    fs::remove_file(format!("{folder}/report.html")).unwrap();
    user.run(["report", &folder]);
    let page = fs::read_to_string(format!("{folder}/report.html")).unwrap();
    assert_eq!(page.matches(r#"class="point""#).count(), 2);
    let machine = record["machine"].as_str().unwrap();
    let title = format!("Stack starter on {machine}");
    assert!(page.contains(&format!("<title>{title}</title>")), "{page}");
    let rows = user.run(["report", &folder, "--benchy"]);
    assert!(rows.out.contains("tg160 (c4)"), "{rows:?}");
    let markdown = user.run(["report", &folder, "--markdown"]);
    assert!(markdown.out.contains("| Parallelism | tok/s ± 95% |"), "{markdown:?}");
    assert!(markdown.out.starts_with(&format!("# {title}")), "{markdown:?}");

    withheld_in_every_view(&user, &folder, record);

    let paper = user.run(["compare", &folder, "dgx-spark"]);
    assert_eq!(paper.code, Some(0), "{paper:?}");
    for word in
        ["first: smollm2:135m", "dgx-spark: qwen3:4b", "no ratio: these are different models"]
    {
        assert!(paper.out.contains(word), "{word}: {paper:?}");
    }
    let both = user.run(["compare", &folder, &folder]);
    assert!(both.out.contains("1.00x (") && both.out.contains("not told apart"), "{both:?}");
    user.run(["report", "/nonexistent"]).refuses(&["neither a profile of the paper nor a run"]);
    let broken = user.file("broken.json", "{}").display().to_string();
    user.run(["report", &broken]).refuses(&["is not a benchmark's record"]);
}

/// All views show the judgement that the record holds; a record from before there were caveats and
/// loads is read, too.
fn withheld_in_every_view(user: &User, folder: &str, mut record: Value) {
    let why = "the machine was busy: other programs used 0.98 of 2 CPUs at 4x";
    let verdict = &mut record["series"][0]["verdict"];
    verdict["caveats"] = serde_json::json!([{"kind": "busy", "message": why}]);
    for conclusion in ["peak", "sweet_spot", "cliff", "trend", "line", "law"] {
        verdict[conclusion] = Value::Null;
    }
    let busy = user.home().join("busy");
    fs::create_dir(&busy).unwrap();
    fs::write(busy.join("run.json"), record.to_string()).unwrap();
    let busy = busy.display().to_string();
    let shown = [
        user.run(["report", &busy]).out,
        user.run(["report", &busy, "--markdown"]).out,
        fs::read_to_string(format!("{busy}/report.html")).unwrap(),
        user.run(["compare", folder, &busy]).out,
    ];
    for text in shown {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let expected = format!("no sweet spot: {why}").to_lowercase();
        assert!(words.contains(&expected), "{text}");
    }

    let series = record["series"][0].as_object_mut().unwrap();
    series["verdict"].as_object_mut().unwrap().remove("caveats");
    for level in series["levels"].as_array_mut().unwrap() {
        level.as_object_mut().unwrap().remove("load");
    }
    record.as_object_mut().unwrap().remove("load_before");
    let old = user.file("old.json", record.to_string()).display().to_string();
    assert!(user.run(["report", &old]).out.contains("4x"));
}

#[test]
fn a_curve_is_forced_only_where_it_is_saved() {
    let user = User::new();
    user.run(["bench", "--force"]).refuses_usage("--save");
}

#[test]
fn the_papers_protocol_an_open_loop_and_a_whole_team() {
    let user = User::new();
    let server = up(&user);
    let at = |args: &[&str]| {
        let all = ["bench", "--target", &server.url, "--json", "--no-out"];
        ran(&mut user.harmonic(all.into_iter().chain(args.iter().copied()))).json()
    };
    let paper = at(&["--protocol", "paper", "--levels", "4,1", "--output-tokens", "20"]);
    assert_eq!(paper["protocol"], "paper");
    assert_eq!(paper["workload"]["order"], serde_json::json!([1, 4]));
    assert_eq!(paper["series"][0]["levels"][1]["requests"], 12);

    let team = at(&["--quick", "--team", "--levels", "4", "--trials", "1"]);
    assert_eq!(team["series"].as_array().unwrap().len(), 1);
    assert_eq!(team["series"][0]["agent"], Value::Null);
    let mut bare = user.harmonic(["bench", "--protocol", "open"]);
    ran(&mut bare).refuses_usage("--rate");
    user.run(["bench", "--rate", "2"]).refuses(&["--rate requires --protocol open"]);
    let both = ["bench", "--protocol", "open", "--rate", "2", "--levels", "1"];
    user.run(both).refuses_usage("cannot be used with");
}

#[test]
fn two_servers_in_turns_have_a_ratio() {
    let user = User::new();
    let (first, second) = (up(&user), up(&user));
    let args = ["--target", &first.url, "--against", &second.url, "--json"];
    let found = user.run(QUICK.into_iter().chain(args)).json();
    assert_eq!(found["schema"], "harmonic.against/1");
    let ratio = &found["ratios"][1];
    assert_eq!((&ratio["parallel"], &ratio["pairs"]), (&4.into(), &2.into()));
    assert!(ratio["ratio"]["ci95_low"].as_f64() < ratio["ratio"]["ci95_high"].as_f64(), "{ratio}");
}

#[test]
fn a_simulation_yields_no_curve() {
    let user = User::new();
    let run = user.run(QUICK.into_iter().chain(SIM).chain(["--save", "--no-out"]));
    run.refuses(&["no curve can be kept"]);
    let server = up(&user);
    let of_it = QUICK.into_iter().chain(["--target", &server.url, "--save", "--no-out"]);
    user.run(of_it).refuses(&["no curve can be kept"]);
    assert!(!user.home().join(".local/share/harmonic/curves").exists());
}

/// The server reports file and build, independent of the local store.
#[tokio::test]
async fn a_running_server_reports_its_model_and_build() {
    let listed = ran(&mut binary(["models", "list"]));
    let store = listed.err.lines().find_map(|line| line.strip_prefix("store: ")).unwrap();
    let user = User::new();
    let up = ["up", "--port", "0"].into_iter().chain(SIM);
    let server = Server::start(user.harmonic(up).env("HARMONIC_MODELS", store));
    let slots = Client::new(&server.url).unwrap().slots().await.unwrap().unwrap();
    let identity = slots[0].identity.clone();
    assert!(identity.digest.is_some(), "`make test` pulls smollm2:135m first: {identity:?}");
    assert!(identity.build.as_ref().unwrap().starts_with("sim/"), "{identity:?}");
    let bench = ["bench", "--quick", "--trials", "1", "--levels=1", "--target", &server.url];
    let run = user.run(bench.into_iter().chain(["--json", "--no-out"])).json();
    let key = &run["series"][0]["key"];
    assert_eq!(key["digest"].as_str(), identity.digest.as_deref());
    assert_eq!((&key["format"], &key["engine"]), (&identity.format.into(), &identity.build.into()));
}

/// Server that answers each connection once by its path, and reports each connection.
fn stranger(answer: fn(&str) -> Option<&'static str>) -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, asks) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap();
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let _ = asked.send(());
            match answer(head.split(' ').nth(1).unwrap_or_default()) {
                Some(body) => {
                    let length = body.len();
                    let (status, close) = ("HTTP/1.1 200 OK", "connection: close");
                    let head = format!("{status}\r\n{close}\r\ncontent-length: {length}\r\n\r\n");
                    let _ = stream.write_all((head + body).as_bytes());
                }
                None => kept.push(stream),
            }
        }
    });
    (url, asks)
}

#[test]
fn no_curve_is_saved_for_a_server_that_does_not_report_its_model() {
    let user = User::new();
    let (url, _asks) = stranger(|path| {
        Some(match path {
            "/v1/models" => r#"{"object": "list", "data": [{"id": "smollm2:135m"}]}"#,
            _ => "{}",
        })
    });
    let bench = user.run(["bench", "--quick", "--target", &url, "--save", "--no-out"]);
    bench.refuses(&["no curve can be kept of smollm2:135m", &url, "does not say"]);
}

#[test]
fn the_first_ctrl_c_ends_a_bench_whose_server_never_answers() {
    let user = User::new();
    let (url, asks) = stranger(|_| None);
    let mut bench = user.harmonic(["bench", "--quick", "--target", &url, "--no-out"]);
    let child = bench.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    asks.recv().unwrap();
    signal(&child, "INT");
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("stopped"), "{ended:?}");
}
