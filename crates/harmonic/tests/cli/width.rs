//! The width of output: every command at any width of a terminal, and full lines in pipes.

use std::fs::OpenOptions;
use std::io::Read;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::background::Owner;
use crate::harness::{Ran, Server, User, ran};

/// Widths that are tried: the bounds, those around the steps of tables and help texts, and others.
const WIDTHS: [usize; 10] = [60, 61, 72, 79, 80, 89, 90, 100, 120, 200];

/// Commands whose output depends on nothing but its width.
const COMMANDS: [&str; 25] = [
    "",
    "--help",
    "detect --sysroot machine",
    "doctor --sysroot machine",
    "doctor --sysroot machine --paper",
    "models list",
    "models show qwen3:8b",
    "models show smollm2:135m",
    "models show qwen3:30b-a3b",
    "models rm nosuch",
    "plan --hardware dgx-spark",
    "plan --hardware generic-8gb --stack full",
    "plan --hardware ryzen-ai-max-395 --stack dev --sharing isolated",
    "plan --hardware dgx-spark --explain",
    "plan --hardware dgx-spark --budget paper --explain",
    "plan --table",
    "plan --stack standrad",
    "plan --hardware dgx-spark --emit ollama --json",
    "report dgx-spark",
    "report ryzen-ai-max-395",
    "compare dgx-spark ryzen-ai-max-395",
    "compare dgx-spark ryzen-ai-max-395 dgx-spark",
    "keys list",
    "ps",
    "chat coder",
];

/// User with a recorded machine that `doctor` has something to say about, and keys.
fn user() -> User {
    let user = User::new();
    for (path, text) in [
        ("proc/cpuinfo", "processor : 0\nmodel name : A CPU\nflags : avx2\n"),
        ("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\n"),
        ("proc/40/comm", "ollama\n"),
        ("proc/40/cmdline", "ollama\0serve\0"),
        ("proc/40/environ", "OLLAMA_HOST=0.0.0.0\0"),
        ("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/swap\tfile\t9000000\t3000000\t-2\n"),
    ] {
        let path = user.home().join("machine").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    for name in ["laptop", "a-machine-with-a-long-name"] {
        user.run(["keys", "add", name, "--per-minute", "60"]);
    }
    user
}

fn args(command: &str) -> impl Iterator<Item = &str> {
    command.split(' ').filter(|word| !word.is_empty())
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Asserts that each line of `text` fits, or is one word after its indentation.
#[track_caller]
fn assert_fits(text: &str, columns: usize, what: &str) {
    for line in text.lines() {
        let fits = line.chars().count() <= columns || words(line).len() <= 1;
        assert!(fits, "{what} at {columns}:\n{line}\n\nin\n{text}");
    }
}

/// Asserts that each word of `shown` is one of `whole`, and no number is parted from its unit.
#[track_caller]
fn assert_unbroken(shown: &str, whole: &str, what: &str) {
    let known = words(whole);
    let lines = shown.lines().filter(|line| !line.contains(" not shown at this width: "));
    for line in lines.clone() {
        let rule = |word: &str| word.chars().all(|c| c == '─');
        for word in words(line) {
            assert!(known.contains(&word) || rule(word), "{what}: `{word}` is broken:\n{shown}");
        }
    }
    let lines: Vec<&str> = lines.collect();
    for pair in lines.windows(2) {
        let last = words(pair[0]).last().copied().unwrap_or_default();
        let first = words(pair[1]).first().copied().unwrap_or_default();
        let number = last.ends_with(|c: char| c.is_ascii_digit())
            && last.chars().all(|c| c.is_ascii_digit() || c == '.');
        let unit = first.trim_end_matches([',', ';', ':', ')']);
        let is_parted = number && matches!(unit, "GB" | "MB" | "kB" | "tok/s" | "ms" | "s" | "W");
        assert!(!is_parted, "{what}: {last} {first} is parted:\n{shown}");
    }
}

#[test]
fn every_command_fits_any_terminal_without_a_broken_word() {
    let user = user();
    for command in COMMANDS {
        let whole = user.run(args(command));
        let whole_text = format!("{}{}", whole.out, whole.err);
        for columns in WIDTHS {
            let ran = user.run_at(columns, args(command));
            assert_eq!(ran.code, whole.code, "{command}: {ran:?}");
            if command.ends_with("--json") {
                assert_eq!(ran.out, whole.out, "a document has no width");
                continue;
            }
            let shown = format!("{}{}", ran.out, ran.err);
            assert_fits(&shown, columns, command);
            assert_unbroken(&shown, &whole_text, command);
        }
    }
}

#[test]
fn output_at_80_and_120_columns() {
    let user = user();
    for command in COMMANDS.into_iter().filter(|command| !command.ends_with("--json")) {
        for columns in [80, 120] {
            let Ran { out, .. } = user.run_at(columns, args(command));
            // What goes to stderr names folders of this user.
            if out.is_empty() {
                continue;
            }
            let name = command.replace([' ', ':'], "-").replace("--", "-");
            insta::assert_snapshot!(format!("{name}_{columns}"), out);
        }
    }
}

#[test]
fn a_pipe_gets_full_lines() {
    let user = user();
    for command in ["plan --hardware dgx-spark --explain", "doctor --sysroot machine"] {
        let piped = user.run(args(command)).out;
        let wide = user.run_at(200, args(command)).out;
        assert!(piped.lines().count() <= wide.lines().count(), "{piped}");
        assert!(piped.lines().any(|line| line.chars().count() > 120), "{piped}");
    }
}

#[test]
fn a_team_that_serves_fits_any_terminal() {
    let owner = Owner::new();
    let stack = ["--stack", "starter", "--engine", "sim", "--port", "0"];
    for columns in [60, 80, 120] {
        let up = ["up"].into_iter().chain(stack);
        let server = Server::start(owner.0.harmonic(up).env("COLUMNS", columns.to_string()));
        let url = server.url.clone();
        let asked = owner.0.run_at(columns, ["ps"]);
        assert_fits(&asked.out, columns, "ps");
        assert!(asked.out.contains(&url), "{asked:?}");
        let bench = ["bench", "--quick", "--trials", "2", "--levels=1,2", "--no-out", "--target"];
        let measured = owner.0.run_at(columns, bench.into_iter().chain([url.as_str()]));
        assert_fits(&measured.out, columns, "bench");
        assert_fits(&measured.err, columns, "bench");
        server.signal("INT");
        let ended = server.end();
        assert_fits(&ended.err, columns, "up");
        assert!(ended.err.contains("curl -N"), "{ended:?}");
    }
}

/// What a command shows on a terminal of that many columns.
fn on_a_terminal(user: &User, columns: u16, command: &str) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let open = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
    let mut harmonic = user.harmonic(args(command));
    let mut child = harmonic.env("TERM", "xterm").stdout(open()).stderr(open()).spawn().unwrap();
    drop(harmonic);
    let mut shown = Vec::new();
    // A terminal that nobody holds open any more ends with an error.
    let _ended = std::fs::File::from(terminal).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success());
    String::from_utf8(shown).unwrap().replace('\r', "")
}

#[test]
fn a_terminal_has_the_width_that_it_states() {
    let user = user();
    for columns in [60, 72, 80, 120] {
        let command = "plan --hardware dgx-spark --explain";
        let shown = on_a_terminal(&user, columns, command);
        let columns = usize::from(columns);
        assert_fits(&shown, columns, command);
        assert_eq!(shown, ran_at(&user, columns, command), "as with $COLUMNS");
    }
}

fn ran_at(user: &User, columns: usize, command: &str) -> String {
    ran(user.harmonic(args(command)).env("COLUMNS", columns.to_string())).out
}
