//! Biased and constrained answers.

use std::collections::BTreeMap;

use futures::future::join_all;
use harmonic_types::{FinishReason, Format, Rejection, Request};
use serde_json::{Value, json};

use super::{Factory, answer, ask, config};

pub(super) async fn a_bias_lifts_and_bans(factory: Factory<'_>) {
    let engine = factory(config(1, 512));
    let texts = async |bias: f32| {
        let mut request = ask(1, "first", "Name three colours.", 6);
        request.logit_bias = BTreeMap::from([(100, bias)]);
        request.ignore_eos = true;
        request.top_logprobs = Some(0);
        let answer = answer(&engine, request).await;
        answer.logprobs.into_iter().map(|token| token.token).collect::<Vec<_>>()
    };
    let lifted = texts(100.0).await;
    assert_eq!(lifted, vec![lifted[0].clone(); 6]);
    assert!(!texts(-100.0).await.contains(&lifted[0]));
    let mut request = ask(2, "first", "hello", 5);
    request.logit_bias = BTreeMap::from([(u32::MAX, 1.0)]);
    let rejection = engine.submit(request).await.expect_err("no such token");
    assert!(rejection.to_string().contains("names token 4294967295"), "{rejection}");
}

fn person() -> Format {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
            "tags": {
                "type": "array", "items": {"enum": ["red", "green"]}, "minItems": 1, "maxItems": 3,
            },
        },
        "required": ["name", "age", "tags"],
        "additionalProperties": false,
    });
    Format::JsonSchema(schema.to_string())
}

fn is_person(value: &Value) -> bool {
    let name = value["name"].as_str().is_some_and(|name| name.chars().count() <= 12);
    let age = value["age"].as_u64().is_some_and(|age| age <= 120);
    let tags = value["tags"].as_array().is_some_and(|tags| {
        (1..=3).contains(&tags.len()) && tags.iter().all(|tag| *tag == "red" || *tag == "green")
    });
    name && age && tags && value.as_object().is_some_and(|fields| fields.len() == 3)
}

pub(super) async fn an_answer_keeps_its_form(factory: Factory<'_>) {
    let engine = factory(config(8, 512));
    let formed = |id: u64, format: &Format| {
        let mut request = ask(id, "first", "Describe a person in JSON.", 200);
        request.format = Some(format.clone());
        request.sampling.temperature = Some(0.4 * id as f32);
        request.seed = Some(id);
        request
    };
    // In one batch with unconstrained answers.
    let plain = (0..4).map(|id| answer(&engine, ask(id, "second", "Tell me about the sea.", 20)));
    let people = (0..6).map(|id| answer(&engine, formed(id, &person())));
    let (people, plain) = futures::join!(join_all(people), join_all(plain));
    assert!(plain.iter().all(|answer| answer.usage.completion_tokens > 0));
    for answer in &people {
        assert_eq!(answer.reason, Some(FinishReason::Stop), "{}", answer.text);
        let value: Value = serde_json::from_str(&answer.text).expect(&answer.text);
        assert!(is_person(&value), "{value}");
    }
    let again = answer(&engine, formed(3, &person())).await;
    assert_eq!(again.reason, Some(FinishReason::Stop));
    let object = answer(&engine, formed(0, &Format::JsonObject)).await;
    if object.reason == Some(FinishReason::Stop) {
        let value: Value = serde_json::from_str(&object.text).expect(&object.text);
        assert!(value.is_object(), "{value}");
    } else {
        assert!(object.text.starts_with('{'), "the start of an object: {}", object.text);
    }
    let plate = answer(&engine, formed(1, &Format::Regex("[A-Z]{3}-[0-9]{4}".to_owned()))).await;
    assert_eq!((plate.reason, plate.text.len()), (Some(FinishReason::Stop), 8), "{}", plate.text);
    let lark = "start: \"red\" | \"green\"".to_owned();
    let colour = answer(&engine, formed(2, &Format::Grammar(lark))).await;
    assert!(["red", "green"].contains(&colour.text.as_str()), "{}", colour.text);
}

pub(super) async fn a_form_that_cannot_be_kept_is_refused(factory: Factory<'_>) {
    let engine = factory(config(1, 512));
    let refusal = async |change: &dyn Fn(&mut Request)| {
        let mut request = ask(1, "first", "hello", 5);
        request.format = Some(Format::JsonObject);
        change(&mut request);
        match engine.submit(request).await.expect_err("refused") {
            Rejection::Invalid { message } => message,
            other => panic!("{other:?}"),
        }
    };
    let unsupported = Format::JsonSchema(r#"{"if": {"type": "string"}}"#.to_owned());
    let message = refusal(&|request| request.format = Some(unsupported.clone())).await;
    assert!(message.contains("\"if\""), "{message}");
    let message = refusal(&|request| request.ignore_eos = true).await;
    assert!(message.contains("ignore_eos"), "{message}");
    let message = refusal(&|request| {
        request.format = Some(Format::JsonSchema(r##"{"$ref": "#"}"##.to_owned()));
    })
    .await;
    assert!(message.contains("leads back to itself"), "{message}");
    let after = answer(&engine, ask(2, "first", "hello", 5)).await;
    assert!(after.usage.completion_tokens > 0, "a rejection leaves the engine unchanged");
}
