//! Checks the structure of the project: dependencies between crates, use of guarded libraries,
//! location of `unsafe`, and length of files. ARCHITECTURE.md gives the reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Crate → crates it may depend on, both without the prefix `harmonic-`. Dev-dependencies are not
/// restricted.
const MAY_DEPEND_ON: [(&str, &[&str]); 38] = [
    ("types", &[]),
    ("fsutil", &[]),
    ("perfmodel", &["types"]),
    ("stack", &["types", "fsutil"]),
    ("hardware", &["types"]),
    ("doctor", &["types", "perfmodel", "hardware"]),
    ("models", &["types", "fsutil"]),
    ("profiles", &["types", "fsutil", "hardware"]),
    ("planner", &["types", "perfmodel"]),
    ("admission", &["types"]),
    ("batching", &["types", "admission"]),
    ("programs", &["types", "fsutil"]),
    ("guard", &["types"]),
    ("export", &["types", "programs"]),
    ("import", &["types", "stack"]),
    ("events", &["types"]),
    ("api", &["types", "events", "orchestrator"]),
    ("engine", &["types", "perfmodel", "admission", "batching", "events", "api"]),
    ("engine-http", &["types", "admission", "events", "api", "engine"]),
    ("llama", &["types", "engine"]),
    ("launcher", &["types", "fsutil", "events", "engine"]),
    ("gateway", &["types", "events", "api", "engine", "orchestrator"]),
    ("bench", &["types", "perfmodel", "api"]),
    ("tune", &["types", "models", "profiles", "planner", "bench"]),
    ("orchestrator", &["types"]),
    ("layout", &[]),
    ("report", &["types", "layout"]),
    ("tools", &["types"]),
    ("journal", &["types", "fsutil"]),
    ("eval", &["types"]),
    (
        "app",
        &[
            "types",
            "fsutil",
            "perfmodel",
            "stack",
            "hardware",
            "doctor",
            "models",
            "profiles",
            "planner",
            "programs",
            "guard",
            "export",
            "import",
            "events",
            "api",
            "engine",
            "engine-http",
            "llama",
            "launcher",
            "gateway",
            "bench",
            "tune",
            "report",
            "orchestrator",
            "journal",
            "tools",
            "eval",
        ],
    ),
    (
        "render",
        &[
            "types",
            "perfmodel",
            "hardware",
            "doctor",
            "models",
            "planner",
            "events",
            "api",
            "orchestrator",
            "bench",
            "tune",
            "layout",
            "report",
            "app",
        ],
    ),
    ("process", &[]),
    ("repl", &["types", "api", "app", "render", "process"]),
    ("cli", &["types", "api", "orchestrator", "app"]),
    ("follow", &["types", "api", "orchestrator", "app", "render", "process"]),
    ("mcp-server", &["types", "api", "orchestrator", "app", "render"]),
    (
        BINARY,
        &[
            "types",
            "api",
            "orchestrator",
            "report",
            "app",
            "render",
            "process",
            "repl",
            "cli",
            "follow",
            "mcp-server",
        ],
    ),
];

/// The binary: arguments, calls of `app`, rendering of results.
const BINARY: &str = "harmonic";

/// Maximum lines of the binary's sources, without tests.
const LARGEST_BINARY: usize = 3000;

/// Library → the crates that may use it outside of tests; all but one have one.
const ONLY_IN: [(&str, &[&str]); 19] = [
    ("llama-cpp-2", &["harmonic-llama"]),
    ("llama-cpp-sys-2", &["harmonic-llama"]),
    ("llguidance", &["harmonic-engine"]),
    ("axum", &["harmonic-gateway"]),
    ("clap", &["harmonic-cli", BINARY]),
    ("rustyline", &["harmonic-repl"]),
    ("indicatif", &["harmonic-render"]),
    ("maud", &["harmonic-report"]),
    ("resvg", &["harmonic-report"]),
    ("shlex", &["harmonic-export", "harmonic-import"]),
    ("saphyr-parser", &["harmonic-import"]),
    ("comfy-table", &["harmonic-layout"]),
    ("textwrap", &["harmonic-layout"]),
    // One is a client of servers, the other is a server.
    ("rmcp", &["harmonic-tools", "harmonic-mcp-server"]),
    ("sse-stream", &["harmonic-tools"]),
    ("jsonschema", &["harmonic-tools"]),
    ("cap-std", &["harmonic-tools"]),
    ("landlock", &["harmonic-tools"]),
    ("seccompiler", &["harmonic-tools"]),
];

/// Markers before and after the diagram in ARCHITECTURE.md.
const DRAWING: [&str; 2] = ["<!-- drawing of the crates -->\n", "<!-- end of the drawing -->"];

/// Maximum lines of a source file, without tests.
const LONGEST_FILE: usize = 400;

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo describes the workspace that it is testing")
}

/// Direct dependencies of `package`, without dev-dependencies.
fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    let built = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
    built.map(|dependency| dependency.name.as_str())
}

fn allowed(package: &str) -> Option<&'static [&'static str]> {
    let short = package.strip_prefix("harmonic-").unwrap_or(package);
    MAY_DEPEND_ON.iter().find(|(name, _)| *name == short).map(|(_, allowed)| *allowed)
}

#[test]
fn crates_depend_only_on_those_the_table_allows() {
    let mut offences = Vec::new();
    for package in workspace().workspace_packages() {
        let Some(allowed) = allowed(&package.name) else {
            offences.push(format!("{} is not in the table", package.name));
            continue;
        };
        let ours = dependencies(package).filter_map(|name| name.strip_prefix("harmonic-"));
        let strangers = ours.filter(|name| !allowed.contains(name));
        offences.extend(strangers.map(|name| format!("{} must not know {name}", package.name)));
    }
    assert_eq!(offences, Vec::<String>::new());
}

#[test]
fn the_table_is_that_of_the_map() {
    let map = include_str!("../../../ARCHITECTURE.md");
    let documented: Vec<(&str, Vec<&str>)> = map
        .lines()
        .skip_while(|line| !line.starts_with("| crate |"))
        .skip(2)
        .map_while(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let allowed = cells.get(3)?.split(", ").filter(|name| *name != "–");
            Some((cells[1].trim_matches('`'), allowed.collect()))
        })
        .collect();
    let held = MAY_DEPEND_ON.map(|(name, allowed)| (name, allowed.to_vec()));
    assert_eq!(documented, held);
}

/// Mermaid diagram of the crates, from `cargo metadata`. Arrows implied by longer paths are
/// omitted; the table lists all.
fn diagram(metadata: &Metadata) -> String {
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata.workspace_packages() {
        let short = package.name.strip_prefix("harmonic-").unwrap_or(&package.name);
        let ours = dependencies(package).filter_map(|name| name.strip_prefix("harmonic-"));
        uses.insert(short, ours.collect());
    }
    let mut drawn = "```mermaid\ngraph TD\n".to_owned();
    for (name, direct) in &uses {
        let farther: BTreeSet<&str> = direct.iter().flat_map(|next| reached(next, &uses)).collect();
        for next in direct.difference(&farther) {
            writeln!(drawn, "    {name} --> {next}").expect("a string");
        }
    }
    drawn.push_str("```\n");
    drawn
}

/// Transitive dependencies of `from`. Cargo excludes cycles.
fn reached<'a>(from: &str, uses: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let direct = uses.get(from).into_iter().flatten();
    direct.flat_map(|next| reached(next, uses).into_iter().chain([*next])).collect()
}

/// `UPDATE=1 cargo test --workspace --test architecture` updates the diagram.
#[test]
fn the_crates_are_drawn_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let page = fs::read_to_string(&path).expect("the map");
    let [begin, end] = DRAWING;
    let (before, rest) = page.split_once(begin).expect("the beginning of the drawing");
    let (found, after) = rest.split_once(end).expect("the end of the drawing");
    let drawn = diagram(&workspace());
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, [before, begin, &drawn, end, after].concat()).expect("written");
    } else {
        assert_eq!(found, drawn, "the drawing is stale: run the test with UPDATE=1");
    }
}

#[test]
fn every_crate_of_the_table_exists() {
    let metadata = workspace();
    let packages = metadata.workspace_packages();
    let absent = MAY_DEPEND_ON
        .iter()
        .map(|(name, _)| match *name {
            BINARY => BINARY.to_owned(),
            name => format!("harmonic-{name}"),
        })
        .filter(|name| !packages.iter().any(|package| package.name.as_str() == name));
    assert_eq!(absent.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn guarded_libraries_stay_in_their_crates() {
    let mut offences = Vec::new();
    for package in workspace().workspace_packages() {
        for (library, homes) in ONLY_IN {
            let is_home = homes.contains(&package.name.as_str());
            if !is_home && dependencies(package).any(|name| name == library) {
                let homes = homes.join(" and ");
                offences.push(format!("{} uses {library}, which is for {homes}", package.name));
            }
        }
    }
    assert_eq!(offences, Vec::<String>::new());
}

/// Every crate root forbids `unsafe`, except `llama`'s; `hardware`'s denies it, with one file
/// excepted.
#[test]
fn unsafe_code_stands_only_in_llama_and_in_one_file_of_hardware() {
    let metadata = workspace();
    let packages = metadata.workspace_packages();
    let guarded = packages.iter().filter(|package| package.name.as_str() != "harmonic-llama");
    let mut open = Vec::new();
    for package in guarded {
        let denied = match package.name.as_str() {
            "harmonic-hardware" => "#![deny(unsafe_code)]",
            _ => "#![forbid(unsafe_code)]",
        };
        let roots = package.targets.iter().filter(|target| target.is_lib() || target.is_bin());
        for root in roots.map(|target| target.src_path.as_std_path()) {
            let text = fs::read_to_string(root).expect("cargo names files that exist");
            if !text.lines().any(|line| line == denied) {
                open.push(root.to_owned());
            }
        }
    }
    assert_eq!(open, Vec::<PathBuf>::new());

    let hardware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hardware/src");
    let lifted = rust_files(&hardware).expect("readable sources").into_iter().filter(|file| {
        let text = fs::read_to_string(file).expect("sources are UTF-8");
        text.lines().any(|line| line.contains("(unsafe_code") && !line.contains("deny("))
    });
    let lifted: Vec<PathBuf> =
        lifted.map(|file| file.strip_prefix(&hardware).expect("below it").to_owned()).collect();
    assert_eq!(lifted, [Path::new("nvml/libcuda.rs")]);
}

#[test]
fn no_source_file_outgrows_one_concept() {
    let mut long = Vec::new();
    for package in workspace().workspace_packages() {
        let root = package.manifest_path.parent().expect("a manifest lies in a directory");
        for file in rust_files(&root.join("src").into_std_path_buf()).expect("readable sources") {
            let lines = lines_before_tests(&file);
            if lines > LONGEST_FILE {
                long.push(format!("{}: {lines} lines", file.display()));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new(), "more than {LONGEST_FILE} lines before the tests");
}

#[test]
fn the_binary_is_wiring() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&sources).expect("readable sources");
    let lines: usize = files.iter().map(|file| lines_before_tests(file)).sum();
    assert!(lines < LARGEST_BINARY, "{lines} lines: what the binary does belongs to `app`");
}

fn lines_before_tests(file: &Path) -> usize {
    let text = fs::read_to_string(file).expect("sources are UTF-8");
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

/// The `.rs` files under `directory`, `tests.rs` files excepted.
fn rust_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            files.push(path);
        }
    }
    Ok(files)
}
