//! Rate and wait of an answer as one line.

use std::time::Duration;

use harmonic_app::answer_timing::AnswerTiming;

/// Shorter times in the queue are not worth a word.
const MIN_QUEUED: Duration = Duration::from_millis(10);

/// Tokens, rate and wait for the first token; `None` before the first token.
pub fn line(timing: &AnswerTiming) -> Option<String> {
    let first = timing.first_token()?;
    let mut parts = Vec::new();
    if let Some(usage) = timing.usage() {
        let tokens = usage.completion_tokens;
        let unit = if tokens == 1 { "token" } else { "tokens" };
        let rate = timing.tok_s().map(|rate| format!(" at {rate:.1} tok/s"));
        parts.push(format!("{tokens} {unit}{}", rate.unwrap_or_default()));
    }
    let queued = timing.queued().filter(|queued| *queued >= MIN_QUEUED);
    let queued = queued.map(|queued| format!(", {:.2} s of it queued", queued.as_secs_f64()));
    let queued = queued.unwrap_or_default();
    parts.push(format!("first token after {:.2} s{queued}", first.as_secs_f64()));
    Some(format!("({})", parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use harmonic_api::ChatEvent;
    use harmonic_api::openai::Usage;
    use harmonic_types::Event;

    use super::*;

    #[test]
    fn only_figures_that_are_known_are_shown() {
        let sent = Instant::now();
        let at = |ms| sent + Duration::from_millis(ms);
        let text = ChatEvent::Delta(Event::Text { text: "a".to_owned(), logprobs: Vec::new() });
        let mut timing = AnswerTiming::new(sent);
        let mut shown = vec![line(&timing)];
        timing.event(&text, at(350));
        shown.push(line(&timing));
        timing.event(&text, at(1350));
        timing.admitted(Some(Duration::from_millis(120)));
        let usage = Usage {
            prompt_tokens: 9,
            completion_tokens: 43,
            total_tokens: 52,
            prompt_tokens_details: None,
        };
        timing.event(&ChatEvent::Usage(usage), at(1350));
        shown.push(line(&timing));
        let shown: Vec<_> = shown.into_iter().map(Option::unwrap_or_default).collect();
        assert_eq!(
            shown,
            [
                "",
                "(first token after 0.35 s)",
                "(43 tokens at 42.0 tok/s; first token after 0.35 s, 0.12 s of it queued)",
            ]
        );
    }
}
