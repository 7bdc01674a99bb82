//! Mutable lists as in Python; minijinja's lists are immutable.
//!
//! Used only for templates that call a mutating list method (see [`source`](super::source)).
//!
//! Invariants: a list that is an item of another becomes immutable, as it could otherwise contain
//! itself or nest without limit; every change is charged to the rendering's budget.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::budget::{charge, charge_value, spend};

/// Filter that charges a created value and makes lists mutable.
pub(super) const MUTABLE_LIST: &str = "mutable_list__";
/// Mutating list methods.
const CHANGES: [&str; 7] = ["append", "extend", "insert", "pop", "remove", "clear", "reverse"];

/// Items moved by a change per charged node.
const MOVED_ITEMS: usize = 16;

pub(super) fn add_to(jinja: &mut Environment<'_>) {
    jinja.add_filter(MUTABLE_LIST, mutable_list);
}

/// Whether `source` calls a mutating list method.
pub(super) fn are_changed_in(source: &str) -> bool {
    let mut calls = source.split('.').skip(1).map(str::trim_start);
    calls.any(|call| {
        let named = CHANGES.iter().find_map(|name| call.strip_prefix(name));
        named.is_some_and(|rest| rest.trim_start().starts_with('('))
    })
}

/// Charges `value`, and makes it mutable if it is a list.
///
/// # Errors
/// If it exceeds the budget.
pub(super) fn mutable_list(value: Value) -> Result<Value, Error> {
    charge_value(&value)?;
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable if value.downcast_object_ref::<List>().is_none() => {
            let values = value.try_iter()?.collect();
            Ok(Value::from_object(List(Mutex::new(Items { values, is_part: false }))))
        }
        _ => Ok(value),
    }
}

#[derive(Debug)]
struct List(Mutex<Items>);

#[derive(Debug)]
struct Items {
    values: Vec<Value>,
    /// Whether it is an item of another list.
    is_part: bool,
}

impl List {
    fn items(&self) -> MutexGuard<'_, Items> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the items for a change.
    fn changed(&self) -> Result<MutexGuard<'_, Items>, Error> {
        let items = self.items();
        spend(0, 1 + (items.values.len() / MOVED_ITEMS) as u64)?;
        if items.is_part {
            return Err(invalid("a list that is an item of another cannot be changed".to_owned()));
        }
        Ok(items)
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.items().values.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items().values.len())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let none = Value::from(());
        match method {
            "append" => {
                let (item,): (Value,) = from_args(args)?;
                become_part(&item)?;
                self.changed()?.values.push(item);
            }
            "extend" => {
                let (items,): (Value,) = from_args(args)?;
                charge_value(&items)?;
                let items: Vec<Value> = items.try_iter()?.collect();
                charge(0, items.len() as u64)?;
                items.iter().try_for_each(become_part)?;
                self.changed()?.values.extend(items);
            }
            "insert" => {
                let (at, item): (i64, Value) = from_args(args)?;
                become_part(&item)?;
                let mut items = self.changed()?;
                let at = place(at, items.values.len()).min(items.values.len());
                items.values.insert(at, item);
            }
            "pop" => {
                let (at,): (Option<i64>,) = from_args(args)?;
                let mut items = self.changed()?;
                let len = items.values.len();
                let at = at.unwrap_or(-1);
                let is_within = i64::try_from(len).is_ok_and(|len| -len <= at && at < len);
                if !is_within {
                    return Err(invalid(format!("no item {at} to pop in a list of {len}")));
                }
                return Ok(items.values.remove(place(at, len)));
            }
            "remove" => {
                let (item,): (Value,) = from_args(args)?;
                charge_value(&item)?;
                let values = self.items().values.clone();
                charge(0, values.len() as u64)?;
                values.iter().try_for_each(charge_value)?;
                let at = values.iter().position(|value| *value == item);
                let at = at.ok_or_else(|| invalid("no such item to remove".to_owned()))?;
                self.changed()?.values.remove(at);
            }
            "clear" => self.changed()?.values.clear(),
            "reverse" => self.changed()?.values.reverse(),
            "copy" => {
                let values = self.items().values.clone();
                charge(0, values.len() as u64)?;
                return Ok(Value::from_object(Self(Mutex::new(Items { values, is_part: false }))));
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(none)
    }
}

/// Index for Python's `at` in a list of `len`, counted from the end if negative.
fn place(at: i64, len: usize) -> usize {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let at = if at < 0 { at.saturating_add(len).max(0) } else { at };
    usize::try_from(at).unwrap_or(0)
}

/// Makes the lists in `value` immutable.
fn become_part(value: &Value) -> Result<(), Error> {
    charge_value(value)?;
    let mut open = vec![value.clone()];
    while let Some(value) = open.pop() {
        if let Some(list) = value.downcast_object_ref::<List>() {
            list.items().is_part = true;
        }
        match value.kind() {
            ValueKind::Seq => open.extend(value.try_iter()?),
            ValueKind::Map => {
                open.extend(value.try_iter()?.filter_map(|key| value.get_item(&key).ok()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
