use harmonic_types::Provenance;

use super::*;
use crate::{paper_curves, published};

const FILE: &str = r#"{
  "schema": "harmonic.curve/1",
  "key": {"machine": "cpu-generic", "model": "smollm2:135m", "digest": "b179", "format": "F16",
          "engine": "llama.cpp/11434", "context": 2048},
  "points": [{"parallel": 1, "tok_s": 87.0}, {"parallel": 8, "tok_s": 268.0}],
  "sweet_spot": 8,
  "provenance": "measured"
}"#;

#[test]
fn curves_are_read_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("2-late.json", &FILE.replace("\"sweet_spot\": 8", "\"sweet_spot\": 24"));
    file("1-early.json", FILE);
    file("notes.txt", "not read");
    let curves = stored(folder.path()).unwrap().documents;
    let spots: Vec<_> = curves.iter().map(|curve| curve.sweet_spot).collect();
    assert_eq!(spots, [Some(8), Some(24)]);
    assert_eq!(curves[0].provenance, Provenance::Measured);
    assert_eq!(stored(&folder.path().join("absent")).unwrap(), Folder::default());
}

#[test]
fn a_file_that_is_no_curve_is_skipped_and_named_with_its_fault() {
    let refused = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bad.json"), text).unwrap();
        std::fs::write(folder.path().join("good.json"), FILE).unwrap();
        let found = stored(folder.path()).unwrap();
        assert_eq!(found.documents.len(), 1);
        let [skipped] = &found.skipped[..] else { panic!("{:?}", found.skipped) };
        assert!(skipped.path.ends_with("bad.json"), "{skipped:?}");
        skipped.reason.clone()
    };
    assert!(refused("{").contains("EOF"));
    assert!(refused("{}").contains("invalid schema `null`: expected \"harmonic.curve/1\""));
    let twice = FILE.replace("\"parallel\": 8", "\"parallel\": 1");
    assert!(refused(&twice).contains("invalid level `1`: expected more than 1"));
    let negative = FILE.replace("268.0", "-1");
    assert!(refused(&negative).contains("invalid throughput `-1.0 tok/s` at level 8"));
    assert!(refused(&FILE.replace("\"measured\"", "\"guessed\"")).contains("guessed"));
}

/// §4.1 and §4.2: the peaks as printed, and the sweet spots of §4.3.
#[test]
fn the_papers_peaks_are_those_it_prints() {
    let peaks: Vec<_> = paper_curves()
        .iter()
        .map(|curve| {
            let peak = curve.points.iter().max_by(|a, b| a.tok_s.0.total_cmp(&b.tok_s.0)).unwrap();
            let Curve { key, sweet_spot, .. } = curve;
            let spot = sweet_spot.unwrap();
            format!("{} {} {}x {} {spot}", key.machine, key.model, peak.parallel, peak.tok_s)
        })
        .collect();
    insta::assert_snapshot!(peaks.join("\n"), @"
    dgx-spark qwen3:4b 32x 308.2 tok/s 16
    ryzen-ai-max-395 qwen3:4b 12x 222.6 tok/s 12
    dgx-spark executive 16x 334.1 tok/s 16
    dgx-spark operator 32x 285.3 tok/s 16
    dgx-spark qwen3:8b 16x 285.3 tok/s 16
    dgx-spark technical_director 16x 248.2 tok/s 16
    dgx-spark research_director 16x 252.6 tok/s 16
    dgx-spark creative_director 16x 250.4 tok/s 16
    dgx-spark qwen3:14b 16x 120.0 tok/s 16
    ");
    assert!(paper_curves().iter().all(|curve| curve.points.is_sorted_by_key(|p| p.parallel)));
}

#[test]
fn a_curve_comes_back_as_it_was_saved_and_the_next_takes_its_place() {
    let home = tempfile::tempdir().unwrap();
    let mut curve = paper_curves().remove(0);
    curve.provenance = harmonic_types::Provenance::Measured;
    save(home.path(), &curve).unwrap();
    curve.sweet_spot = Some(8);
    let path = save(home.path(), &curve).unwrap();
    assert_eq!(stored(home.path()).unwrap().documents, [curve.clone()]);
    assert!(path.ends_with("dgx-spark_qwen3%3A4b_ollama%2F0.15.json"), "{path:?}");
    let mut other = curve.clone();
    other.key.model = "qwen3-4b".to_owned();
    save(home.path(), &other).unwrap();
    assert_eq!(stored(home.path()).unwrap().documents, [curve.clone(), other]);
    curve.points.reverse();
    let error = save(home.path(), &curve).unwrap_err();
    assert!(error.to_string().contains("expected more than"), "{error}");
}

#[test]
fn what_the_paper_published_is_a_record_without_anything_it_does_not_print() {
    let spark = published("dgx-spark").unwrap();
    let models: Vec<&str> = spark.series.iter().map(|series| series.model.as_str()).collect();
    assert_eq!(models[..3], ["qwen3:4b", "executive", "operator"]);
    let levels = &spark.series[0].levels;
    assert_eq!(levels.len(), 9);
    assert!((levels[8].tok_per_w.unwrap().gross - 7.87).abs() < 1e-9);
    assert!(levels.iter().all(|level| level.power.is_none() && level.ttft_ms.is_none()));
    let x2 = published("ryzen-ai-max-395").unwrap();
    assert!((x2.series[0].levels[4].tok_s.unwrap().mean - 222.6).abs() < 1e-9);
    let estimated = x2.provenance.get("/series/0/levels/4/tok_per_w");
    assert_eq!(estimated, Some(&Provenance::Estimated));
    assert_eq!(published("cpu-generic"), None);
}

/// Earlier versions wrote `:` and `/` as `-`, which sorts after `%`.
#[test]
fn a_file_named_by_an_earlier_version_counts_until_its_model_is_measured_again() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("cpu-generic_smollm2-135m_llama.cpp-11434.json");
    std::fs::write(&old, FILE).unwrap();
    let mut curve = stored(folder.path()).unwrap().documents.remove(0);
    curve.sweet_spot = Some(24);
    save(folder.path(), &curve).unwrap();
    let spots: Vec<_> =
        stored(folder.path()).unwrap().documents.iter().map(|curve| curve.sweet_spot).collect();
    assert_eq!(spots, [Some(8), Some(24)], "the last counts");
}
