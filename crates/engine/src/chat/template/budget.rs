//! Budget of one rendering.
//!
//! Owns: the limits of a rendering, in steps and bytes instead of time, so that results do not
//! depend on the load of the machine; and the remaining budget, per thread while a template runs
//! there.
//!
//! Invariants: no value created by a template exceeds [`Limits::value_bytes`] or [`VALUE_NODES`]
//! nested values; all values together stay within the budget.

use std::cell::RefCell;
use std::fmt;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use crate::workers::CancelFlag;

/// Maximum values nested in a created value.
const VALUE_NODES: u64 = 1_000_000;
/// Maximum levels of a created or written value; a client's JSON has at most 128.
const VALUE_DEPTH: usize = 256;
/// Maximum size of a created value for a small conversation, in bytes.
const VALUE_BYTES: u64 = 8 << 20;
/// Additional bytes per byte of the conversation, for escapes, indentation and marks.
const VALUE_BYTES_PER_BYTE: u64 = 16;
/// Limit on all values together, as a multiple of the largest allowed value.
const SPENT_VALUES: u64 = 64;
/// Limit on visited values, all together.
const SPENT_NODES: u64 = 50_000_000;
/// Steps of the template for a small conversation.
const STEPS: u64 = 1_000_000;
/// Additional steps per message, tool, and value of a tool's schema.
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
    /// Limits for a conversation of `bytes` bytes and `nodes` messages, tools and nested values.
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
    /// Budget of the rendering on this thread.
    static CURRENT: RefCell<Option<Budget>> = const { RefCell::new(None) };
}

/// Guard that restores the previous budget.
struct Spending(Option<Budget>);

impl Drop for Spending {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Runs `render` within `limits`, until `cancelled`.
pub(super) fn within<T>(limits: Limits, cancelled: &CancelFlag, render: impl FnOnce() -> T) -> T {
    let Limits { value_bytes, .. } = limits;
    let bytes = value_bytes.saturating_mul(SPENT_VALUES);
    let budget = Budget { value_bytes, bytes, nodes: SPENT_NODES, cancelled: cancelled.clone() };
    let _spending = Spending(CURRENT.replace(Some(budget)));
    render()
}

/// Charges a value of `bytes` with `nodes` nested values. Without a budget, as during compilation,
/// nothing is charged.
///
/// # Errors
/// If the value is too large or the budget is exhausted.
pub(super) fn charge(bytes: u64, nodes: u64) -> Result<(), Error> {
    let largest = CURRENT.with_borrow(|c| c.as_ref().map_or(u64::MAX, |b| b.value_bytes));
    if bytes > largest || nodes > VALUE_NODES {
        return Err(too_much("makes a value"));
    }
    spend(bytes, nodes)
}

/// Charges work that is not a single value.
///
/// # Errors
/// If the budget is exhausted.
pub(super) fn spend(bytes: u64, nodes: u64) -> Result<(), Error> {
    CURRENT.with_borrow_mut(|current| {
        let Some(budget) = current else { return Ok(()) };
        if budget.cancelled.is_set() {
            return Err(Error::new(ErrorKind::InvalidOperation, "the request was cancelled"));
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
            // Lazy values are charged when they are read.
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

/// Text buffer limited to the size of a value.
#[derive(Default)]
pub(super) struct BoundedText {
    text: String,
}

impl BoundedText {
    /// Charges and returns the text.
    pub(super) fn text(self) -> Result<String, Error> {
        charge(self.text.len() as u64, 0)?;
        Ok(self.text)
    }

    /// `value` as displayed.
    pub(super) fn show(value: &Value) -> Result<String, Error> {
        let mut bounded = Self::default();
        fmt::Write::write_fmt(&mut bounded, format_args!("{value}"))
            .map_err(|_| too_much("writes a value"))?;
        bounded.text()
    }

    /// Appends `text`.
    ///
    /// # Errors
    /// If the text becomes too long.
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
