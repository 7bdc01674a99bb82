//! The thread that computes masks while the model computes logits.
//!
//! One for each engine: it sleeps unless there is a constrained answer, and then has the length of
//! a step for its work.

use std::sync::mpsc;
use std::{io, thread};

use harmonic_sched::Token;
use llguidance::Matcher;

use super::grammars::brief;
use crate::sampling::Mask;

/// Where an answer is in its grammar.
pub(super) struct Position {
    pub(super) matcher: Box<Matcher>,
    /// What may come next, or why nothing can.
    pub(super) allowed: Result<Mask, String>,
}

/// A position to find: the one after `token`.
pub(super) struct Task {
    matcher: Box<Matcher>,
    token: Option<Token>,
    found: mpsc::Sender<Position>,
}

/// Starts a worker. It ends when nobody can ask it any more.
pub(super) fn start() -> io::Result<mpsc::Sender<Task>> {
    let (tasks, inbox) = mpsc::channel::<Task>();
    thread::Builder::new().name("masks".to_owned()).spawn(move || {
        for Task { mut matcher, token, found } in inbox {
            let allowed = advance(&mut matcher, token);
            // A request that has ended does not wait for it.
            let _gone = found.send(Position { matcher, allowed });
        }
    })?;
    Ok(tasks)
}

/// Asks for the position after `token`, or for the first one. Without a worker, nothing is ever
/// found.
pub(super) fn ask(
    tasks: &mpsc::Sender<Task>,
    matcher: Box<Matcher>,
    token: Option<Token>,
) -> mpsc::Receiver<Position> {
    let (found, next) = mpsc::channel();
    let _gone = tasks.send(Task { matcher, token, found });
    next
}

fn advance(matcher: &mut Matcher, token: Option<Token>) -> Result<Mask, String> {
    if let Some(token) = token {
        matcher.consume_token(token.0.cast_unsigned()).map_err(|error| brief(&error))?;
    }
    let allowed = matcher.compute_mask_or_eos().map_err(|error| brief(&error))?;
    Ok(Mask::from_words(allowed.as_slice()))
}
