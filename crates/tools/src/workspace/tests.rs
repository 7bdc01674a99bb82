use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use super::*;

struct Place {
    folder: tempfile::TempDir,
    outside: tempfile::TempDir,
    workspace: Arc<Workspace>,
}

impl Place {
    fn new() -> Self {
        let (folder, outside) =
            (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("one"));
        fs::write(outside.path().join("secret"), "SECRET").expect("written");
        let workspace = Arc::new(Workspace::open(folder.path()).expect("a folder"));
        Self { folder, outside, workspace }
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("made");
        fs::write(path, content).expect("written");
    }

    fn get(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).expect("readable")
    }

    fn call(&self, tool: &str, arguments: Value) -> ToolOutput {
        self.call_within(tool, arguments, CallLimits::default()).expect("a result")
    }

    fn call_within(
        &self,
        tool: &str,
        arguments: Value,
        limits: CallLimits,
    ) -> Result<ToolOutput, ToolError> {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let cancel = CancellationToken::new();
        let tool = format!("workspace.{tool}");
        runtime.expect("a runtime").block_on(self.workspace.call(&tool, arguments, limits, &cancel))
    }

    fn ok(&self, tool: &str, arguments: Value) -> String {
        let output = self.call(tool, arguments);
        assert!(!output.is_error, "{}", output.text);
        output.text
    }

    fn refused(&self, tool: &str, arguments: Value) -> String {
        let output = self.call(tool, arguments);
        assert!(output.is_error, "{}", output.text);
        output.text
    }
}

#[test]
fn files_are_listed_read_searched_written_and_edited() {
    let place = Place::new();
    place.put("src/main.rs", "fn main() {\n    todo!()\n}\n");
    place.put("readme.md", "hello");
    assert_eq!(place.ok("list", json!({})), "readme.md (5 bytes)\nsrc/\n");
    assert_eq!(
        place.ok("list", json!({"depth": 2})),
        "readme.md (5 bytes)\nsrc/\nsrc/main.rs (26 bytes)\n"
    );
    assert_eq!(place.ok("list", json!({"path": "src/"})), "src/main.rs (26 bytes)\n");
    assert_eq!(place.ok("read", json!({"path": "./readme.md"})), "hello");
    assert_eq!(place.ok("search", json!({"pattern": "todo!()"})), "src/main.rs:2:     todo!()\n");
    assert_eq!(
        place.ok("search", json!({"pattern": "^FN \\w+", "regex": true, "case_sensitive": false})),
        "src/main.rs:1: fn main() {\n"
    );
    assert_eq!(place.ok("search", json!({"pattern": "nothing"})), "[no line matches]\n");
    assert_eq!(
        place.ok("write", json!({"path": "a/b/new.txt", "content": "ä"})),
        "wrote `a/b/new.txt`, 2 bytes"
    );
    assert_eq!(place.get("a/b/new.txt"), "ä");
    place.ok("replace", json!({"path": "src/main.rs", "old": "todo!()", "new": "run()"}));
    assert_eq!(place.get("src/main.rs"), "fn main() {\n    run()\n}\n");
    let found = place.refused("replace", json!({"path": "src/main.rs", "old": "n", "new": "m"}));
    assert!(found.contains("stands in 3 places"), "{found}");
    place.ok("replace", json!({"path": "readme.md", "old": "l", "new": "L", "all": true}));
    assert_eq!(place.get("readme.md"), "heLLo");
    let names: Vec<_> = fs::read_dir(place.folder.path())
        .expect("one")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(names.len(), 3, "a staged file was left: {names:?}");
}

#[test]
fn a_file_is_read_in_parts_that_end_between_characters() {
    let place = Place::new();
    place.put("a", "aäöüb");
    let read = |offset: u64, length: u64| {
        place.ok("read", json!({"path": "a", "offset": offset, "length": length}))
    };
    assert_eq!(read(0, 4), "aä\n[bytes 0 to 3 of 8; read on with offset 3]");
    assert_eq!(read(3, 100), "öüb\n[bytes 3 to 8 of 8]");
    assert_eq!(read(2, 3), "ö\n[bytes 3 to 5 of 8; read on with offset 5]");
    assert_eq!(read(8, 1), "\n[bytes 8 to 8 of 8]");
    assert!(place.refused("read", json!({"path": "a", "offset": 9})).contains("beyond the end"));
    place.put("large", "x".repeat(1 << 20));
    let part = place.ok("read", json!({"path": "large"}));
    assert!(part.len() <= 64 << 10 && part.contains("read on with offset"), "{}", part.len());
}

#[test]
fn paths_that_lead_out_are_refused() {
    let place = Place::new();
    let secret = place.outside.path().join("secret");
    let secret = secret.to_str().expect("UTF-8");
    let name = place.outside.path().file_name().expect("one").to_str().expect("UTF-8");
    for path in [
        secret.to_owned(),
        format!("../{name}/secret"),
        format!("a/../../{name}/secret"),
        "/etc/passwd".to_owned(),
        "..".to_owned(),
        "a\0b".to_owned(),
        "x".repeat(5000),
        "a/".repeat(400),
    ] {
        for (tool, arguments) in [
            ("read", json!({"path": path})),
            ("list", json!({"path": path})),
            ("search", json!({"path": path, "pattern": "S"})),
            ("write", json!({"path": path, "content": "x"})),
            ("replace", json!({"path": path, "old": "S", "new": "x"})),
        ] {
            let found = place.refused(tool, arguments);
            assert!(found.starts_with("invalid path"), "{tool} {path:?}: {found}");
            assert!(!found.contains("SECRET"));
        }
    }
    assert_eq!(fs::read_to_string(secret).expect("there"), "SECRET");
}

#[test]
fn links_that_lead_out_are_not_followed() {
    let place = Place::new();
    let inside = |name: &str| place.folder.path().join(name);
    symlink(place.outside.path(), inside("folder")).expect("a link");
    symlink(place.outside.path().join("secret"), inside("file")).expect("a link");
    symlink("folder", inside("twice")).expect("a link");
    symlink("loop", inside("loop")).expect("a link");
    symlink("/proc/self/environ", inside("environ")).expect("a link");
    place.put("real/in", "IN");
    symlink("real", inside("within")).expect("a link");
    for path in ["folder/secret", "file", "twice/secret", "loop", "environ"] {
        let found = place.refused("read", json!({"path": path}));
        assert!(!found.contains("SECRET"), "{found}");
    }
    assert_eq!(place.ok("read", json!({"path": "within/in"})), "IN");
    for path in ["folder", "twice"] {
        place.refused("list", json!({"path": path}));
        place.refused("search", json!({"path": path, "pattern": "S"}));
    }
    let all = place.ok("search", json!({"pattern": "SECRET"}));
    assert_eq!(all, "[no line matches]\n");
    assert!(place.ok("list", json!({"depth": 9})).contains("folder (link)"));
    for path in ["file", "folder/new", "folder/secret", "twice/new", "loop"] {
        place.refused("write", json!({"path": path, "content": "x"}));
    }
    place.refused("replace", json!({"path": "file", "old": "SECRET", "new": "x"}));
    let left: Vec<_> = fs::read_dir(place.outside.path()).expect("one").flatten().collect();
    assert_eq!(left.len(), 1, "something was written outside");
    assert_eq!(fs::read_to_string(place.outside.path().join("secret")).expect("there"), "SECRET");
}

#[test]
fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
    let place = Place::new();
    place.put("a/secret", "mine");
    let folder = place.folder.path().to_owned();
    let outside = place.outside.path().to_owned();
    symlink(&outside, folder.join("b")).expect("a link");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, folder.join("a"), CWD, folder.join("b"), RenameFlags::EXCHANGE)
                    .expect("swapped");
            }
        });
        for round in 0..300 {
            let read = place.call("read", json!({"path": "a/secret"}));
            assert_ne!(read.text, "SECRET");
            let found = place.call("search", json!({"pattern": "SECRET"}));
            assert!(!found.text.contains("secret:1"), "{}", found.text);
            place.call("write", json!({"path": format!("a/new{}", round % 3), "content": "x"}));
        }
        done.store(true, Ordering::Relaxed);
    });
    let left: Vec<_> = fs::read_dir(place.outside.path()).expect("one").flatten().collect();
    assert_eq!(left.len(), 1, "something was written outside");
}

#[test]
fn only_regular_files_are_opened() {
    let place = Place::new();
    let pipe = place.folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(place.folder.path().join("socket"));
    for path in ["pipe", "socket"] {
        let found = place.refused("read", json!({"path": path}));
        assert!(found.contains("no regular file"), "{found}");
        place.refused("write", json!({"path": path, "content": "x"}));
        place.refused("replace", json!({"path": path, "old": "x", "new": "y"}));
    }
    place.put("folder/x", "");
    assert!(place.refused("read", json!({"path": "folder"})).contains("a folder"));
    assert!(place.refused("write", json!({"path": "folder", "content": ""})).contains("a folder"));
    assert!(place.refused("read", json!({"path": "x/y"})).contains("does not exist"));
    assert!(place.refused("read", json!({"path": "."})).contains("name a file"));
    assert!(place.ok("list", json!({})).contains("pipe (no regular file)"));
    assert_eq!(place.ok("search", json!({"pattern": "x"})), "[no line matches]\n");
}

#[test]
fn binary_files_are_told_and_not_shown() {
    let place = Place::new();
    place.put("zero", b"text\0more");
    place.put("latin", b"\xe4\xf6\xfc and more");
    for path in ["zero", "latin"] {
        assert!(place.refused("read", json!({"path": path})).contains("binary or not UTF-8"));
        assert_eq!(place.ok("search", json!({"pattern": "more"})), "[no line matches]\n");
    }
    let edit = json!({"path": "latin", "old": "and", "new": "or"});
    assert!(place.refused("replace", edit).contains("binary or not UTF-8"));
}

#[test]
fn huge_files_and_deep_and_wide_trees_are_bounded() {
    let place = Place::new();
    let sparse = fs::File::create(place.folder.path().join("sparse")).expect("made");
    sparse.set_len(1 << 40).expect("sparse");
    assert!(place.refused("read", json!({"path": "sparse"})).contains("binary"));
    assert!(place.ok("search", json!({"pattern": "x"})).contains("1 files of more than 4 MiB"));
    assert!(
        place
            .refused("replace", json!({"path": "sparse", "old": "a", "new": "b"}))
            .contains("allowed")
    );

    let mut deep = place.folder.path().join("deep");
    for _ in 0..60 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).expect("made");
    fs::write(deep.join("needle"), "needle").expect("written");
    let found = place.ok("search", json!({"pattern": "needle"}));
    assert!(found.contains("levels deep were left out"), "{found}");

    for number in 0..1200 {
        place.put(&format!("wide/{number}"), "needle");
    }
    let listed = place.ok("list", json!({"path": "wide"}));
    assert_eq!(listed.lines().count(), 1001);
    assert!(listed.ends_with("[there is more: name a folder, or list fewer levels]\n"));
    let found = place.ok("search", json!({"path": "wide", "pattern": "needle"}));
    assert_eq!(found.lines().count(), 201);
    place.put("long", format!("{}needle{}", "ä".repeat(5000), "x".repeat(5000)));
    let found = place.ok("search", json!({"pattern": "needlex"}));
    assert!(found.len() < 600 && found.contains("…") && found.contains("needle"), "{found}");
}

#[test]
fn expressions_are_bounded_in_memory() {
    let place = Place::new();
    place.put("a", "a".repeat(10_000));
    let search = |pattern: &str| json!({"pattern": pattern, "regex": true});
    assert!(place.refused("search", search("(((a{500}){500}){500})")).contains("invalid regular"));
    assert!(place.refused("search", search("(")).contains("invalid regular expression `(`"));
    place.ok("search", search("(a+)+$b"));
}

#[test]
fn a_call_ends_with_its_time() {
    let place = Place::new();
    place.put("a", "x");
    let limits = CallLimits { time: Duration::ZERO, bytes: 1000 };
    match place.call_within("search", json!({"pattern": "x"}), limits) {
        Ok(output) => assert!(output.is_error, "{}", output.text),
        Err(error) => assert!(matches!(error, ToolError::TimedOut { .. }), "{error}"),
    }
}

#[test]
fn a_replaced_file_keeps_its_mode() {
    let place = Place::new();
    place.put("run.sh", "a");
    let path = place.folder.path().join("run.sh");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("set");
    place.ok("write", json!({"path": "run.sh", "content": "b"}));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o750);
}

#[test]
fn names_that_are_no_text_stay_in_their_line() {
    use std::os::unix::ffi::OsStrExt;

    let place = Place::new();
    let name = std::ffi::OsStr::from_bytes(b"a\n\x1b[31m\xff");
    fs::write(place.folder.path().join(name), "needle").expect("written");
    assert_eq!(place.ok("list", json!({})).lines().count(), 1);
    assert_eq!(place.ok("search", json!({"pattern": "needle"})).lines().count(), 1);
}

#[test]
fn a_model_is_told_what_the_arguments_are() {
    for spec in Workspace::specs() {
        let schema = crate::arguments::ArgumentSchema::compile(&spec.input_schema);
        schema.expect("a schema that can be checked");
        assert_eq!(spec.input_schema["additionalProperties"], false, "{}", spec.name);
        let properties = spec.input_schema["properties"].as_object().expect("some");
        for (name, property) in properties {
            assert!(property["description"].is_string(), "{} {name}", spec.name);
        }
    }
}

proptest! {
    #[test]
    fn no_path_reads_what_lies_outside(path in r"(\.\./|\./|/|a/|link/|secret|\x00|\.\.){1,8}") {
        let place = Place::new();
        symlink(place.outside.path(), place.folder.path().join("link")).expect("a link");
        let read = place.call("read", json!({"path": path}));
        prop_assert!(!read.text.contains("SECRET"), "{}", read.text);
        place.call("write", json!({"path": path, "content": "x"}));
        let secret = fs::read_to_string(place.outside.path().join("secret")).expect("there");
        prop_assert_eq!(secret, "SECRET");
        let outside = fs::read_dir(place.outside.path()).expect("one").count();
        prop_assert_eq!(outside, 1);
    }
}
