//! How children end, by themselves and because they are asked to.

use std::time::Duration;

use harmonic_guard::{GuardedChild, HowEnded};

use crate::own_process::{
    LONG, block_on, descriptors, end_of, guard, script, started, stop, tag, tagged,
    wait_for_nothing, wait_until, zombies,
};

crate::tests![
    an_exit_status_is_reported_with_the_last_lines,
    a_signal_is_reported,
    a_child_that_heeds_sigterm_ends_in_its_own_way,
    a_child_gets_sigterm_once,
    a_child_that_ignores_sigterm_is_killed,
    without_a_grace_a_child_is_killed_at_once,
    stopping_is_idempotent,
    a_shorter_grace_overtakes_a_longer_one,
    a_dropped_child_ends,
    a_child_that_forks_for_ever_ends,
    what_a_child_leaves_behind_ends_with_it,
    memory_and_numbers_are_those_of_all_processes,
    a_hundred_starts_and_ends_leave_nothing,
];

const STOPPED: HowEnded = HowEnded::Stopped { killed: false };
const KILLED: HowEnded = HowEnded::Stopped { killed: true };

fn an_exit_status_is_reported_with_the_last_lines() {
    let tag = tag();
    let child =
        GuardedChild::start(&guard(), script("echo one; echo two >&2; exit 3", &tag)).unwrap();
    let end = end_of(&child);
    let mut lines = end.last_lines.clone();
    lines.sort();
    assert_eq!((end.how, lines), (HowEnded::Exited(3), vec!["one".to_owned(), "two".to_owned()]));
    assert_eq!(end_of(&child), end);
    assert_eq!((child.resident_bytes(), child.group_pids()), (None, Vec::new()));
    wait_for_nothing(&tag);
}

fn a_signal_is_reported() {
    let tag = tag();
    let end = end_of(&GuardedChild::start(&guard(), script("kill -ABRT $$", &tag)).unwrap());
    assert_eq!(end.how, HowEnded::Signalled(6));
    wait_for_nothing(&tag);
}

fn a_child_that_heeds_sigterm_ends_in_its_own_way() {
    let tag = tag();
    let text = "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let child = started(text, &tag, 1);
    let end = stop(&child, LONG);
    assert_eq!(end.how, STOPPED);
    // The shell says on its other stream that its own child has ended.
    assert!(end.last_lines.iter().any(|line| line == "bye"), "{end}");
    wait_for_nothing(&tag);
}

fn a_child_gets_sigterm_once() {
    let tag = tag();
    // It waits for a second one for as long as ten ticks of a guard, and counts.
    let text = "n=0; trap 'n=$((n+1))' TERM; echo ready; \
                while [ $n = 0 ]; do sleep 0.01; done; \
                for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.03; done; echo got $n";
    let end = stop(&started(text, &tag, 1), LONG);
    assert!(end.last_lines.iter().any(|line| line == "got 1"), "{end}");
    wait_for_nothing(&tag);
}

fn a_child_that_ignores_sigterm_is_killed() {
    let tag = tag();
    let child = started("trap '' TERM; echo ready; while :; do sleep 1000; done", &tag, 1);
    assert_eq!(stop(&child, Duration::from_millis(50)).how, KILLED);
    assert_eq!(tagged(&tag), Vec::<u32>::new());
    wait_for_nothing(&tag);
}

fn without_a_grace_a_child_is_killed_at_once() {
    let tag = tag();
    let child = started("trap 'echo asked' TERM; echo ready; sleep 1000", &tag, 1);
    let end = stop(&child, Duration::ZERO);
    assert_eq!((end.how, end.last_lines), (KILLED, vec!["ready".to_owned()]));
    wait_for_nothing(&tag);
}

fn stopping_is_idempotent() {
    let tag = tag();
    let child = started("echo ready; exec sleep 1000", &tag, 1);
    let ends = block_on(async { tokio::join!(child.stop(LONG), child.stop(LONG), child.ended()) });
    assert_eq!(ends.0.how, STOPPED);
    assert_eq!((&ends.1, &ends.2), (&ends.0, &ends.0));
    assert_eq!(stop(&child, Duration::ZERO), ends.0);
    let exited = GuardedChild::start(&guard(), script("exit 4", &tag)).unwrap();
    assert_eq!(end_of(&exited).how, HowEnded::Exited(4));
    assert_eq!(stop(&exited, LONG).how, HowEnded::Exited(4));
    drop(exited);
    wait_for_nothing(&tag);
}

fn a_shorter_grace_overtakes_a_longer_one() {
    let tag = tag();
    let child = started("trap '' TERM; echo ready; exec sleep 1000", &tag, 1);
    let (first, second) =
        block_on(async { tokio::join!(child.stop(LONG), child.stop(Duration::ZERO)) });
    assert_eq!((first.how, second.how), (KILLED, KILLED));
    wait_for_nothing(&tag);
}

fn a_dropped_child_ends() {
    let tag = tag();
    drop(started("echo ready; exec sleep 1000", &tag, 1));
    wait_for_nothing(&tag);
}

fn a_child_that_forks_for_ever_ends() {
    let tag = tag();
    // Each of them moves to a session of its own, and none heeds SIGTERM.
    let text = "trap '' TERM; echo ready; while :; do setsid sleep 1000 & sleep 0.01; done";
    let child = started(text, &tag, 1);
    wait_until("some of them", || tagged(&tag).len() > 10);
    let end = stop(&child, Duration::from_millis(100));
    assert_eq!((end.how, end.left), (KILLED, Vec::new()));
    assert_eq!(tagged(&tag), Vec::<u32>::new());
    wait_for_nothing(&tag);
}

fn what_a_child_leaves_behind_ends_with_it() {
    let tag = tag();
    let text = "sleep 1000 & setsid sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000 &' & exit 5";
    let end = end_of(&GuardedChild::start(&guard(), script(text, &tag)).unwrap());
    assert_eq!((end.how, end.left), (HowEnded::Exited(5), Vec::new()));
    assert_eq!(tagged(&tag), Vec::<u32>::new());
    wait_for_nothing(&tag);
}

fn memory_and_numbers_are_those_of_all_processes() {
    let tag = tag();
    let large =
        "import time; x = bytearray(64 << 20); print('large', flush=True); time.sleep(1000)";
    let text = format!("sleep 1000 & setsid python3 -c \"{large}\" & wait");
    let child = started(&text, &tag, 1);
    let mut numbers = child.group_pids();
    let mut found = tagged(&tag);
    numbers.sort_unstable();
    found.sort_unstable();
    assert_eq!(numbers, found);
    assert!(numbers.len() == 3 && numbers.contains(&child.pid()), "{numbers:?}");
    let bytes = child.resident_bytes().expect("a list of processes").0;
    assert!((64 << 20..256 << 20).contains(&bytes), "{bytes}");
    stop(&child, LONG);
    wait_for_nothing(&tag);
}

fn a_hundred_starts_and_ends_leave_nothing() {
    let tag = tag();
    let before = descriptors();
    for number in 0..100 {
        let child = started("setsid sleep 1000 & echo ready; exec sleep 1000", &tag, 1);
        match number % 3 {
            0 => assert_eq!(stop(&child, Duration::ZERO).how, KILLED),
            1 => assert_eq!(stop(&child, LONG).how, STOPPED),
            _ => drop(child),
        }
    }
    wait_for_nothing(&tag);
    assert_eq!(zombies(), 0);
    wait_until("its descriptors are closed", || descriptors() == before);
}
