//! Template variables that control thinking and its effort.
//!
//! Owns: the variable names and values of public templates. Those that a template uses are probed
//! when the model is set up; variables that it does not read are not set.
//!
//! Does not do: deciding whether to think.

use std::collections::{BTreeMap, HashSet};

use harmonic_types::{Effort, Thinking};
use minijinja::Value;

/// Names of switches, with their on and off values.
const SWITCHES: [(&str, Setting, Setting); 6] = [
    ("enable_thinking", Setting::Flag(true), Setting::Flag(false)),
    ("thinking", Setting::Flag(true), Setting::Flag(false)),
    ("reasoning", Setting::Flag(true), Setting::Flag(false)),
    ("thinking_mode", Setting::Word("enabled"), Setting::Word("disabled")),
    ("thinking_option", Setting::Word("on"), Setting::Word("off")),
    ("thinking_budget", Setting::Untold, Setting::Tokens(0)),
];
/// Names of effort variables.
const EFFORTS: [&str; 3] = ["reasoning_effort", "reasoning_strength", "thinking_effort"];
/// Values for no effort.
const NO_EFFORT: [&str; 3] = ["none", "no_think", "minimal"];
/// Variables for the reasoning of earlier turns: kept if sent by the client, as in llama-server.
const KEPT_THOUGHTS: [(&str, bool); 4] = [
    ("preserve_thinking", true),
    ("clear_thinking", false),
    ("truncate_history_thinking", false),
    ("drop_thinking", false),
];
/// Effort value that no template knows.
const UNKNOWN: &str = "probe_effort";

#[derive(Clone, Copy, Debug)]
enum Setting {
    Flag(bool),
    Word(&'static str),
    Tokens(u32),
    Untold,
}

impl Setting {
    fn value(self) -> Option<Value> {
        match self {
            Self::Flag(flag) => Some(flag.into()),
            Self::Word(word) => Some(word.into()),
            Self::Tokens(count) => Some(count.into()),
            Self::Untold => None,
        }
    }
}

/// Template variables with their values.
pub(super) type SwitchValues = BTreeMap<&'static str, Value>;

/// Thinking variables of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Switches {
    /// Whether the prompt differs if thinking is switched off.
    pub(super) can_forgo: bool,
    /// Variables that the template reads.
    reads: Vec<&'static str>,
    /// Effort value for no thinking, or the lowest one if there is no other means.
    off: Option<&'static str>,
    /// Effort value required to enable thinking.
    on: Option<&'static str>,
    /// Effort values for low, medium and high.
    efforts: [Option<&'static str>; 3],
}

impl Switches {
    /// Switches of a template that reads `names`, probed by the output of `render` for a question.
    pub(super) fn of(
        names: &HashSet<String>,
        render: impl Fn(SwitchValues) -> Option<String>,
    ) -> Self {
        let all = SWITCHES.iter().map(|(name, ..)| *name).chain(EFFORTS);
        let reads = all.filter(|name| names.contains(*name)).collect();
        let found = Self { reads, ..Self::default() };
        let switches =
            render(found.values(Thinking::On(None))) != render(found.values(Thinking::Off));
        if !EFFORTS.iter().any(|name| found.reads.contains(name)) {
            return Self { can_forgo: switches, ..found };
        }
        let plain = render(found.values(Thinking::On(None)));
        let with = |word: &'static str, base: Thinking| {
            let mut values = found.values(base);
            found.set_effort(&mut values, word);
            render(values)
        };
        let (on, off) = (Thinking::On(None), Thinking::Off);
        // A template that prints any value does not know the value.
        let knows = |word: &'static str| {
            let unknown = with(UNKNOWN, off).map(|text| text.replace(UNKNOWN, word));
            with(word, off).is_some_and(|text| unknown.as_ref() != Some(&text))
        };
        let least = ["low"].into_iter().find(|word| !switches && with(word, off).is_some());
        let no_effort = NO_EFFORT.into_iter().find(|word| knows(word));
        let takes =
            |words: [&'static str; 2]| words.into_iter().find(|word| with(word, on).is_some());
        let words = [takes(["low", "low"]), takes(["medium", "high"]), takes(["high", "high"])];
        let idle = no_effort.filter(|word| with(word, off) == plain);
        let on = idle.and(words[1]);
        Self {
            can_forgo: switches || no_effort.is_some(),
            off: no_effort.or(least),
            on,
            efforts: words,
            ..found
        }
    }

    /// Variables to set for `thinking`.
    pub(super) fn values(&self, thinking: Thinking) -> SwitchValues {
        let mut values: SwitchValues =
            KEPT_THOUGHTS.iter().map(|(name, kept)| (*name, Value::from(*kept))).collect();
        for (name, on, off) in SWITCHES {
            let setting = if thinking == Thinking::Off { off } else { on };
            if self.reads.contains(&name)
                && let Some(value) = setting.value()
            {
                values.insert(name, value);
            }
        }
        let word = match thinking {
            Thinking::Off => self.off,
            Thinking::On(None) => self.on,
            Thinking::On(Some(Effort::Low)) => self.efforts[0],
            Thinking::On(Some(Effort::Medium)) => self.efforts[1],
            Thinking::On(Some(Effort::High)) => self.efforts[2],
        };
        if let Some(word) = word {
            self.set_effort(&mut values, word);
        }
        values
    }

    /// Effort values for no thinking and for enabling it, for comparison with another server.
    #[cfg(test)]
    pub(super) fn words(&self) -> (Option<&'static str>, Option<&'static str>) {
        (self.off, self.on)
    }

    fn set_effort(&self, values: &mut SwitchValues, word: &'static str) {
        for name in EFFORTS.iter().filter(|name| self.reads.contains(name)) {
            values.insert(name, word.into());
        }
    }
}
