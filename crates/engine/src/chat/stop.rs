//! Stop strings, met across any boundary of tokens.

/// Watches text for stop strings and holds back what may become one.
#[derive(Debug)]
pub(super) struct StopStrings {
    stops: Vec<String>,
    held: String,
}

/// What may leave.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) text: String,
    /// The place of the stop string that was met; what follows it is gone.
    pub(super) met: Option<usize>,
}

impl StopStrings {
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { stops, held: String::new() }
    }

    /// Takes more text; releases what cannot be part of a stop string any more.
    pub(super) fn push(&mut self, text: &str) -> Released {
        self.held.push_str(text);
        let found = self.stops.iter().enumerate();
        let found = found.filter_map(|(place, stop)| Some((self.held.find(stop.as_str())?, place)));
        if let Some((at, place)) = found.min() {
            self.held.truncate(at);
            return Released { text: std::mem::take(&mut self.held), met: Some(place) };
        }
        let hold = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - hold);
        Released { text: std::mem::replace(&mut self.held, rest), met: None }
    }

    /// What was held back and turned out to be the answer's.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` that `pattern` starts with.
pub(super) fn overlap(text: &str, pattern: &str) -> usize {
    (1..=pattern.len().min(text.len()))
        .rev()
        .find(|len| text.as_bytes().ends_with(&pattern.as_bytes()[..*len]))
        .unwrap_or(0)
}
