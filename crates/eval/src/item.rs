//! Items of a suite: a question with its answer.

use std::collections::BTreeMap;

use serde_json::Value;

/// A question with what answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Name within its suite.
    pub id: String,
    /// The goal of the run.
    pub goal: String,
    /// Material that all tasks read.
    pub brief: Option<String>,
    /// The right answer.
    pub expected: Expected,
}

/// The right answer of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// A number without separators of thousands, leading zeros and zeros that end a fraction.
    Number(String),
    /// A number for each label; all are right, or the answer is wrong.
    Values(BTreeMap<String, String>),
    /// Calls of functions, in any order.
    Calls(Vec<ExpectedCall>),
    /// A program that passes its tests.
    Program(Program),
}

/// A call of a function that is right.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedCall {
    /// Name of the function.
    pub name: String,
    /// For each argument the values that are right; an empty text among them is an argument that may
    /// be left out.
    pub arguments: BTreeMap<String, Vec<Value>>,
}

/// A function to be written in Python, with its tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Beginning: imports, signature, documentation.
    pub prompt: String,
    /// Definition of `check`, which takes the function.
    pub test: String,
    /// Name of the function.
    pub function: String,
}
