//! What a template reads to learn whether the model is to think, and how hard.
//!
//! Owns: the names and words that public templates use. Which of them a template heeds is found out
//! by trying, when the model is set up; a name that it does not read is not told.
//!
//! Does not do: deciding whether to think.

use std::collections::{BTreeMap, HashSet};

use harmonic_types::{Effort, Thinking};
use minijinja::Value;

/// Names of a switch, with what turns it on and off.
const SWITCHES: [(&str, Setting, Setting); 6] = [
    ("enable_thinking", Setting::Flag(true), Setting::Flag(false)),
    ("thinking", Setting::Flag(true), Setting::Flag(false)),
    ("reasoning", Setting::Flag(true), Setting::Flag(false)),
    ("thinking_mode", Setting::Word("enabled"), Setting::Word("disabled")),
    ("thinking_option", Setting::Word("on"), Setting::Word("off")),
    ("thinking_budget", Setting::Untold, Setting::Tokens(0)),
];
/// Names of an effort.
const EFFORTS: [&str; 3] = ["reasoning_effort", "reasoning_strength", "thinking_effort"];
/// Words for no effort.
const NO_EFFORT: [&str; 3] = ["none", "no_think", "minimal"];
/// Whether old turns keep their thoughts: they do where they are sent, as with llama-server.
const KEPT_THOUGHTS: [(&str, bool); 4] = [
    ("preserve_thinking", true),
    ("clear_thinking", false),
    ("truncate_history_thinking", false),
    ("drop_thinking", false),
];
/// A word for an effort that no template knows.
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

/// The names that a template is told of.
pub(super) type SwitchValues = BTreeMap<&'static str, Value>;

/// How a template is told whether to think.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Switches {
    /// Whether it makes another prompt where the model is not to think.
    pub(super) can_forgo: bool,
    /// What it reads.
    reads: Vec<&'static str>,
    /// Its word for no effort, or for the least where it has no other means.
    off: Option<&'static str>,
    /// The word that it needs to think at all.
    on: Option<&'static str>,
    /// Its words for a low, a medium and a high effort.
    efforts: [Option<&'static str>; 3],
}

impl Switches {
    /// Those of a template that reads `names`, found by what `render` makes of a plain question.
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
        // A template that shows any word knows none.
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

    /// What the template is told.
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

    /// Its words for no effort and for the one that it needs to think, which a comparison with
    /// another server must know.
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
