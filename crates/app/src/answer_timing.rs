//! Timing of one streamed answer: the wait for its first token, and its rate.
//!
//! Invariants: tokens are those that the server counts, the time in the queue is the server's too;
//! a figure that nobody stated is absent, never zero.

use std::time::{Duration, Instant};

use harmonic_api::ChatEvent;
use harmonic_api::openai::Usage;

/// Timing of an answer while it is received.
#[derive(Clone, Copy, Debug)]
pub struct AnswerTiming {
    sent: Instant,
    first: Option<Instant>,
    last: Option<Instant>,
    queued: Option<Duration>,
    usage: Option<Usage>,
}

impl AnswerTiming {
    /// Timing of a request that is sent at `sent`.
    pub fn new(sent: Instant) -> Self {
        Self { sent, first: None, last: None, queued: None, usage: None }
    }

    /// Records the time in the server's queue, if the server states it.
    pub fn admitted(&mut self, queued: Option<Duration>) {
        self.queued = queued;
    }

    /// Records an event that arrived at `now`.
    pub fn event(&mut self, event: &ChatEvent, now: Instant) {
        match event {
            ChatEvent::Delta(_) => {
                self.first.get_or_insert(now);
                self.last = Some(now);
            }
            ChatEvent::Usage(usage) => self.usage = Some(*usage),
            ChatEvent::Finish { .. } => {}
        }
    }

    /// Time from the request to the first token.
    pub fn first_token(&self) -> Option<Duration> {
        Some(self.first?.saturating_duration_since(self.sent))
    }

    /// Time in the server's queue, a part of [`AnswerTiming::first_token`].
    pub fn queued(&self) -> Option<Duration> {
        self.queued
    }

    /// Token counts of the server.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Output rate after the first token, in tokens per second; `None` for fewer than two tokens.
    pub fn tok_s(&self) -> Option<f64> {
        let gaps = self.usage?.completion_tokens.checked_sub(1).filter(|gaps| *gaps > 0)?;
        let seconds = self.last?.saturating_duration_since(self.first?).as_secs_f64();
        (seconds > 0.0).then(|| f64::from(gaps) / seconds)
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::Event;

    use super::*;

    fn text() -> ChatEvent {
        ChatEvent::Delta(Event::Text { text: "a".to_owned(), logprobs: Vec::new() })
    }

    fn usage(completion_tokens: u32) -> ChatEvent {
        ChatEvent::Usage(Usage {
            prompt_tokens: 1,
            completion_tokens,
            total_tokens: completion_tokens + 1,
            prompt_tokens_details: None,
        })
    }

    #[test]
    fn the_rate_is_that_after_the_first_token_and_absent_without_counts() {
        let sent = Instant::now();
        let at = |ms| sent + Duration::from_millis(ms);
        let mut timing = AnswerTiming::new(sent);
        assert_eq!((timing.first_token(), timing.tok_s()), (None, None));
        timing.event(&text(), at(500));
        timing.event(&text(), at(1500));
        assert_eq!(timing.first_token(), Some(Duration::from_millis(500)));
        assert_eq!(timing.tok_s(), None, "the server counts nothing");
        timing.event(&usage(11), at(1600));
        assert_eq!(timing.tok_s(), Some(10.0));
        timing.event(&usage(1), at(1600));
        assert_eq!(timing.tok_s(), None, "one token has no rate");
    }
}
