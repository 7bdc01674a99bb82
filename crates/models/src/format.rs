//! Weight formats of conversions, and their loss of precision.

use std::fmt;
use std::str::FromStr;

use harmonic_types::Bytes;

use crate::error::ModelError;

/// Target format of a conversion, by llama.cpp's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types, reason = "the names are llama.cpp's own")]
pub enum WeightFormat {
    /// 32 bits.
    F32,
    /// 16 bits, 11 of them significant.
    F16,
    /// 16 bits, 8 of them significant, the range of F32.
    BF16,
    /// 8.5 bits per weight.
    Q8_0,
    /// 6.6 bits per weight.
    Q6_K,
    /// About 5.7 bits per weight, mixed.
    Q5_K_M,
    /// About 4.9 bits per weight, mixed.
    Q4_K_M,
    /// 4.5 bits per weight.
    Q4_0,
}

impl WeightFormat {
    /// All formats, most precise first.
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

    /// Bits per weight, from the block sizes of ggml; the usual mean for mixed formats.
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

    /// Estimated bytes of `parameters` weights: plus 3% for norms and biases, which stay F32.
    pub fn weights(self, parameters: u64) -> Bytes {
        Bytes::from_gb(parameters as f64 * self.bits() / 8.0 * 1.03 / 1e9)
    }

    /// Loss of a conversion from the tensor type `from` (`Q4_1`), as one sentence.
    pub fn loss_from(self, from: &str) -> String {
        let to = self.name();
        let exact_source = matches!(from, "F32" | "F16" | "BF16");
        match (from, self) {
            _ if from == to => format!("lossless: the weights are already {to}"),
            ("F16" | "BF16", Self::F32) => {
                format!("lossless: F32 represents every {from} value exactly")
            }
            (_, Self::F32) => format!(
                "each weight is stored as its value in {from}, with a relative rounding error of at \
                 most 2⁻²⁴"
            ),
            // Unit roundoff is 2^-p for p significant bits: 8 in BF16, 11 in F16.
            (_, Self::BF16) => {
                "relative rounding error of at most 2⁻⁸ (0.39%) per weight".to_owned()
            }
            (_, Self::F16) => "relative rounding error of at most 2⁻¹¹ (0.05%) per weight; below \
                               6.1e-5 an absolute one of up to 3e-8; the maximum is 65,504"
                .to_owned(),
            _ if exact_source => format!(
                "weights are quantised from {from} to {} bits each, irreversibly",
                self.bits()
            ),
            _ => format!(
                "weights are quantised again, from {from} to {to} ({} bits each), in addition to the \
                 loss of {from}; quantising from F16 or BF16 gives better quality",
                self.bits()
            ),
        }
    }

    /// Whether a file with the predominant tensor type `tensor_type` is in this format.
    pub(crate) fn is_stored_as(self, tensor_type: &str) -> bool {
        match self {
            Self::Q5_K_M => matches!(tensor_type, "Q5_K" | "Q6_K" | "Q8_0" | "Q5_1" | "Q5_0"),
            Self::Q4_K_M => matches!(tensor_type, "Q4_K" | "Q5_K" | "Q6_K" | "Q8_0" | "Q5_0"),
            // Output and embedding matrices, which may be most of a small model, are Q6_K or
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

/// Format of the starter model after pull, by the CPU's features (as in
/// [`harmonic_types::Device::features`]); `None` is the shipped format.
///
/// `Q4_1`, the shipped format, has no fast kernel for more than one sequence: on a Zen 5 BF16 was 4
/// times faster at 32 sequences, on a Zen 3, which has F16C and no BF16, F16 was 1.6 times faster.
/// AMX has a kernel for it: there it is twice as fast as BF16 (`docs/sources.md#decode-by-format`).
/// Not tested on ARM.
pub fn starter_format(features: &[String]) -> Option<WeightFormat> {
    let has = |name: &str| features.iter().any(|feature| feature == name);
    if has("amx_int8") {
        return None;
    }
    if has("avx512_bf16") {
        return Some(WeightFormat::BF16);
    }
    // These convert F16 to F32 in one instruction.
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
            "invalid weight format `Q9`: expected one of F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, \
             Q4_K_M, Q4_0"
        );
    }

    #[test]
    fn only_16_bit_floats_widen_without_loss() {
        let lossless = |from: &str, to: WeightFormat| to.loss_from(from).starts_with("lossless");
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
    fn the_format_of_the_starter_depends_on_the_cpu() {
        let pick = |names: &[&str]| {
            starter_format(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(pick(&["avx2", "f16c", "avx512_bf16"]), Some(WeightFormat::BF16));
        assert_eq!(pick(&["avx2", "f16c", "avx512_bf16", "amx_int8", "amx_bf16"]), None);
        assert_eq!(pick(&["avx2", "f16c"]), Some(WeightFormat::F16));
        assert_eq!(pick(&["sse4_2"]), None);
    }
}
