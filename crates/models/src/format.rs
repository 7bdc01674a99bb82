//! Weight formats that a model can be converted to, and what each conversion costs in precision.

use std::fmt;
use std::str::FromStr;

use harmonic_types::Bytes;

use crate::error::ModelError;

/// A target of a conversion, by llama.cpp's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types, reason = "the names are llama.cpp's own")]
pub enum WeightFormat {
    /// 32 bits.
    F32,
    /// 16 bits, 11 of them significant.
    F16,
    /// 16 bits, 8 of them significant, the range of F32.
    BF16,
    /// 8.5 bits a weight.
    Q8_0,
    /// 6.6 bits a weight.
    Q6_K,
    /// About 5.7 bits a weight, mixed.
    Q5_K_M,
    /// About 4.9 bits a weight, mixed.
    Q4_K_M,
    /// 4.5 bits a weight.
    Q4_0,
}

impl WeightFormat {
    /// All of them, most precise first.
    pub const ALL: [Self; 8] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q6_K,
        Self::Q5_K_M,
        Self::Q4_K_M,
        Self::Q4_0,
    ];

    /// llama.cpp's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q6_K => "Q6_K",
            Self::Q5_K_M => "Q5_K_M",
            Self::Q4_K_M => "Q4_K_M",
            Self::Q4_0 => "Q4_0",
        }
    }

    /// Bits of a weight, from the block sizes of ggml; for the mixed formats the usual mean.
    pub const fn bits(self) -> f64 {
        match self {
            Self::F32 => 32.0,
            Self::F16 | Self::BF16 => 16.0,
            Self::Q8_0 => 8.5,
            Self::Q6_K => 6.5625,
            Self::Q5_K_M => 5.7,
            Self::Q4_K_M => 4.9,
            Self::Q4_0 => 4.5,
        }
    }

    /// Bytes of `parameters` weights, estimated: 3% of them for norms and biases, which stay F32.
    pub fn weights(self, parameters: u64) -> Bytes {
        Bytes::from_gb(parameters as f64 * self.bits() / 8.0 * 1.03 / 1e9)
    }

    /// One sentence on what a conversion of weights stored as `from` (a tensor type, `Q4_1`)
    /// changes.
    pub fn loss_from(self, from: &str) -> String {
        let to = self.name();
        let exact_source = matches!(from, "F32" | "F16" | "BF16");
        match (from, self) {
            _ if from == to => format!("nothing changes: the weights are {to} already"),
            ("F16" | "BF16", Self::F32) => {
                format!("nothing is lost: F32 holds every {from} value exactly")
            }
            (_, Self::F32) => format!(
                "each weight is stored as the value that {from} decodes to, rounded by at most \
                 2⁻²⁴ of itself"
            ),
            // Unit roundoff is 2^-p for p significant bits: 8 in BF16, 11 in F16.
            (_, Self::BF16) => "each weight is rounded by at most 2⁻⁸ (0.39%) of itself".to_owned(),
            (_, Self::F16) => "each weight is rounded by at most 2⁻¹¹ (0.05%) of itself; below \
                               6.1e-5 by up to 3e-8, and 65,504 is the largest"
                .to_owned(),
            _ if exact_source => format!(
                "weights are quantised from {from} to {} bits each; this cannot be undone",
                self.bits()
            ),
            _ => format!(
                "weights are quantised again, from {from} to {to} ({} bits each), on top of what \
                 {from} has lost; quantising from F16 or BF16 gives better quality",
                self.bits()
            ),
        }
    }

    /// Whether a file whose predominant tensor type is `tensor_type` is in this format.
    pub(crate) fn is_stored_as(self, tensor_type: &str) -> bool {
        match self {
            Self::Q5_K_M => matches!(tensor_type, "Q5_K" | "Q6_K" | "Q8_0" | "Q5_1" | "Q5_0"),
            Self::Q4_K_M => matches!(tensor_type, "Q4_K" | "Q5_K" | "Q6_K" | "Q8_0" | "Q5_0"),
            // Output and embedding matrices, which can be most of a small model, stay at Q6_K or
            // Q8_0.
            Self::Q4_0 => matches!(tensor_type, "Q4_0" | "Q6_K" | "Q8_0"),
            Self::Q6_K => matches!(tensor_type, "Q6_K" | "Q8_0"),
            _ => tensor_type == self.name(),
        }
    }
}

impl fmt::Display for WeightFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for WeightFormat {
    type Err = ModelError;

    fn from_str(given: &str) -> Result<Self, ModelError> {
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(given)).ok_or_else(
            || ModelError::BadFormat {
                given: given.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            },
        )
    }
}

/// What the starter model is converted to at pull, by the CPU's features as [`harmonic_types::Device::features`]
/// names them; `None` keeps it as shipped.
///
/// `Q4_1`, its shipped format, has no fast kernel for more than one sequence: on a Zen 5 BF16 was 4
/// times faster at 32 sequences, on a Zen 3, which has F16C and no BF16, F16 was 1.6 times faster.
/// AMX has a kernel for it: there it is twice as fast as BF16 (`docs/sources.md#decode-by-format`).
/// Untried on ARM.
pub fn starter_format(features: &[String]) -> Option<WeightFormat> {
    let has = |name: &str| features.iter().any(|feature| feature == name);
    if has("amx_int8") {
        return None;
    }
    if has("avx512_bf16") {
        return Some(WeightFormat::BF16);
    }
    // F16 converts to F32 in one instruction there.
    if has("f16c") || has("neon") {
        return Some(WeightFormat::F16);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_parse_in_any_case() {
        assert_eq!("bf16".parse::<WeightFormat>().expect("known"), WeightFormat::BF16);
        assert_eq!("q4_k_m".parse::<WeightFormat>().expect("known"), WeightFormat::Q4_K_M);
        let error = "Q9".parse::<WeightFormat>().expect_err("unknown").to_string();
        assert_eq!(
            error,
            "`Q9` is not a weight format: use one of F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q4_K_M, \
             Q4_0"
        );
    }

    #[test]
    fn only_16_bit_floats_widen_without_loss() {
        let lossless = |from: &str, to: WeightFormat| to.loss_from(from).starts_with("nothing");
        assert!(lossless("F16", WeightFormat::F32) && lossless("BF16", WeightFormat::F32));
        assert!(lossless("BF16", WeightFormat::BF16));
        for (from, to) in [
            ("Q4_1", WeightFormat::F32),
            ("Q4_1", WeightFormat::BF16),
            ("F16", WeightFormat::BF16),
            ("BF16", WeightFormat::F16),
            ("F32", WeightFormat::Q8_0),
        ] {
            assert!(!lossless(from, to), "{from} to {to}");
        }
        assert!(WeightFormat::BF16.loss_from("Q4_1").contains("at most 2⁻⁸"));
    }

    #[test]
    fn the_starter_follows_the_cpu() {
        let pick = |names: &[&str]| {
            starter_format(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(pick(&["avx2", "f16c", "avx512_bf16"]), Some(WeightFormat::BF16));
        assert_eq!(pick(&["avx2", "f16c", "avx512_bf16", "amx_int8", "amx_bf16"]), None);
        assert_eq!(pick(&["avx2", "f16c"]), Some(WeightFormat::F16));
        assert_eq!(pick(&["sse4_2"]), None);
    }
}
