//! Stop strings, matched across token boundaries.

/// Streaming matcher that holds back text that may become a stop string.
#[derive(Debug)]
pub(super) struct StopStrings {
    stops: Vec<String>,
    held: String,
}

/// Text released by the matcher.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) text: String,
    /// Index of the matched stop string; text from it on is dropped.
    pub(super) matched: Option<usize>,
}

impl StopStrings {
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { stops, held: String::new() }
    }

    /// Adds text; releases what cannot be part of a stop string.
    pub(super) fn push(&mut self, text: &str) -> Released {
        self.held.push_str(text);
        let found = self.stops.iter().enumerate();
        let found = found.filter_map(|(place, stop)| Some((self.held.find(stop.as_str())?, place)));
        if let Some((at, place)) = found.min() {
            self.held.truncate(at);
            return Released { text: std::mem::take(&mut self.held), matched: Some(place) };
        }
        let hold = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - hold);
        Released { text: std::mem::replace(&mut self.held, rest), matched: None }
    }

    /// Flushes held-back text at the end of the answer.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest suffix of `text` that is a prefix of `pattern`.
pub(super) fn overlap(text: &str, pattern: &str) -> usize {
    (1..=pattern.len().min(text.len()))
        .rev()
        .find(|len| text.as_bytes().ends_with(&pattern.as_bytes()[..*len]))
        .unwrap_or(0)
}
