//! `kill -9` of each process.

use harmonic_guard::HowEnded;
use rustix::process::Signal;

use crate::own_process::{
    end_of, guards, send, start_owner, started, tag, tagged, wait_for_nothing, wait_until, zombies,
};

crate::tests![
    a_killed_owner_takes_everything_along,
    a_killed_owner_and_one_guard_take_everything_along,
    a_killed_inner_guard_takes_everything_along,
    a_killed_outer_guard_takes_everything_along,
    two_killed_guards_take_everything_along,
    a_killed_child_takes_its_own_children_along,
    a_killed_orphan_of_a_child_is_waited_for,
    a_guard_that_is_asked_to_end_takes_everything_along,
];

/// As `ollama serve` with its runner: a child in the group and one in a session of its own, each
/// with one that has lost its parent.
const WITH_RUNNER: &str = "sh -c 'sleep 1000 & sleep 1000 & exit' & \
                           setsid sh -c 'sleep 1000 & exec sleep 1000' & \
                           setsid sh -c 'setsid sleep 1000 & exit' & echo ready; exec sleep 1000";

/// Processes of it.
const PROCESSES: usize = 6;

fn wait_for_all(tag: &str) {
    wait_until("all of them run", || tagged(tag).len() == PROCESSES);
}

fn a_killed_owner_takes_everything_along() {
    let tag = tag();
    let mut owner = start_owner(WITH_RUNNER, &tag);
    wait_for_all(&tag);
    send(owner.id(), Signal::KILL);
    owner.wait().unwrap();
    wait_for_nothing(&tag);
}

fn a_killed_owner_and_one_guard_take_everything_along() {
    for guard in [0, 1] {
        let tag = tag();
        let mut owner = start_owner(WITH_RUNNER, &tag);
        wait_for_all(&tag);
        let other = guards(owner.id())[guard];
        send(owner.id(), Signal::KILL);
        send(other, Signal::KILL);
        owner.wait().unwrap();
        wait_for_nothing(&tag);
    }
}

fn a_killed_inner_guard_takes_everything_along() {
    let tag = tag();
    let child = started(WITH_RUNNER, &tag, 1);
    wait_for_all(&tag);
    send(guards(std::process::id())[1], Signal::KILL);
    let end = end_of(&child);
    assert_eq!((end.how, end.left), (HowEnded::GuardLost, Vec::new()));
    assert_eq!(tagged(&tag), Vec::<u32>::new());
    wait_for_nothing(&tag);
}

fn a_killed_outer_guard_takes_everything_along() {
    let tag = tag();
    let child = started(WITH_RUNNER, &tag, 1);
    wait_for_all(&tag);
    send(guards(std::process::id())[0], Signal::KILL);
    let end = end_of(&child);
    assert!(matches!(end.how, HowEnded::Stopped { .. }), "{end}");
    assert_eq!(tagged(&tag), Vec::<u32>::new());
    wait_for_nothing(&tag);
}

fn two_killed_guards_take_everything_along() {
    let tag = tag();
    let child = started(WITH_RUNNER, &tag, 1);
    wait_for_all(&tag);
    let both = guards(std::process::id());
    // Neither can do anything for the other any more.
    for signal in [Signal::STOP, Signal::KILL] {
        for guard in both {
            send(guard, signal);
        }
    }
    let end = end_of(&child);
    assert_eq!((end.how, end.left), (HowEnded::GuardLost, Vec::new()));
    assert_eq!(tagged(&tag), Vec::<u32>::new());
    wait_for_nothing(&tag);
}

fn a_killed_child_takes_its_own_children_along() {
    let tag = tag();
    let child = started(WITH_RUNNER, &tag, 1);
    wait_for_all(&tag);
    send(child.pid(), Signal::KILL);
    let end = end_of(&child);
    assert_eq!((end.how, end.left), (HowEnded::Signalled(9), Vec::new()));
    assert_eq!(tagged(&tag), Vec::<u32>::new());
    wait_for_nothing(&tag);
}

fn a_killed_orphan_of_a_child_is_waited_for() {
    let tag = tag();
    let text = "sh -c 'sleep 1000 & exit'; echo ready; exec sleep 1000";
    let child = started(text, &tag, 1);
    wait_until("both run", || tagged(&tag).len() == 2);
    let orphan = tagged(&tag).into_iter().find(|number| *number != child.pid()).unwrap();
    send(orphan, Signal::KILL);
    wait_until("nobody is waited for", || zombies() == 0);
    assert_eq!(tagged(&tag), [child.pid()]);
    drop(child);
    wait_for_nothing(&tag);
}

fn a_guard_that_is_asked_to_end_takes_everything_along() {
    for (guard, signal) in
        [(0, Signal::TERM), (1, Signal::TERM), (0, Signal::HUP), (1, Signal::INT)]
    {
        let tag = tag();
        let child = started(WITH_RUNNER, &tag, 1);
        wait_for_all(&tag);
        send(guards(std::process::id())[guard], signal);
        end_of(&child);
        assert_eq!(tagged(&tag), Vec::<u32>::new());
        drop(child);
        wait_for_nothing(&tag);
    }
}
