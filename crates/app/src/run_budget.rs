//! A run's budget as the user writes it: `tokens=20k,time=5m,joules=2kJ`.
//!
//! Invariants: a bound is given once and is above zero; a time has a unit.

use harmonic_types::{Joules, RunBudget, did_you_mean};

use crate::quantity;

/// Names of the bounds.
const BOUNDS: [&str; 3] = ["tokens", "time", "joules"];

/// Units of time, in milliseconds.
const TIMES: [(&str, f64); 5] =
    [("ms", 1.0), ("s", 1e3), ("m", 60e3), ("min", 60e3), ("h", 3_600e3)];

/// Units of energy, in joules.
const ENERGIES: [(&str, f64); 6] =
    [("", 1.0), ("J", 1.0), ("kJ", 1e3), ("MJ", 1e6), ("Wh", 3.6e3), ("kWh", 3.6e6)];

/// Error of a budget.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Not of the form `NAME=VALUE`.
    #[error("invalid bound `{0}`: expected NAME=VALUE, such as tokens=20k,time=5m,joules=2kJ")]
    Form(String),
    /// A bound that there is none of.
    #[error("unknown bound `{name}`{meant}: expected tokens, time or joules")]
    Unknown {
        /// Its name.
        name: String,
        /// Suggestion, or empty.
        meant: String,
    },
    /// A bound that is given twice.
    #[error("`{0}` is given twice: expected each bound once")]
    Twice(&'static str),
    /// A value that is no number with one of its units.
    #[error("invalid {name} `{value}`: expected {expected}")]
    Value {
        /// Name of the bound.
        name: &'static str,
        /// Its value.
        value: String,
        /// Valid values.
        expected: &'static str,
    },
    /// A bound that allows nothing.
    #[error("invalid {name} `{value}`: expected more than zero; leave {name} out for no bound")]
    Zero {
        /// Name of the bound.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

/// The budget in `text`.
///
/// # Errors
/// When it is not a list of bounds.
pub fn parse(text: &str) -> Result<RunBudget, BudgetError> {
    let mut budget = RunBudget::default();
    for part in text.split(',') {
        let form = || BudgetError::Form(part.trim().to_owned());
        let (name, value) = part.split_once('=').ok_or_else(form)?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || value.is_empty() {
            return Err(form());
        }
        match name {
            "tokens" => {
                let expected = "a number of tokens, such as 20000, 20k or 1.5M";
                let tokens = amount("tokens", value, &quantity::TOKENS, expected)?;
                once("tokens", &mut budget.tokens, whole("tokens", value, tokens, expected)?)?;
            }
            "time" => {
                let expected = "a time with its unit (ms, s, m, h), such as 90s or 5m";
                let time = amount("time", value, &TIMES, expected)?;
                once("time", &mut budget.time_ms, whole("time", value, time, expected)?)?;
            }
            "joules" => {
                let expected = "an energy (J, kJ, MJ, Wh, kWh), such as 500, 2kJ or 0.5Wh";
                let joules = amount("joules", value, &ENERGIES, expected)?;
                once("joules", &mut budget.joules, Joules(joules))?;
            }
            name => {
                let (meant, name) = (did_you_mean(name, BOUNDS), name.to_owned());
                return Err(BudgetError::Unknown { name, meant });
            }
        }
    }
    Ok(budget)
}

fn once<T>(name: &'static str, bound: &mut Option<T>, value: T) -> Result<(), BudgetError> {
    match bound.replace(value) {
        None => Ok(()),
        Some(_) => Err(BudgetError::Twice(name)),
    }
}

/// `value`, a number with one of `units`.
fn amount(
    name: &'static str,
    value: &str,
    units: &[(&str, f64)],
    expected: &'static str,
) -> Result<f64, BudgetError> {
    let invalid = || BudgetError::Value { name, value: value.to_owned(), expected };
    let amount = quantity::amount(value, units).ok_or_else(invalid)?;
    if amount <= 0.0 {
        return Err(BudgetError::Zero { name, value: value.to_owned() });
    }
    Ok(amount)
}

/// `amount`, which is one of things that cannot be divided.
fn whole(
    name: &'static str,
    value: &str,
    amount: f64,
    expected: &'static str,
) -> Result<u64, BudgetError> {
    let whole = quantity::whole(amount).filter(|whole| *whole > 0);
    whole.ok_or_else(|| BudgetError::Value { name, value: value.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_are_read_with_their_units() {
        for (text, expected) in [
            ("tokens=20k", (Some(20_000), None, None)),
            ("tokens=1.1k", (Some(1_100), None, None)),
            (" tokens = 7 , time = 1.5h ", (Some(7), Some(5_400_000), None)),
            ("time=5m", (None, Some(300_000), None)),
            ("time=5min", (None, Some(300_000), None)),
            ("time=250ms,joules=2kJ", (None, Some(250), Some(2_000.0))),
            ("joules=0.5Wh", (None, None, Some(1_800.0))),
            ("joules=500", (None, None, Some(500.0))),
        ] {
            let RunBudget { tokens, time_ms, joules } = parse(text).unwrap();
            assert_eq!((tokens, time_ms, joules.map(|joules| joules.0)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_expected() {
        let said = [
            "",
            "tokens",
            "tokens=",
            "=5",
            "tokens=20k,",
            "token=5",
            "minutes=5",
            "tokens=0",
            "tokens=0.4",
            "tokens=-5",
            "tokens=5x",
            "tokens=1e9",
            "time=5",
            "time=0s",
            "time=5M",
            "joules=2kWx",
            "joules=0",
            "tokens=5,tokens=6",
            "tokens=99999999999999999999",
            "time=5 m 3 s",
        ];
        let said = said.map(|text| format!("{text:?}: {}", parse(text).unwrap_err()));
        insta::assert_snapshot!(said.join("\n"));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_no_bound_is_zero(text in ".{0,40}|(tokens|time|joules)=[0-9.]{1,30}[a-zA-Z]{0,3}") {
            if let Ok(budget) = parse(&text) {
                prop_assert!(budget.tokens != Some(0) && budget.time_ms != Some(0));
                prop_assert!(budget.joules.is_none_or(|joules| joules.0 > 0.0 && joules.0.is_finite()));
            }
        }
    }
}
