use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;

/// The flags of llama.cpp, from the source that the engine is built from.
fn flags_of_llama_cpp() -> BTreeSet<String> {
    let about = Command::new("rustc").arg("-vV").output().unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Only packages of this platform are certainly downloaded.
    let options = ["--offline", "--filter-platform", host].map(str::to_owned);
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .other_options(options)
        .exec()
        .unwrap();
    let package = metadata.packages.iter().find(|it| it.name.as_str() == "llama-cpp-sys-2");
    let folder = package.unwrap().manifest_path.parent().unwrap();
    let source = fs::read_to_string(folder.join("llama.cpp/common/arg.cpp")).unwrap();
    let words = source.split('"').filter(|word| word.starts_with('-') && !word.contains(' '));
    words.map(str::to_owned).collect()
}

#[test]
fn every_flag_is_one_of_llama_cpp() {
    let known = flags_of_llama_cpp();
    assert!(known.contains("--kv-unified") && !known.contains("--slots-each"));
    for flag in VALUED.into_iter().chain(SWITCHES) {
        assert!(known.contains(flag), "llama-server has no {flag}");
    }
}

prop_compose! {
    fn samplings()(
        temperature in 0.0_f32..2.0,
        top_k in 0_u32..100,
        top_p in 0.0_f32..=1.0,
        penalty in -2.0_f32..2.0,
    ) -> Sampling {
        Sampling { temperature, top_k, top_p, presence_penalty: penalty, ..Sampling::default() }
    }
}

prop_compose! {
    fn all_flags()(
        slots in 1_u32..=256,
        context in 1_u64..=1 << 20,
        layout in prop::sample::select(vec![KvLayout::Streams, KvLayout::Unified]),
        kv_type in prop::sample::select(vec![KvType::F16, KvType::Q8_0]),
        attention in prop::option::of(Just(Attention::Flash)),
        cache_mib in 0_u64..10_000,
        pooling in prop::option::of(
            prop::sample::select(vec![Pooling::Mean, Pooling::Cls, Pooling::Last]),
        ),
        sampling in prop::option::of(samplings()),
        (threads, on_gpu, metrics) in (1_u32..512, any::<bool>(), any::<bool>()),
    ) -> Flags {
        // A quantised cache brings flash attention with it.
        let attention = attention.or((kv_type == KvType::Q8_0).then_some(Attention::Flash));
        Flags {
            model: "/models/a b.gguf".into(),
            alias: "coder".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 4281,
            slots,
            cells: context * u64::from(slots),
            layout,
            kv_type,
            attention,
            threads,
            on_gpu,
            prompt_cache: Bytes(cache_mib * MIB),
            embedding: pooling.map(|pooling| Embedding { pooling, batch: 512 }),
            sampling,
            metrics,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn flags_are_read_back_as_they_were(flags in all_flags()) {
        prop_assert_eq!(Flags::parse(&flags.arguments()).unwrap(), flags);
    }
}
