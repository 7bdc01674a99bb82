//! Bounded numbers: compiled without overflow, and enforced.

use harmonic_types::Sampling;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{CONTROL, Pieces, SIZE, grammars, schema};
use crate::chat::Vocabulary as _;
use crate::sampling::Sampler;

/// Answer under `schema`, sampled with `seed`, or the error.
fn answer(of: &Value, seed: u64) -> Result<String, String> {
    let constraint = grammars().compile(&schema(of)).map_err(|error| error.to_string())?;
    let mut sampler = Sampler::new(Sampling::default(), seed).with_constraint(constraint);
    let mut noise = fastrand::Rng::with_seed(seed);
    let mut bytes = Vec::new();
    for _ in 0..400 {
        let mut logits: Vec<f32> = (0..SIZE).map(|_| noise.f32() * 5.0).collect();
        logits[usize::try_from(CONTROL + 1).expect("an id")] = 8.0;
        let choice = sampler.choose(&logits).expect("a choice");
        if let Some(failure) = choice.failure {
            return Err(format!("{failure:?}"));
        }
        if choice.token.0 > CONTROL {
            return Ok(String::from_utf8(bytes).expect("text"));
        }
        Pieces.append_bytes(choice.token, &mut bytes);
    }
    Err(format!("no end of {}", String::from_utf8_lossy(&bytes)))
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

#[test]
fn numbers_that_cannot_be_held_are_refused_by_their_keyword() {
    for (keyword, value) in [
        ("multipleOf", json!(1e-9)),
        ("multipleOf", json!(3_000_000_000u32)),
        ("multipleOf", json!(4_000_000_007u32)),
        ("multipleOf", json!(0)),
        ("multipleOf", json!(-2)),
        ("multipleOf", json!(1e300)),
        ("multipleOf", json!(5e-324)),
        ("minimum", json!(1e300)),
        ("minimum", json!(1e19)),
        ("exclusiveMinimum", json!(u64::MAX)),
        ("maximum", json!(-1e300)),
        ("exclusiveMaximum", json!(-1e19)),
        ("minimum", json!(1e-300)),
        ("maximum", json!(-1e-40)),
        ("const", json!(9_007_199_254_740_993_i64)),
        ("const", json!(u64::MAX)),
        ("enum", json!([1, i64::MIN])),
        // Beyond 64 bits, where parsing loses digits.
        ("const", json!(18_446_744_073_709_551_616.0)),
        ("enum", json!([-9_223_372_036_854_775_809.0])),
        ("const", json!(1e300)),
        ("minimum", json!("5")),
        ("maximum", json!(null)),
        ("exclusiveMinimum", json!(true)),
        ("multipleOf", json!("7")),
    ] {
        for kind in ["integer", "number"] {
            let of = json!({"type": kind, keyword: value});
            let refusal = answer(&of, 1).expect_err("a refusal");
            let named = format!("invalid `{keyword}`");
            assert!(refusal.contains(&named) && refusal.contains("expected"), "{of}: {refusal}");
        }
    }
    let merged =
        json!({"allOf": [{"type": "integer", "multipleOf": 65537}, {"multipleOf": 65539}]});
    let refusal = answer(&merged, 1).expect_err("a refusal");
    assert!(refusal.contains("invalid `multipleOf` of schemas that are merged"), "{refusal}");
}

#[test]
fn bounds_that_leave_all_numbers_are_cut() {
    for of in [
        json!({"type": "integer", "minimum": i64::MIN}),
        json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX}),
        json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}),
        json!({"type": "integer", "minimum": -1e300}),
        json!({"type": "integer", "maximum": 1e308}),
        json!({"type": "number", "exclusiveMinimum": -1e300, "exclusiveMaximum": 1e308}),
        json!({"type": "number", "minimum": 1e18}),
        json!({"type": "integer", "minimum": 1e18}),
        json!({"type": "integer", "maximum": -1e18}),
        json!({"type": "integer", "minimum": 9_007_199_254_740_993_i64}),
        json!({"type": "integer", "maximum": -9_007_199_254_740_993_i64}),
        json!({"minimum": i64::MIN, "type": ["integer", "null"]}),
    ] {
        for seed in 0..4 {
            let text = answer(&of, seed).unwrap_or_else(|error| panic!("{of}: {error}"));
            if text == "null" {
                continue;
            }
            let exact = |name: &str| of[name].as_i64();
            if let (Ok(value), Some(least)) = (text.parse::<i64>(), exact("minimum")) {
                assert!(value >= least, "{of}: {text}");
            }
            if let (Ok(value), Some(most)) = (text.parse::<i64>(), exact("maximum")) {
                assert!(value <= most, "{of}: {text}");
            }
        }
    }
}

#[test]
fn steps_that_can_be_held_are() {
    for step in [1e-8, 0.01, 0.05, 0.25, 0.1, 1.0, 3.0, 17.5, 1000.0] {
        let of = json!({"type": "number", "multipleOf": step});
        let text = answer(&of, 3).unwrap_or_else(|error| panic!("{of}: {error}"));
        let times = number(&text) / step;
        assert!((times - times.round()).abs() < 1e-6 * times.abs().max(1.0), "{of}: {text}");
    }
    // Too many remainders to track: rejected before the answer.
    let refusal = answer(&json!({"type": "number", "multipleOf": 400_000_000}), 1);
    assert!(refusal.expect_err("a refusal").contains("a smaller `multipleOf`"));
    let merged = json!({"allOf": [{"type": "integer", "multipleOf": 4}, {"multipleOf": 6}]});
    let text = answer(&merged, 2).expect("an answer");
    assert!(text.parse::<i64>().is_ok_and(|value| value % 12 == 0), "{text}");
}

/// Numbers in a schema: small and large, integers and fractions.
fn stated() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1000i64..1000).prop_map(|whole| json!(whole)),
        (-100_000i64..100_000).prop_map(|cents| json!(cents as f64 / 100.0)),
        any::<i64>().prop_map(|whole| json!(whole)),
        any::<u64>().prop_map(|whole| json!(whole)),
        (-1.0f64..1.0, -320i32..320).prop_map(|(part, ten)| json!(part * 10f64.powi(ten))),
        any::<f64>()
            .prop_filter("JSON has no other", |float| float.is_finite())
            .prop_map(|float| json!(float)),
    ]
}

const KEYWORDS: [&str; 5] =
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

fn keywords() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((prop::sample::select(KEYWORDS.to_vec()), stated()), 0..4)
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Whether `value` is within the bounds, compared as floats.
fn keeps(keys: &Map<String, Value>, value: f64) -> bool {
    keys.iter().all(|(name, bound)| {
        let bound = bound.as_f64().expect("a number");
        match name.as_str() {
            "minimum" => value >= bound,
            "maximum" => value <= bound,
            "exclusiveMinimum" => value > bound,
            "exclusiveMaximum" => value < bound,
            _ => true,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// For any numbers in a schema, nothing overflows and answers are within the bounds.
    #[test]
    fn stated_numbers_are_kept_or_refused(
        keys in keywords(),
        more in keywords(),
        merged in any::<bool>(),
        kind in prop::sample::select(vec!["integer", "number"]),
        seed in any::<u64>(),
    ) {
        let mut one = keys.clone();
        one.insert("type".to_owned(), json!(kind));
        let of = if merged { json!({"allOf": [one, more]}) } else { Value::Object(one) };
        match answer(&of, seed) {
            Ok(text) => {
                prop_assert!(keeps(&keys, number(&text)), "{}: {}", of, text);
                prop_assert!(!merged || keeps(&more, number(&text)), "{}: {}", of, text);
            }
            Err(refusal) => {
                prop_assert!(!refusal.contains("cannot read it"), "{}: {}", of, refusal);
                prop_assert!(!refusal.contains("Failed to"), "{}: {}", of, refusal);
                prop_assert!(!refusal.contains("no end of"), "{}: {}", of, refusal);
            }
        }
    }

    /// A sufficiently wide range with a step of 0.01 has an answer.
    #[test]
    fn a_range_has_an_answer(least in -1_000_000i64..1_000_000, width in 2i64..1_000_000, seed in any::<u64>()) {
        let (low, high) = (least as f64 / 100.0, (least + width) as f64 / 100.0);
        let number = json!({"type": "number", "minimum": low, "maximum": high});
        let text = answer(&number, seed).map_err(|error| TestCaseError::fail(format!("{number}: {error}")))?;
        prop_assert!((low..=high).contains(&super::numbers::number(&text)), "{}: {}", number, text);
        let whole = json!({"type": "integer", "exclusiveMinimum": least, "exclusiveMaximum": least + width});
        let text = answer(&whole, seed).map_err(|error| TestCaseError::fail(format!("{whole}: {error}")))?;
        let value: i64 = text.parse().expect("an integer");
        prop_assert!(least < value && value < least + width, "{}: {}", whole, text);
    }
}
