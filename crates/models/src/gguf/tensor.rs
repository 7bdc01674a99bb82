//! The tensor table: names, dimensions, element types, sizes.

use harmonic_types::Bytes;

/// One entry of the tensor table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name (`blk.0.attn_k.weight`).
    pub name: String,
    /// Dimensions, innermost first; one to four.
    pub dimensions: Vec<u64>,
    /// Element type.
    pub kind: TensorType,
    /// Start of its data, in bytes from the start of the tensor data.
    pub offset: u64,
    /// Length of its data in bytes.
    pub bytes: u64,
}

impl TensorInfo {
    /// Number of elements. The reader has checked that the product fits.
    pub fn elements(&self) -> u64 {
        self.dimensions.iter().fold(1, |product, side| product.saturating_mul(*side))
    }

    /// Length of its data.
    pub fn size(&self) -> Bytes {
        Bytes(self.bytes)
    }
}

macro_rules! tensor_types {
    ($($id:literal $name:ident $text:literal $block:literal $bytes:literal),* $(,)?) => {
        /// Element type of a tensor.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(non_camel_case_types, missing_docs, reason = "the names are ggml's own")]
        pub enum TensorType { $($name),* }

        impl TensorType {
            /// All types.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The type with ggml's number `id`; `None` if unknown.
            pub const fn from_id(id: u32) -> Option<Self> {
                match id { $($id => Some(Self::$name),)* _ => None }
            }

            /// ggml's number.
            pub const fn id(self) -> u32 {
                match self { $(Self::$name => $id),* }
            }

            /// Display name (`Q4_1`, `BF16` …).
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// Elements and bytes of a block.
            pub const fn block(self) -> (u64, u64) {
                match self { $(Self::$name => ($block, $bytes)),* }
            }
        }
    };
}

// Numbers from `ggml.h`, block sizes from `ggml-common.h` of the llama.cpp that this project links.
tensor_types! {
    0 F32 "F32" 1 4, 1 F16 "F16" 1 2,
    2 Q4_0 "Q4_0" 32 18, 3 Q4_1 "Q4_1" 32 20,
    6 Q5_0 "Q5_0" 32 22, 7 Q5_1 "Q5_1" 32 24,
    8 Q8_0 "Q8_0" 32 34, 9 Q8_1 "Q8_1" 32 36,
    10 Q2_K "Q2_K" 256 84, 11 Q3_K "Q3_K" 256 110, 12 Q4_K "Q4_K" 256 144,
    13 Q5_K "Q5_K" 256 176, 14 Q6_K "Q6_K" 256 210, 15 Q8_K "Q8_K" 256 292,
    16 IQ2_XXS "IQ2_XXS" 256 66, 17 IQ2_XS "IQ2_XS" 256 74, 18 IQ3_XXS "IQ3_XXS" 256 98,
    19 IQ1_S "IQ1_S" 256 50, 20 IQ4_NL "IQ4_NL" 32 18, 21 IQ3_S "IQ3_S" 256 110,
    22 IQ2_S "IQ2_S" 256 82, 23 IQ4_XS "IQ4_XS" 256 136,
    24 I8 "I8" 1 1, 25 I16 "I16" 1 2, 26 I32 "I32" 1 4, 27 I64 "I64" 1 8, 28 F64 "F64" 1 8,
    29 IQ1_M "IQ1_M" 256 56, 30 BF16 "BF16" 1 2,
    34 TQ1_0 "TQ1_0" 256 54, 35 TQ2_0 "TQ2_0" 256 66,
    39 MXFP4 "MXFP4" 32 17, 40 NVFP4 "NVFP4" 64 36,
    41 Q1_0 "Q1_0" 128 18, 42 Q2_0 "Q2_0" 64 18,
}
