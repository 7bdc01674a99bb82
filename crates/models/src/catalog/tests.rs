//! The catalog's figures against their sources.

use harmonic_types::{Bytes, Provenance};

use crate::catalog::{CATALOG_NAMES, entries, find};
use crate::source::Source;

#[test]
fn the_listed_names_are_those_of_the_entries() {
    let names: Vec<_> = entries().iter().map(|entry| entry.name).collect();
    assert_eq!(names, CATALOG_NAMES);
    assert!(find("smollm2:135m").is_some() && find("smollm2").is_none());
}

#[test]
fn origins_can_be_written_and_read() {
    for entry in entries() {
        assert!(!entry.origins.is_empty());
        for origin in &entry.origins {
            let written = origin.source.to_string();
            assert_eq!(written.parse::<Source>().expect("parses"), origin.source);
            assert!(origin.sha256.is_none_or(|digest| digest.len() == 64), "{written}");
        }
    }
}

/// Parameters of a Qwen3 model from its published configuration: embedding (twice where the output
/// is not tied to it), and per layer q, k, v, o, three feed-forward matrices per expert, the
/// router, and the norms.
fn qwen3_parameters(
    [width, layers, heads, kv_heads, inner]: [u64; 5],
    experts: Option<u64>,
    counted: u64,
    tied: bool,
) -> u64 {
    let attention = width * 128 * (2 * heads + 2 * kv_heads) + 2 * 128;
    let feed_forward = 3 * width * inner * counted + experts.map_or(0, |all| width * all);
    let embedding = 151_936 * width * if tied { 1 } else { 2 };
    embedding + layers * (attention + feed_forward + 2 * width) + width
}

#[test]
fn qwen3_parameters_follow_from_the_configurations() {
    let shape = |name: &str| find(name).expect("in the catalog").shape;
    let dense = [
        ("qwen3:4b", [2560, 36, 32, 8, 9728], true),
        ("qwen3:8b", [4096, 36, 32, 8, 12_288], false),
        ("qwen3:14b", [5120, 40, 40, 8, 17_408], false),
    ];
    for (name, configuration, tied) in dense {
        assert_eq!(shape(name).parameters, qwen3_parameters(configuration, None, 1, tied));
        assert_eq!(u64::from(shape(name).feed_forward_length), configuration[4]);
        assert_eq!(shape(name).parameters_active, shape(name).parameters);
    }
    let sparse = [2048, 48, 32, 4, 768];
    let shape = shape("qwen3:30b-a3b");
    assert_eq!(shape.parameters, qwen3_parameters(sparse, Some(128), 128, false));
    assert_eq!(shape.feed_forward_length, 8 * 768);
    assert_eq!(shape.parameters_active, qwen3_parameters(sparse, Some(128), 8, false));
}

/// KiB per token at f16: `docs/sources.md#kv-per-token`.
#[test]
fn kv_per_token_matches_the_source() {
    for (name, kib) in
        [("qwen3:4b", 144), ("qwen3:8b", 144), ("qwen3:14b", 160), ("qwen3:30b-a3b", 96)]
    {
        let shape = find(name).expect("in the catalog").shape;
        let elements: u32 =
            shape.layers.iter().map(|l| l.kv_heads * (l.key_length + l.value_length)).sum();
        assert_eq!(elements * 2, kib * 1024, "{name}");
    }
}

/// The paper's own table (§5.3), column @16x.
#[test]
fn declared_figures_reproduce_the_papers_table() {
    for (name, at_16) in [("qwen3:4b", 7.3), ("qwen3:8b", 13.2), ("qwen3:14b", 22.1)] {
        let declared = find(name).expect("in the catalog").declared.expect("in the paper");
        assert_eq!(declared.base + declared.kv_per_slot * 16, Bytes::from_gb(at_16), "{name}");
        assert_eq!(declared.provenance, Provenance::Paper);
    }
    let heavy = find("qwen3:30b-a3b").expect("in the catalog").declared.expect("in the seed");
    assert_eq!(heavy.provenance, Provenance::Declared, "the paper does not list it");
}

#[test]
fn only_the_starter_is_converted() {
    let converted: Vec<_> =
        entries().into_iter().filter(|entry| entry.convert_at_pull).map(|e| e.name).collect();
    assert_eq!(converted, ["smollm2:135m"]);
}
