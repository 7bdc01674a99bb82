//! Verdicts of checks.
