//! Masks of grammars, and validity of answers sampled under schemas.

mod growth;
mod numbers;
mod thinking;

use harmonic_batching::Token;
use harmonic_types::{Format, Sampling};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Constraint, FormatError, Grammars};
use crate::chat::Vocabulary;
use crate::sampling::{Failure, Sampler};

/// Vocabulary of bytes, typical JSON tokens, half of a character, a control token, and two ends of
/// turn.
struct Pieces;

const PIECES: [&[u8]; 18] = [
    b"{\"",
    b"\":",
    b"\": ",
    b"\",",
    b"\"}",
    b", \"",
    b"true",
    b"false",
    b"null",
    b"12",
    b" name",
    b"}}",
    b"[]",
    b"[1",
    b"{}",
    b"\xe2\x82",
    b"abcdefgh",
    b"\n  ",
];
const CONTROL: i32 = 256 + 18;
const ENDS: [Token; 2] = [Token(CONTROL + 1), Token(CONTROL + 2)];
const SIZE: u32 = 256 + 18 + 3;

impl Vocabulary for Pieces {
    fn size(&self) -> u32 {
        SIZE
    }
    fn tokenize(&self, text: &str) -> Vec<Token> {
        text.bytes().map(|byte| Token(i32::from(byte))).collect()
    }
    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        match u8::try_from(token.0) {
            Ok(byte) => out.push(byte),
            Err(_) => out.extend(
                usize::try_from(token.0 - 256)
                    .ok()
                    .and_then(|at| PIECES.get(at))
                    .copied()
                    .unwrap_or(b""),
            ),
        }
    }
    fn ends_turn(&self, token: Token) -> bool {
        ENDS.contains(&token)
    }
    fn turn_ends(&self) -> Vec<Token> {
        ENDS.to_vec()
    }
    fn chat_template(&self) -> Option<String> {
        None
    }
    fn bos_text(&self) -> String {
        String::new()
    }
    fn eos_text(&self) -> String {
        String::new()
    }
}

fn grammars() -> Grammars {
    Grammars::new("pieces", &Pieces).expect("a vocabulary with an end of turn")
}

fn constraint(format: &Format) -> Constraint {
    grammars().compile(format).expect("a good format")
}

fn schema(schema: &Value) -> Format {
    Format::JsonSchema(schema.to_string())
}

/// Tokens allowed after `text`, taken byte by byte.
fn after(constraint: &mut Constraint, text: &str) -> Vec<Token> {
    for byte in text.bytes() {
        let token = Token(i32::from(byte));
        assert!(constraint.allowed().expect("goes on").allows(token), "{token:?} of {text:?}");
        constraint.advance(token);
    }
    let mask = constraint.allowed().expect("goes on");
    (0..SIZE.cast_signed()).map(Token).filter(|token| mask.allows(*token)).collect()
}

fn byte(byte: u8) -> Token {
    Token(i32::from(byte))
}

#[test]
fn the_end_of_turn_is_allowed_where_the_answer_may_end_and_forced_where_it_must() {
    let mut digits = constraint(&Format::Regex("[0-9]{1,2}".to_owned()));
    let first = after(&mut digits, "");
    assert!(first.contains(&byte(b'7')) && !first.contains(&ENDS[0]), "{first:?}");
    let second = after(&mut digits, "7");
    assert!(second.contains(&byte(b'7')) && ENDS.iter().all(|end| second.contains(end)));
    assert_eq!(after(&mut digits, "7"), ENDS);
}

#[test]
fn pieces_are_allowed_where_their_bytes_are() {
    let object = schema(&json!({
        "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"],
        "additionalProperties": false,
    }));
    let piece = |bytes: &[u8]| {
        Token(256 + i32::try_from(PIECES.iter().position(|p| *p == bytes).unwrap()).unwrap())
    };
    let mut constraint = constraint(&object);
    let start = after(&mut constraint, "");
    assert!(start.contains(&piece(b"{\"")) && !start.contains(&piece(b"{}")), "{start:?}");
    let text = after(&mut constraint, r#"{"name":""#);
    assert!(text.contains(&piece(b"\xe2\x82")) && text.contains(&piece(b"\"}")));
    assert!(!text.contains(&Token(CONTROL)), "control tokens are never part of an answer");
    // A character must be completed first.
    constraint.advance(piece(b"\xe2\x82"));
    let half = after(&mut constraint, "");
    assert!(half.contains(&byte(0xac)) && !half.contains(&byte(b'"')), "{half:?}");
}

#[test]
fn white_space_is_bounded() {
    let mut constraint = constraint(&Format::JsonObject);
    assert!(after(&mut constraint, "{ ").contains(&byte(b'"')));
    assert!(!after(&mut constraint, "").contains(&byte(b' ')));
}

#[test]
fn grammars_in_lark_are_understood() {
    let lark = "start: \"yes\" | \"no\" (\" \" WORD)?\nWORD: /[a-z]+/\n".to_owned();
    let mut constraint = constraint(&Format::Grammar(lark));
    assert_eq!(after(&mut constraint, ""), [byte(b'n'), byte(b'y')]);
    assert_eq!(after(&mut constraint, "yes"), ENDS);
}

#[test]
fn what_cannot_be_enforced_is_refused_by_name() {
    let grammars = grammars();
    let refusal = |format| match grammars.compile(&format) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{format:?} is accepted"),
    };
    let refusals = [
        refusal(Format::JsonSchema("{".to_owned())),
        refusal(schema(&json!(7))),
        refusal(schema(&json!({"type": "colour"}))),
        refusal(schema(&json!({"if": {"type": "string"}}))),
        refusal(schema(&json!({"type": "integer", "minimum": 2, "maximum": 1}))),
        refusal(schema(&json!({"oneOf": [{"minimum": 1}, {"maximum": 9}]}))),
        refusal(schema(&json!({"$ref": "#/$defs/nothing"}))),
        refusal(schema(&json!({"not": {}, "x-guidance": {"lenient": true}}))),
        refusal(Format::Regex("(".to_owned())),
        refusal(Format::Grammar("start: nothing".to_owned())),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    the schema is not valid JSON: EOF while parsing an object at line 1 column 1
    cannot constrain the answer to this schema: schema must be an object or boolean
    cannot constrain the answer to this schema: Invalid type: colour
    cannot constrain the answer to this schema: Unimplemented keys: ["if"]
    cannot constrain the answer to this schema: Unsatisfiable schema: minimum (2) is greater than maximum (1)
    cannot constrain the answer to this schema: oneOf constraints are not supported. Enable 'coerce_one_of' option to approximate oneOf with anyOf
    cannot constrain the answer to this schema: Reference segment '$defs' not found in '#/$defs/nothing'.
    cannot constrain the answer to this schema: Unimplemented keys: ["not"]
    cannot constrain the answer to this regular expression: at 1(8): invalid regex "(" (in regex): regex parse error:
        (
        ^
    error: unclosed group
       1 | start: /(/
                  ^
    cannot constrain the answer to this grammar: at 1(8): unknown name: "nothing"
       1 | start: nothing
                  ^
    "#);
}

#[test]
fn a_vocabulary_without_an_end_is_refused() {
    struct Endless;
    impl Vocabulary for Endless {
        fn size(&self) -> u32 {
            256
        }
        fn tokenize(&self, _: &str) -> Vec<Token> {
            Vec::new()
        }
        fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
            Pieces.append_bytes(token, out);
        }
        fn ends_turn(&self, _: Token) -> bool {
            false
        }
        fn turn_ends(&self) -> Vec<Token> {
            Vec::new()
        }
        fn chat_template(&self) -> Option<String> {
            None
        }
        fn bos_text(&self) -> String {
            String::new()
        }
        fn eos_text(&self) -> String {
            String::new()
        }
    }
    let error = Grammars::new("endless", &Endless).expect_err("no end");
    assert!(matches!(error, FormatError::Vocabulary(..)), "{error}");
}

/// A family of schemas with a check of their values.
#[derive(Clone, Debug)]
enum Shape {
    Boolean,
    Integer(i64, i64),
    Text(usize),
    OneOf(Vec<String>),
    List(Box<Shape>, usize, usize),
    Object(Vec<(String, Shape, bool)>),
}

impl Shape {
    fn schema(&self) -> Value {
        match self {
            Self::Boolean => json!({"type": "boolean"}),
            Self::Integer(least, most) => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Self::Text(most) => json!({"type": "string", "maxLength": most}),
            Self::OneOf(words) => json!({"enum": words}),
            Self::List(items, least, most) => {
                let items = items.schema();
                json!({"type": "array", "items": items, "minItems": least, "maxItems": most})
            }
            Self::Object(fields) => {
                let properties: serde_json::Map<String, Value> =
                    fields.iter().map(|(name, shape, _)| (name.clone(), shape.schema())).collect();
                let required: Vec<&str> = fields
                    .iter()
                    .filter(|(_, _, required)| *required)
                    .map(|(name, _, _)| name.as_str())
                    .collect();
                json!({
                    "type": "object", "properties": properties, "required": required,
                    "additionalProperties": false,
                })
            }
        }
    }

    fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Boolean, value) => value.is_boolean(),
            (Self::Integer(least, most), value) => {
                // `-0` is an integer in JSON; serde_json keeps its sign, in a float.
                let number = value.as_i64().or((value.as_f64() == Some(0.0)).then_some(0));
                number.is_some_and(|number| (*least..=*most).contains(&number))
            }
            (Self::Text(most), Value::String(text)) => text.chars().count() <= *most,
            (Self::OneOf(words), Value::String(text)) => words.contains(text),
            (Self::List(shape, least, most), Value::Array(items)) => {
                (*least..=*most).contains(&items.len()) && items.iter().all(|item| shape.fits(item))
            }
            (Self::Object(shapes), Value::Object(fields)) => {
                let known = |name: &String| shapes.iter().any(|(shape, _, _)| shape == name);
                fields.keys().all(known)
                    && shapes.iter().all(|(name, shape, required)| match fields.get(name) {
                        Some(value) => shape.fits(value),
                        None => !required,
                    })
            }
            _ => false,
        }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Boolean),
        (-50i64..50, 0i64..500).prop_map(|(least, more)| Shape::Integer(least, least + more)),
        (0usize..9).prop_map(Shape::Text),
        prop::collection::vec("[a-zé\"\\\\ ]{1,6}", 1..4).prop_map(Shape::OneOf),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0usize..2, 0usize..3).prop_map(|(items, least, more)| Shape::List(
                items.into(),
                least,
                least + more
            )),
            prop::collection::btree_map("[a-z]{1,4}", (inner, any::<bool>()), 0..4).prop_map(
                |fields| {
                    let field = |(name, (shape, required))| (name, shape, required);
                    Shape::Object(fields.into_iter().map(field).collect())
                }
            ),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_logits_an_answer_is_valid_under_its_schema(
        shape in shape(),
        seed in any::<u64>(),
        temperature in prop::sample::select(vec![0.0f32, 0.7, 1.5]),
    ) {
        let settings = Sampling { temperature, repeat_penalty: 1.1, ..Sampling::default() };
        let constraint = grammars().compile(&schema(&shape.schema())).expect("a good schema");
        let mut sampler = Sampler::new(settings, seed).with_constraint(constraint);
        let mut noise = fastrand::Rng::with_seed(seed);
        let mut bytes = Vec::new();
        let mut ended = false;
        for _ in 0..400 {
            let logits: Vec<f32> = (0..SIZE).map(|_| noise.f32() * 20.0).collect();
            let choice = sampler.choose(&logits).expect("a choice");
            prop_assert_eq!(&choice.failure, &None);
            ended = Pieces.ends_turn(choice.token);
            if ended {
                break;
            }
            Pieces.append_bytes(choice.token, &mut bytes);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if ended {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            prop_assert!(shape.fits(&value), "{} under {}", text, shape.schema());
        }
    }
}

#[test]
fn a_grammar_without_a_possible_token_fails_its_request_alone() {
    let constraint = constraint(&Format::Regex("[0-9]+".to_owned()));
    let mut sampler = Sampler::new(Sampling::default(), 1).with_constraint(constraint);
    let mut logits = vec![0.0f32; SIZE as usize];
    logits[usize::from(b'0')..=usize::from(b'9')].fill(f32::NAN);
    logits[usize::from(b'5')] = 1.0;
    assert_eq!(sampler.choose(&logits).expect("a choice").token, byte(b'5'));
    logits.fill(f32::NAN);
    logits[0] = 1.0;
    let choice = sampler.choose(&logits).expect("an answer all the same");
    assert!(matches!(choice.failure, Some(Failure::Model(_))), "{choice:?}");
}

#[test]
fn numbers_end_where_readers_of_json_end() {
    let goes_on = |constraint: &mut Constraint, text: &str| {
        let next = after(constraint, text);
        (b'0'..=b'9').chain([b'e', b'E']).map(byte).any(|token| next.contains(&token))
    };
    assert!(!goes_on(&mut constraint(&schema(&json!({"type": "integer"}))), "9007199254740991"));
    let mut number = constraint(&schema(&json!({"type": "number"})));
    assert!(goes_on(&mut number, "-123.4567890"));
    assert!(!goes_on(&mut number, "1"));
    let mut open = constraint(&Format::JsonObject);
    assert!(goes_on(&mut open, r#"{"a":[1.5,{"b":123"#));
    assert!(!goes_on(&mut open, "4567890123456"));
}
