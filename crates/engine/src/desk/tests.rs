//! Last words.

use std::sync::Arc;

use harmonic_sched::{Finished, Token};
use harmonic_types::{AgentName, Event, FinishReason, RequestId, Usage};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::unbounded_channel;

use super::{Client, Desk, Open, SharedBoard};
use crate::chat::Chat;
use crate::sampling::Choice;
use crate::sim::SimVocabulary;

#[test]
fn an_answer_that_cannot_keep_its_form_fails_once() {
    let mut desk = Desk::new(SharedBoard::new(Vec::new()));
    let (events, mut heard) = unbounded_channel();
    let chat = Chat::new(Arc::new(SimVocabulary)).expect("a template");
    let client = Client {
        request: RequestId(7),
        agent: AgentName::from("only"),
        decoder: chat.decoder(Vec::new(), false, &[]),
        granted: None,
        events,
    };
    desk.open(RequestId(1), Open { client, prompt_tokens: 1, sampler: None });
    let choice = |token: u8, failure: Option<&str>| Choice {
        token: Token(token.into()),
        logprobs: None,
        failure: failure.map(str::to_owned),
    };
    assert!(!desk.tell(RequestId(1), choice(b'a', None)));
    assert!(desk.tell(RequestId(1), choice(b'b', Some("why"))), "the answer ends");
    let (reason, usage) = (FinishReason::Stop, Usage::default());
    desk.finish(&Finished { id: RequestId(1), seq: None, reason, usage });
    assert!(matches!(heard.try_recv(), Ok(Event::Text { text, .. }) if text == "a"));
    assert_eq!(heard.try_recv(), Ok(Event::Failed { message: "why".to_owned() }));
    assert_eq!(heard.try_recv(), Err(TryRecvError::Disconnected));
}
