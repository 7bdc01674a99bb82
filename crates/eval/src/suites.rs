//! Items of the suites: made by seed, or read from files of packages.

pub(crate) mod bfcl;
pub(crate) mod breadth;
pub(crate) mod chain;
pub(crate) mod gsm8k;
pub(crate) mod human_eval;
