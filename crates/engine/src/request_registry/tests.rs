//! Final events.

use std::sync::Arc;

use harmonic_batching::{Finished, Token};
use harmonic_events::EventStream;
use harmonic_types::{AgentName, Event, FinishReason, RequestClass, RequestId, Usage};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::unbounded_channel;

use super::{PendingRequest, Progress, RequestRegistry, ResponseSink, SharedStatus};
use crate::chat::Chat;
use crate::publisher::Publisher;
use crate::sampling::{Failure, SampledToken};
use crate::sim::SimVocabulary;

#[test]
fn an_answer_that_cannot_continue_fails_once_with_its_cause() {
    let form = Failure::Form("why".to_owned());
    let model = Failure::Model("why".to_owned());
    let message = "why".to_owned();
    assert_eq!(last_word(form), Event::FormBroken { message: message.clone() });
    assert_eq!(last_word(model), Event::Failed { message });
}

/// Final event of an answer that cannot continue after its first token.
fn last_word(failure: Failure) -> Event {
    let publisher = Publisher::new(EventStream::default(), "e".to_owned(), Vec::new());
    let mut registry = RequestRegistry::new(SharedStatus::new(Vec::new()), publisher);
    let (events, mut received) = unbounded_channel();
    let chat = Chat::new(Arc::new(SimVocabulary)).expect("a template");
    let client = ResponseSink {
        request: RequestId(7),
        agent: AgentName::from("only"),
        decoder: chat.decoder(Vec::new(), false, &[]),
        admitted: None,
        events,
    };
    let progress = Progress::Untouched;
    let class = RequestClass::Interactive;
    let open =
        PendingRequest { client, agent: 0, class, prompt_tokens: 1, progress, sampler: None };
    registry.open(RequestId(1), open);
    let choice = |token: u8, failure: Option<Failure>| SampledToken {
        token: Token(token.into()),
        logprobs: None,
        failure,
    };
    assert!(!registry.emit(RequestId(1), choice(b'a', None)));
    assert!(registry.emit(RequestId(1), choice(b'b', Some(failure))), "the answer ends");
    let (reason, usage) = (FinishReason::Stop, Usage::default());
    registry.finish(&Finished { id: RequestId(1), seq: None, reason, usage });
    assert!(matches!(received.try_recv(), Ok(Event::Text { text, .. }) if text == "a"));
    let last = received.try_recv().expect("a last word");
    assert_eq!(received.try_recv(), Err(TryRecvError::Disconnected));
    last
}
