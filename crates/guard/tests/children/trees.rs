//! Trees of processes drawn at random, of which some are killed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use rustix::process::Signal;

use crate::own_process::{
    descriptors, guards, send, started, stop, tag, tagged, wait_for_nothing, wait_until,
};

crate::tests![nothing_is_left_of_any_tree_whatever_is_killed];

/// A process with its children.
#[derive(Clone, Debug)]
struct Node {
    ignores_sigterm: bool,
    /// Whether it moves to a session of its own.
    session: bool,
    /// Whether it ends when its children run.
    leaves: bool,
    children: Vec<Node>,
}

/// What happens to them.
#[derive(Clone, Debug)]
enum Blow {
    Stop,
    Drop,
    InnerGuard,
    OuterGuard,
    BothGuards,
    /// Some of the processes, then the end.
    Processes(Vec<Index>),
}

fn node() -> impl Strategy<Value = Node> {
    let flags = || (prop::bool::weighted(0.1), any::<bool>(), any::<bool>());
    let of = |(ignores_sigterm, session, leaves), children| Node {
        ignores_sigterm,
        session,
        leaves,
        children,
    };
    let leaf = flags().prop_map(move |flags| of(flags, Vec::new()));
    leaf.prop_recursive(4, 12, 3, move |inner| {
        (flags(), prop::collection::vec(inner, 1..3))
            .prop_map(move |(flags, children)| of(flags, children))
    })
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        Just(Blow::Stop),
        Just(Blow::Drop),
        Just(Blow::InnerGuard),
        Just(Blow::OuterGuard),
        Just(Blow::BothGuards),
        prop::collection::vec(any::<Index>(), 1..5).prop_map(Blow::Processes),
    ]
}

/// Writes the script of `node` and of those below it; returns its path, and how many stay.
fn write(node: &Node, folder: &Path, next: &mut usize) -> (String, usize) {
    let number = *next;
    *next += 1;
    let (mut text, mut stay) = (String::new(), 0);
    if node.ignores_sigterm {
        text.push_str("trap '' TERM\n");
    }
    for child in &node.children {
        let (path, below) = write(child, folder, next);
        let session = if child.session { "setsid " } else { "" };
        text.extend([session, "sh ", &path, " &\n"]);
        stay += below;
    }
    // The first is the program: if it left, that would be its end.
    if node.leaves && number > 0 {
        text.push_str("exit\n");
    } else {
        stay += 1;
        text.push_str("echo ready; exec sleep 1000\n");
    }
    let path = folder.join(format!("{number}.sh"));
    fs::write(&path, text).unwrap();
    (path.display().to_string(), stay)
}

fn nothing_is_left_of_any_tree_whatever_is_killed() {
    let before = descriptors();
    let config =
        ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(root in node(), blow in blow())| {
        let (folder, tag) = (tempfile::tempdir().unwrap(), tag());
        let (path, stay) = write(&root, folder.path(), &mut 0);
        let child = started(&format!("exec sh {path}"), &tag, stay);
        wait_until("only those run that stay", || tagged(&tag).len() == stay);
        let [outer, inner] = guards(std::process::id());
        match blow {
            Blow::Stop => _ = stop(&child, Duration::from_millis(200)),
            Blow::Drop => {}
            Blow::InnerGuard => send(inner, Signal::KILL),
            Blow::OuterGuard => send(outer, Signal::KILL),
            Blow::BothGuards => [outer, inner].into_iter().for_each(|guard| send(guard, Signal::KILL)),
            Blow::Processes(indices) => {
                let numbers = tagged(&tag);
                let mut hit: Vec<u32> = indices.iter().map(|index| *index.get(&numbers)).collect();
                hit.sort_unstable();
                hit.dedup();
                for number in hit {
                    send(number, Signal::KILL);
                }
            }
        }
        drop(child);
        wait_for_nothing(&tag);
    });
    wait_until("its descriptors are closed", || descriptors() == before);
}
