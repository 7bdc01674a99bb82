//! Single requests: token counts, ends, rejections.

use harmonic_types::{FinishReason, Rejection, RequestId};

use super::{Factory, answer, ask, config};

pub(super) async fn usage_counts_the_tokens_generated(factory: Factory<'_>) {
    let engine = factory(config(2, 512));
    let question = "Name three colours.";
    let mut request = ask(1, "first", question, 40);
    // One entry per sampled token, counted independently of the scheduler.
    request.top_logprobs = Some(1);
    let answer = answer(&engine, request).await;
    assert_eq!(answer.usage.completion_tokens as usize, answer.logprobs.len());
    let counted = engine.count_tokens(ask(2, "first", question, 40)).await;
    assert_eq!(answer.usage.prompt_tokens, counted.expect("counted").0);
}

pub(super) async fn max_tokens_ends_with_length(factory: Factory<'_>) {
    let engine = factory(config(1, 512));
    let answer = answer(&engine, ask(1, "first", "Count to one hundred.", 3)).await;
    assert_eq!(answer.reason, Some(FinishReason::Length));
    assert_eq!(answer.usage.completion_tokens, 3);
}

pub(super) async fn ignore_eos_goes_on_to_the_limit(factory: Factory<'_>) {
    let engine = factory(config(1, 512));
    let mut request = ask(1, "first", "Say yes.", 60);
    request.ignore_eos = true;
    let answer = answer(&engine, request).await;
    assert_eq!(answer.reason, Some(FinishReason::Length));
    assert_eq!(answer.usage.completion_tokens, 60);
}

pub(super) async fn a_stop_string_ends_the_answer(factory: Factory<'_>) {
    let engine = factory(config(1, 512));
    let whole = answer(&engine, ask(1, "first", "Tell me about the sea.", 60)).await;
    let half = whole.text.chars().count() / 2;
    let stop: String = whole.text.chars().skip(half).take(4).collect();
    let mut request = ask(2, "first", "Tell me about the sea.", 60);
    request.stop = vec!["\u{0}".to_owned(), stop.clone()];
    let cut = answer(&engine, request).await;
    assert_eq!(cut.reason, Some(FinishReason::StopString { index: 1 }));
    let expected = whole.text.split(&stop).next().unwrap_or_default();
    assert_eq!(cut.text, expected, "up to {stop:?} of {:?}", whole.text);
    assert!(cut.usage.completion_tokens < whole.usage.completion_tokens);
}

pub(super) async fn a_seed_repeats_the_answer(factory: Factory<'_>) {
    let engine = factory(config(1, 512));
    let mut texts = Vec::new();
    for seed in [5, 5, 6] {
        let mut request = ask(seed, "first", "Invent a name for a ship.", 30);
        request.sampling.temperature = Some(1.5);
        request.seed = Some(seed);
        texts.push(answer(&engine, request).await.text);
    }
    assert_eq!(texts[0], texts[1]);
    assert_ne!(texts[1], texts[2]);
}

pub(super) async fn a_full_context_ends_with_length(factory: Factory<'_>) {
    let engine = factory(config(1, 128));
    let mut request = ask(1, "first", "Write a very long story.", u32::MAX);
    request.ignore_eos = true;
    let answer = answer(&engine, request).await;
    assert_eq!(answer.reason, Some(FinishReason::Length));
    assert_eq!(answer.usage.prompt_tokens + answer.usage.completion_tokens, 128);
}

pub(super) async fn what_cannot_run_is_refused(factory: Factory<'_>) {
    let engine = factory(config(1, 256));
    let long = "word ".repeat(400);
    let rejection = engine.submit(ask(1, "first", &long, 5)).await.expect_err("does not fit");
    assert!(
        matches!(rejection, Rejection::PromptTooLong { .. } | Rejection::PromptBeyond { .. }),
        "{rejection:?}"
    );
    let rejection = engine.submit(ask(2, "nobody", "hello", 5)).await.expect_err("unknown");
    let Rejection::UnknownAgent { agent, known } = rejection else { panic!("{rejection:?}") };
    assert_eq!((agent.0.as_str(), known.as_str()), ("nobody", "first, second"));
    let after = answer(&engine, ask(3, "first", "hello", 5)).await;
    assert!(after.usage.completion_tokens > 0, "a rejection leaves the engine unchanged");
    let request = ask(4, "first", "hello", 5);
    let generation = engine.submit(request).await.expect("granted");
    assert_eq!(generation.admitted().request, RequestId(4));
}
