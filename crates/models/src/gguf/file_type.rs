//! Name of a file's weight format.
//!
//! A file is called by its file type (`Q4_K_M`), a recipe for the types of its tensors, as everyone
//! calls it; the type of most of its tensors (`Q4_K`) is the name where it states none.

use crate::gguf::Header;
use crate::gguf::shape::predominant;
use crate::gguf::tensor::TensorType;

const KEY: &str = "general.file_type";

/// Names of file types by llama.cpp's number (`enum llama_ftype` in `llama.h`). Numbers that it has
/// withdrawn are absent.
const NAMES: [(u32, &str); 36] = [
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4_MOE"),
    (39, "NVFP4"),
    (40, "Q1_0"),
    (41, "Q2_0"),
];

/// The name of the file's format; `none` for a file without matrices. A stated type that the tensors
/// contradict is not used.
pub(crate) fn format(header: &Header) -> &'static str {
    let Some(most) = predominant(header) else { return "none" };
    stated(header).filter(|name| is_possible(name, most, header)).unwrap_or(most.name())
}

fn stated(header: &Header) -> Option<&'static str> {
    let number = header.metadata.get(KEY)?.as_u32(KEY).ok()?;
    NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Whether a file with these tensors can be called `name`: some matrix has that type, or it is the
/// name of a mixture, and most of the file is quantised.
fn is_possible(name: &str, most: TensorType, header: &Header) -> bool {
    let mut matrices = header.tensors.iter().filter(|tensor| tensor.dimensions.len() >= 2);
    let is_mixture = TensorType::ALL.iter().all(|kind| kind.name() != name);
    let is_quantised = most.block().0 > 1;
    matrices.any(|tensor| tensor.kind.name() == name) || is_mixture && is_quantised
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::vocabulary_scan::VocabularyScan;
    use crate::gguf::{TensorInfo, Value};

    /// Name of a file that states `file_type` and has matrices of these types.
    fn named(file_type: Option<u32>, kinds: &[TensorType]) -> &'static str {
        let tensor = |kind: &TensorType| TensorInfo {
            name: "blk.0.ffn_up.weight".to_owned(),
            dimensions: vec![256, 256],
            kind: *kind,
            offset: 0,
            bytes: 256 * 256,
        };
        let stated = file_type.map(|number| (KEY.to_owned(), Value::Unsigned(number.into())));
        let header = Header {
            metadata: stated.into_iter().collect(),
            tensors: kinds.iter().map(tensor).collect(),
            version: 3,
            data_offset: 0,
            vocabulary: VocabularyScan::default(),
        };
        format(&header)
    }

    #[test]
    fn a_file_is_called_by_its_type_unless_its_tensors_contradict() {
        use TensorType::{F16, Q4_0, Q4_K, Q6_K, Q8_0};
        assert_eq!(named(Some(15), &[Q4_K, Q4_K, Q6_K]), "Q4_K_M");
        assert_eq!(named(None, &[Q4_K, Q4_K, Q6_K]), "Q4_K");
        assert_eq!(named(Some(2), &[Q6_K, Q6_K, Q4_0]), "Q4_0", "most is the embedding");
        assert_eq!(named(Some(15), &[Q8_0]), "Q4_K_M", "rows that do not divide into its blocks");
        assert_eq!(named(Some(15), &[F16]), "F16");
        assert_eq!(named(Some(1), &[Q4_K]), "Q4_K");
        assert_eq!(named(Some(9999), &[Q4_K]), "Q4_K");
        assert_eq!(named(Some(15), &[]), "none");
    }
}
