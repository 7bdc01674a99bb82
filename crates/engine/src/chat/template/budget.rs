//! What one rendering may spend.
//!
//! Owns: the limits of a rendering, all in steps and bytes and none in time, so that a prompt does
//! not depend on the load of the machine; and how much of them is left, kept per thread while a
//! template runs there.
//!
//! Invariants: no value that a template makes is larger than [`Limits::value_bytes`] or holds more
//! than [`VALUE_NODES`] others; all of them together stay within the budget.

use std::cell::RefCell;
use std::fmt;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use crate::workers::CancelFlag;

/// Values within a value that a template makes.
const VALUE_NODES: u64 = 1_000_000;
/// Levels of a value that a template makes or writes: a client's JSON has 128 at most.
const VALUE_DEPTH: usize = 256;
/// Bytes of a value that a template makes, where the conversation is small.
const VALUE_BYTES: u64 = 8 << 20;
/// Bytes of it for each byte of the conversation: escapes, indentation and marks included.
const VALUE_BYTES_PER_BYTE: u64 = 16;
/// All values together, in times of the largest that may be.
const SPENT_VALUES: u64 = 64;
/// Values that are looked at, all together.
const SPENT_NODES: u64 = 50_000_000;
/// Steps of the template, where the conversation is small.
const STEPS: u64 = 1_000_000;
/// Steps for each message, tool, and value of a tool's schema.
const STEPS_PER_NODE: u64 = 4096;

/// Limits of one rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Steps: minijinja's fuel.
    pub(super) steps: u64,
    /// Bytes of the largest value, and of the prompt.
    pub(super) value_bytes: u64,
}

impl Limits {
    /// For a conversation of so many bytes, and so many messages, tools and values in these.
    pub(super) fn of(bytes: u64, nodes: u64) -> Self {
        Self {
            steps: STEPS.saturating_add(STEPS_PER_NODE.saturating_mul(nodes)),
            value_bytes: VALUE_BYTES.saturating_add(VALUE_BYTES_PER_BYTE.saturating_mul(bytes)),
        }
    }
}

struct Budget {
    value_bytes: u64,
    bytes: u64,
    nodes: u64,
    cancelled: CancelFlag,
}

thread_local! {
    /// Of the rendering that runs on this thread.
    static CURRENT: RefCell<Option<Budget>> = const { RefCell::new(None) };
}

/// Ends the budget of a rendering, however it ends.
struct Spending(Option<Budget>);

impl Drop for Spending {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Runs `render` under `limits`, until `cancelled` says that nobody wants it any more.
pub(super) fn within<T>(limits: Limits, cancelled: &CancelFlag, render: impl FnOnce() -> T) -> T {
    let Limits { value_bytes, .. } = limits;
    let bytes = value_bytes.saturating_mul(SPENT_VALUES);
    let budget = Budget { value_bytes, bytes, nodes: SPENT_NODES, cancelled: cancelled.clone() };
    let _spending = Spending(CURRENT.replace(Some(budget)));
    render()
}

/// Charges a value of `bytes` with `nodes` others in it. Without a budget, which is while a template
/// is compiled, nothing is charged.
///
/// # Errors
/// When it is too large or the budget is spent.
pub(super) fn charge(bytes: u64, nodes: u64) -> Result<(), Error> {
    let largest = CURRENT.with_borrow(|c| c.as_ref().map_or(u64::MAX, |b| b.value_bytes));
    if bytes > largest || nodes > VALUE_NODES {
        return Err(too_much("makes a value"));
    }
    spend(bytes, nodes)
}

/// Charges what is no one value.
///
/// # Errors
/// When the budget is spent.
pub(super) fn spend(bytes: u64, nodes: u64) -> Result<(), Error> {
    CURRENT.with_borrow_mut(|current| {
        let Some(budget) = current else { return Ok(()) };
        if budget.cancelled.is_set() {
            return Err(Error::new(ErrorKind::InvalidOperation, "nobody waits for this prompt"));
        }
        let left = (budget.bytes.checked_sub(bytes), budget.nodes.checked_sub(nodes));
        let (Some(bytes), Some(nodes)) = left else { return Err(too_much("makes values")) };
        (budget.bytes, budget.nodes) = (bytes, nodes);
        Ok(())
    })
}

/// Charges `value` by its size.
///
/// # Errors
/// See [`charge`].
pub(super) fn charge_value(value: &Value) -> Result<(), Error> {
    if let Some(text) = value.as_str() {
        return charge(text.len() as u64, 1);
    }
    let mut nodes = 0;
    let mut open = vec![(value.clone(), 0)];
    while let Some((value, depth)) = open.pop() {
        nodes += 1;
        if nodes > VALUE_NODES || depth > VALUE_DEPTH {
            return Err(too_much("makes a value"));
        }
        match value.kind() {
            ValueKind::Seq => open.extend(value.try_iter()?.map(|item| (item, depth + 1))),
            ValueKind::Map => {
                let values = value.try_iter()?.filter_map(|key| value.get_item(&key).ok());
                open.extend(values.map(|value| (value, depth + 1)));
            }
            // One that is made while it is read is charged where it is read.
            ValueKind::Iterable => nodes += value.len().unwrap_or(0) as u64,
            _ => {}
        }
    }
    charge(0, nodes)
}

fn too_much(what: &str) -> Error {
    let reason = format!("it {what} far larger than the conversation: its loops or sums run away");
    Error::new(ErrorKind::InvalidOperation, reason)
}

/// A text that is no longer than a value may be.
#[derive(Default)]
pub(super) struct BoundedText {
    text: String,
}

impl BoundedText {
    /// The text, charged.
    pub(super) fn text(self) -> Result<String, Error> {
        charge(self.text.len() as u64, 0)?;
        Ok(self.text)
    }

    /// `value` as it is shown.
    pub(super) fn show(value: &Value) -> Result<String, Error> {
        let mut bounded = Self::default();
        fmt::Write::write_fmt(&mut bounded, format_args!("{value}"))
            .map_err(|_| too_much("writes a value"))?;
        bounded.text()
    }

    /// # Errors
    /// When the text becomes too long.
    pub(super) fn push(&mut self, text: &str) -> Result<(), Error> {
        fmt::Write::write_str(self, text).map_err(|_| too_much("writes a value"))
    }
}

impl fmt::Write for BoundedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        let largest = CURRENT.with_borrow(|c| c.as_ref().map_or(u64::MAX, |b| b.value_bytes));
        if self.text.len() as u64 > largest { Err(fmt::Error) } else { Ok(()) }
    }
}

impl std::io::Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        fmt::Write::write_str(self, text).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
