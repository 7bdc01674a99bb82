//! Programs that write too much, too long lines, or nothing.

use std::io::{self, Write};
use std::process::ExitCode;

use harmonic_guard::{ChildSpec, GuardedChild, HowEnded};
use rustix::process::Signal;

use crate::own_process::{
    LONG, end_of, guard, guards, program, script, send, start_owner, started, stop, tag, tagged,
    wait_for_nothing, wait_until,
};

crate::tests![
    a_line_of_a_gigabyte_is_cut,
    the_last_lines_of_a_flood_are_kept,
    a_child_does_not_wait_for_an_owner_that_does_not_read,
    a_child_that_closes_its_output_goes_on,
    bytes_that_are_no_text_are_shown_as_such,
];

/// Argument that makes this program write `count` times `what`.
pub const FLOOD: &str = "--flood";

pub fn flood(arguments: &[&str]) -> ExitCode {
    let [count, what] = arguments else { panic!("unknown flood {arguments:?}") };
    let part = what.repeat((1 << 20) / what.len());
    let mut output = io::stdout().lock();
    for _ in 0..count.parse::<usize>().expect("a count of mebibytes") {
        output.write_all(part.as_bytes()).expect("a reader");
    }
    output.write_all(b"\nlast line\n").expect("a reader");
    ExitCode::SUCCESS
}

fn flooding(mebibytes: &str, what: &str, tag: &str) -> ChildSpec {
    let arguments = vec![FLOOD.into(), mebibytes.into(), what.into()];
    ChildSpec { executable: program(), arguments, ..script("", tag) }
}

fn a_line_of_a_gigabyte_is_cut() {
    let tag = tag();
    let child = GuardedChild::start(&guard(), flooding("1024", "x", &tag)).unwrap();
    let end = end_of(&child);
    assert_eq!(end.how, HowEnded::Exited(0));
    let [long, last] = end.last_lines.as_slice() else { panic!("{} lines", end.last_lines.len()) };
    let kept = long.chars().take_while(|c| *c == 'x').count();
    assert_eq!(long[kept..], format!(" … [{} more bytes]", (1 << 30) - kept));
    assert_eq!(last, "last line");
    drop(child);
    wait_for_nothing(&tag);
}

fn the_last_lines_of_a_flood_are_kept() {
    let tag = tag();
    let child = GuardedChild::start(&guard(), flooding("32", "word\n", &tag)).unwrap();
    let end = end_of(&child);
    assert_eq!(end.how, HowEnded::Exited(0));
    assert_eq!(end.last_lines.last().map(String::as_str), Some("last line"));
    drop(child);
    wait_for_nothing(&tag);
}

fn a_child_does_not_wait_for_an_owner_that_does_not_read() {
    let (folder, tag) = (tempfile::tempdir().unwrap(), tag());
    let (go, done) = (folder.path().join("go"), folder.path().join("done"));
    let text = format!(
        "echo ready; while [ ! -e {} ]; do sleep 0.01; done; '{}' {FLOOD} 64 'word\n'; \
         touch {}; exec sleep 1000",
        go.display(),
        program().display(),
        done.display()
    );
    let mut owner = start_owner(&text, &tag);
    send(owner.id(), Signal::STOP);
    std::fs::write(go, "").unwrap();
    wait_until("the child has written everything", || done.exists());
    send(owner.id(), Signal::KILL);
    owner.wait().unwrap();
    wait_for_nothing(&tag);
}

fn a_child_that_closes_its_output_goes_on() {
    let tag = tag();
    let child = started("echo ready; exec sleep 1000 >&- 2>&-", &tag, 1);
    // The guards' answers go on, too.
    wait_until("its output is closed", || {
        let fd = format!("/proc/{}/fd/1", child.pid());
        std::fs::symlink_metadata(fd).is_err()
    });
    assert_eq!(guards(std::process::id()).len(), 2);
    assert_eq!(tagged(&tag), [child.pid()]);
    assert_eq!(stop(&child, LONG).how, HowEnded::Stopped { killed: false });
    wait_for_nothing(&tag);
}

fn bytes_that_are_no_text_are_shown_as_such() {
    let tag = tag();
    let text = "printf 'a\\377b\\033[31m\\000c\\rnext\\n\\n\\nlast'";
    let end = end_of(&GuardedChild::start(&guard(), script(text, &tag)).unwrap());
    assert_eq!(end.last_lines, ["a\u{fffd}b\u{fffd}[31m\u{fffd}c", "next", "last"]);
    wait_for_nothing(&tag);
}
