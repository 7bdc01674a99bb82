//! API keys: creation, listing, removal, authentication.

use std::process::Stdio;

use harmonic_api::{Client, ClientError};

use crate::harness::{Server, User, ran};

#[test]
fn a_key_is_shown_once_and_its_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let user = User::new();
    let list = user.run(["keys", "list"]);
    assert_eq!((list.code, list.out.as_str()), (Some(0), ""));
    assert!(list.err.contains("harmonic keys add NAME"), "{list:?}");
    let key = user.run(["keys", "add", "laptop"]).out;
    let phone = user.run(["keys", "add", "phone", "--per-minute", "30", "--json"]).json();
    assert!(key.starts_with("hs-") && key.trim_end().len() == 67, "{key}");
    let path = user.home().join(".config/harmonic/keys.toml");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(!written.contains(key.trim_end()) && !written.contains(phone["key"].as_str().unwrap()));
    insta::assert_snapshot!(user.run(["keys", "list"]).out, @r#"
     key     requests per minute  approves commands
    ────────────────────────────────────────────────
     laptop             no limit  no
     phone                    30  no
    "#);
    user.run(["keys", "add", "phone"])
        .refuses(&["there is a key `phone` already", "keys rm phone"]);
    user.run(["keys", "add", ""]).refuses(&["invalid key name"]);
    user.run(["keys", "rm", "tablet"]).refuses(&["there is no key `tablet`", "laptop, phone"]);
    assert_eq!(user.run(["keys", "rm", "laptop"]).code, Some(0));
    let left = user.run(["keys", "list", "--json"]).json();
    assert_eq!(left["keys"].as_array().unwrap().len(), 1);
    assert_eq!(left["keys"][0]["name"], "phone");
}

/// Concurrent writers lose no key, and no removed key returns.
#[test]
fn concurrent_additions_and_removals_of_keys_are_all_applied() {
    let user = User::new();
    let all_at_once = |changes: Vec<[String; 2]>| {
        let started: Vec<_> = changes
            .iter()
            .map(|[verb, name]| {
                let mut command = user.harmonic(["keys", verb, name]);
                command.stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut child in started {
            assert!(child.wait().unwrap().success());
        }
    };
    let names = || {
        let list = user.run(["keys", "list", "--json"]).json();
        let keys = list["keys"].as_array().unwrap().iter();
        let mut names: Vec<_> = keys.map(|key| key["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let keys = |name: &str| (10..30).map(|n| format!("{name}-{n}")).collect::<Vec<_>>();
    let change = |verb: &str, name: String| [verb.to_owned(), name];
    all_at_once(keys("old").into_iter().map(|name| change("add", name)).collect());
    assert_eq!(names(), keys("old"));
    let removed = keys("old").into_iter().map(|name| change("rm", name));
    let added = keys("new").into_iter().map(|name| change("add", name));
    all_at_once(removed.zip(added).flat_map(|(rm, add)| [rm, add]).collect());
    assert_eq!(names(), keys("new"));
}

#[test]
fn network_addresses_require_keys() {
    let user = User::new();
    let up = ["up", "--stack", "minimal", "--engine", "sim", "--port", "0", "--host", "0.0.0.0"];
    user.run(up).refuses(&["there are no API keys", "harmonic keys add", "--without-keys"]);
    let open = Server::start(user.harmonic(up).arg("--without-keys"));
    open.signal("TERM");
    assert_eq!(open.end().code, Some(0));
    user.run(up.into_iter().chain(["--cors-origin", "chat.example"]).chain(["--without-keys"]))
        .refuses(&["invalid origin `chat.example`"]);
}

#[tokio::test]
async fn a_team_with_keys_requires_one_and_harmonic_commands_send_it() {
    let user = User::new();
    let key = user.run(["keys", "add", "laptop"]).out;
    let key = key.trim_end();
    let up = ["up", "--stack", "starter", "--engine", "sim", "--port", "0", "--host", "0.0.0.0"];
    let server = Server::start(&mut user.harmonic(up));
    let stranger = Client::new(&server.url).unwrap();
    let refused = stranger.models().await.unwrap_err();
    assert!(matches!(refused, ClientError::Status { status: 401, .. }), "{refused}");
    let ours = stranger.clone().with_key(key).unwrap();
    assert!(ours.models().await.unwrap().contains(&"coder".to_owned()));

    let chat = ["chat", "coder", "hello", "--url", &server.url];
    user.run(chat).refuses(&["requires an API key", "HARMONIC_API_KEY"]);
    let mut chat = user.harmonic(chat);
    assert_eq!(ran(chat.env("HARMONIC_API_KEY", key)).code, Some(0));
    let teams = user.run(["ps", "--json"]).json();
    assert_eq!(teams["teams"][0]["state"], "ok");

    // Effective from the next request, without a restart.
    let phone = user.run(["keys", "add", "phone"]).out;
    let other = stranger.clone().with_key(phone.trim_end()).unwrap();
    assert!(other.models().await.is_ok());
    user.run(["keys", "rm", "phone"]);
    let revoked = other.models().await.unwrap_err();
    assert!(matches!(revoked, ClientError::Status { status: 401, .. }), "{revoked}");
    assert!(ours.models().await.is_ok());

    server.signal("TERM");
    let ended = server.end();
    assert!(ended.err.contains("$HARMONIC_API_KEY"), "{ended:?}");
    assert!(!ended.err.contains(key) && !ended.out.contains(key), "{ended:?}");
}
