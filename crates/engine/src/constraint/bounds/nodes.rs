//! Graph of subschemas: loops, depth, merged size and steps.

use std::collections::HashSet;

use super::SizeError;
use super::numbers::{self, Step};
use super::productive::Need;

/// A subschema with the indices of its children.
#[derive(Default)]
pub(super) struct Node {
    /// Schemas of parts of the value.
    pub(super) parts: Vec<usize>,
    /// Schemas of the same value, including `$ref`.
    pub(super) in_place: Vec<usize>,
    /// Whether it is merged with `in_place`.
    pub(super) merges: bool,
    pub(super) need: Need,
    /// `multipleOf` of its numbers.
    pub(super) step: Option<Step>,
}

/// Rejects schemas that refer to themselves without a part in between: the compiler would not
/// terminate, or find infinitely many parses of one answer.
pub(super) fn refuse_loops(nodes: &[Node]) -> Result<(), SizeError> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; nodes.len()];
    for start in 0..nodes.len() {
        let mut path = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            marks[*at] = if marks[*at] == Mark::Done { Mark::Done } else { Mark::Open };
            let child =
                if marks[*at] == Mark::Done { None } else { nodes[*at].in_place.get(*next) };
            *next += 1;
            match child.map(|child| (*child, marks[*child])) {
                Some((_, Mark::Open)) => {
                    let reason = "a reference leads back to itself with no property or item in \
                                  between, so it says nothing about the answer: leave it out, or \
                                  put what it refers to inside a property or an item";
                    return Err(SizeError::Invalid(reason.to_owned()));
                }
                Some((child, Mark::New)) => path.push((child, 0)),
                Some((_, Mark::Done)) => {}
                None => {
                    marks[*at] = Mark::Done;
                    path.pop();
                }
            }
        }
    }
    Ok(())
}

/// Rejects merged steps without a common multiple.
pub(super) fn check_steps(nodes: &[Node]) -> Result<(), SizeError> {
    for (at, _) in nodes.iter().enumerate().filter(|(_, node)| node.merges) {
        let (mut seen, mut left, mut steps) = (HashSet::from([at]), vec![at], Vec::new());
        while let Some(at) = left.pop() {
            steps.extend(nodes[at].step);
            left.extend(nodes[at].in_place.iter().filter(|child| seen.insert(**child)));
        }
        numbers::combine(steps)?;
    }
    Ok(())
}

/// Depth of the compiler's traversal, which follows each reference once, and the number of merged
/// subschemas.
pub(super) fn depth_and_merged(nodes: &[Node]) -> (usize, u64) {
    let children = |at: usize| nodes[at].in_place.iter().chain(&nodes[at].parts);
    let mut seen = vec![false; nodes.len()];
    // Subschemas under each node, with references expanded.
    let mut expanded = vec![1u64; nodes.len()];
    let (mut depth, mut merged) = (0, 0u64);
    let mut path: Vec<(usize, usize)> = Vec::new();
    if !nodes.is_empty() {
        seen[0] = true;
        path.push((0, 0));
    }
    while let Some((at, next)) = path.last().copied() {
        depth = depth.max(path.len());
        if let Some(child) = children(at).nth(next) {
            if let Some(last) = path.last_mut() {
                last.1 += 1;
            }
            if !seen[*child] {
                seen[*child] = true;
                path.push((*child, 0));
            }
            continue;
        }
        let under = children(at).fold(1u64, |sum, child| sum.saturating_add(expanded[*child]));
        expanded[at] = under;
        if nodes[at].merges {
            merged = merged.saturating_add(under);
        }
        path.pop();
    }
    (depth, merged)
}
