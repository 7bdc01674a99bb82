//! The flags of llama-server, by all of their names.
//!
//! Owns the table (`flags.tsv`) and the lookup. A test compares it with the source of the engine.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::setting::Setting;

const TABLE: &str = include_str!("flags.tsv");

/// Values of a flag on a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// None: a switch.
    None,
    /// One.
    One,
    /// Two.
    Two,
    /// `on`, `off` or `auto`; in earlier builds none.
    Optional,
}

/// One of the names of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag {
    pub(crate) setting: Setting,
    pub(crate) values: Values,
    /// Whether this name turns a switch off.
    pub(crate) negated: bool,
}

/// Flags by name with its dashes, and by variable.
static FLAGS: LazyLock<HashMap<&str, Flag>> = LazyLock::new(|| {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    rows.flat_map(|row| entries(row).expect("the table of flags is well formed: tested")).collect()
});

/// Every name in a row of the table, and its flag.
fn entries(row: &'static str) -> Option<Vec<(&'static str, Flag)>> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [setting, values, variable, names, negations] = columns.as_slice() else { return None };
    let values = match *values {
        "0" => Values::None,
        "1" => Values::One,
        "2" => Values::Two,
        "?" => Values::Optional,
        _ => return None,
    };
    let flag = Flag { setting: Setting::named(setting)?, values, negated: false };
    let of = |names: &'static str| names.split(' ').filter(|name| *name != "-");
    let plain = of(names).chain(of(variable)).map(|name| (name, flag));
    let negated = of(negations).map(|name| (name, Flag { negated: true, ..flag }));
    Some(plain.chain(negated).collect())
}

/// The flag of a word of a command line. Underscores of a long name are dashes.
pub(crate) fn of_word(word: &str) -> Option<Flag> {
    if !word.starts_with('-') {
        return None;
    }
    let word = if word.starts_with("--") { word.replace('_', "-") } else { word.to_owned() };
    FLAGS.get(word.as_str()).copied()
}

/// The flag of a variable, such as `LLAMA_ARG_CTX_SIZE`.
pub(crate) fn of_variable(name: &str) -> Option<Flag> {
    FLAGS.get(name).copied().filter(|_| !name.starts_with('-'))
}

/// The flag of a key of a preset: a name without its dashes, or a variable.
pub(crate) fn of_key(key: &str) -> Option<Flag> {
    let dashed = |dashes: &str| FLAGS.get(format!("{dashes}{key}").as_str()).copied();
    of_variable(key).or_else(|| dashed("--")).or_else(|| dashed("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling_value::SamplingKey;

    #[test]
    fn every_row_is_well_formed_and_no_name_is_there_twice() {
        let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
        let named: Vec<_> = rows.flat_map(|row| entries(row).expect(row)).collect();
        assert!(named.len() > 400, "{}", named.len());
        let twice: Vec<_> = named
            .iter()
            .enumerate()
            .filter(|(at, (name, _))| named[..*at].iter().any(|(other, _)| other == name))
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn a_flag_is_found_by_each_of_its_names() {
        let context = Flag { setting: Setting::Context, values: Values::One, negated: false };
        for word in ["-c", "--ctx-size", "--ctx_size"] {
            assert_eq!(of_word(word), Some(context), "{word}");
        }
        for key in ["c", "ctx-size", "LLAMA_ARG_CTX_SIZE"] {
            assert_eq!(of_key(key), Some(context), "{key}");
        }
        assert_eq!(of_key("temp").unwrap().setting, Setting::Sampling(SamplingKey::Temperature));
        assert!(of_word("--no-kv-unified").unwrap().negated);
        for word in ["c", "", "-", "--", "LLAMA_ARG_CTX_SIZE"] {
            assert_eq!(of_word(word), None, "{word}");
        }
        assert_eq!((of_variable("-c"), of_key("no-such")), (None, None));
    }
}
