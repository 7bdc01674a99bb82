//! Divergence of conversions of the real starter model.

mod store;

use std::path::{Path, PathBuf};

use harmonic_llama::{DivergenceError, divergence, kv_divergence, quantize};
use harmonic_models::DIVERGENCE_BOUND;
use harmonic_types::KvType;
use tempfile::TempDir;

/// The starter model as shipped (`Q4_1`).
fn shipped() -> PathBuf {
    let found = store::open().show("smollm2:135m").expect("the store is readable");
    found.expect("smollm2:135m is in the store: `make test` pulls it").file.path
}

/// Threads of a measurement: one, because a second waits spinning for the first where other tests run.
const THREADS: u32 = 1;

fn converted(folder: &TempDir, from: &Path, format: &str) -> PathBuf {
    let path = folder.path().join(format!("{format}.gguf"));
    quantize(from, &path, format, 2).expect("converts");
    path
}

#[test]
fn a_conversion_with_fewer_bits_diverges_more() {
    let folder = TempDir::new().expect("a folder");
    let shipped = shipped();
    let of = |original: &Path, converted: &Path| {
        let found = divergence(original, converted, THREADS).expect("measures");
        assert!(found.tokens > 500, "{found:?}");
        println!("{} from {}: {found:?}", converted.display(), original.display());
        found.nats_per_token
    };
    let f32 = converted(&folder, &shipped, "F32");
    let [f16, q8_0, q4_0] = ["F16", "Q8_0", "Q4_0"].map(|format| converted(&folder, &f32, format));
    assert!(of(&shipped, &shipped).abs() < 1e-12, "the same file twice");
    // Loss of the weights alone, with exact arithmetic.
    let exact = [&f16, &q8_0, &q4_0].map(|file| of(&f32, file));
    assert!(exact[0] < 1e-4, "F16 holds every weight of Q4_1 to 2⁻¹¹: {exact:?}");
    assert!(exact.is_sorted(), "fewer bits diverge more: {exact:?}");
    // Compared with the shipped file: the automatic conversions are close enough, requantising is
    // not.
    let bf16 = converted(&folder, &f32, "BF16");
    let seen = [&bf16, &q8_0, &q4_0].map(|file| of(&shipped, file));
    let (q4_0, others) = seen.split_last().expect("three");
    assert!(others.iter().all(|nats| *nats < DIVERGENCE_BOUND), "{seen:?}");
    assert!(*q4_0 > DIVERGENCE_BOUND, "{seen:?}");
}

/// The starter model's cache in `q8_0` is close to the one in `f16`.
#[test]
fn a_quantised_cache_diverges_within_bounds() {
    let shipped = shipped();
    let of = |kv_type| kv_divergence(&shipped, kv_type, THREADS).expect("measures").nats_per_token;
    assert!(of(KvType::F16).abs() < 1e-12, "the same cache twice");
    let quantised = of(KvType::Q8_0);
    println!("q8_0 from f16: {quantised}");
    assert!(quantised > 0.0 && quantised < DIVERGENCE_BOUND, "{quantised}");
}

#[test]
fn files_that_cannot_be_compared_are_named() {
    let shipped = shipped();
    let missing = Path::new("/nowhere/model.gguf");
    let error = divergence(&shipped, missing, 1).expect_err("missing");
    assert!(matches!(error, DivergenceError::Load(_)), "{error}");
    assert!(error.to_string().contains("/nowhere/model.gguf"), "{error}");
}
