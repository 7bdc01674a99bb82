//! The writer against the reader.

use super::*;
use crate::gguf::{Header, Value};

fn read(file: &GgufBuilder) -> Header {
    let bytes = file.bytes();
    let header = Header::read(&bytes[..], bytes.len() as u64).expect("readable");
    header.check_length(bytes.len() as u64).expect("complete");
    header
}

#[test]
fn every_type_of_metadata_is_read_as_written() {
    let file = GgufBuilder::new("test")
        .with("u8", &Metadata::U8(255))
        .with("i8", &Metadata::I8(-1))
        .with("u16", &Metadata::U16(65_535))
        .with("i16", &Metadata::I16(-2))
        .with("u32", &Metadata::U32(u32::MAX))
        .with("i32", &Metadata::I32(-3))
        .with("f32", &Metadata::F32(0.5))
        .with("bool", &Metadata::Bool(true))
        .with("text", &Metadata::text("ä"))
        .with("u64", &Metadata::U64(u64::MAX))
        .with("i64", &Metadata::I64(i64::MIN))
        .with("f64", &Metadata::F64(0.25))
        .with(".list", &Metadata::texts(["a", "b"]));
    let metadata = read(&file).metadata;
    assert_eq!(metadata["u8"], Value::Unsigned(255));
    assert_eq!(metadata["i8"], Value::Signed(-1));
    assert_eq!(metadata["u16"], Value::Unsigned(65_535));
    assert_eq!(metadata["i16"], Value::Signed(-2));
    assert_eq!(metadata["u32"], Value::Unsigned(u32::MAX.into()));
    assert_eq!(metadata["i32"], Value::Signed(-3));
    assert_eq!(metadata["f32"], Value::Float(0.5));
    assert_eq!(metadata["bool"], Value::Bool(true));
    assert_eq!(metadata["text"], Value::Text("ä".to_owned()));
    assert_eq!(metadata["u64"], Value::Unsigned(u64::MAX));
    assert_eq!(metadata["i64"], Value::Signed(i64::MIN));
    assert_eq!(metadata["f64"], Value::Float(0.25));
    let elements = ["a", "b"].map(|text| Value::Text(text.to_owned())).to_vec();
    assert_eq!(metadata["test.list"], Value::Array { length: 2, elements });
}

#[test]
fn tensors_are_aligned() {
    for alignment in [32, 64, 4096] {
        let file = GgufBuilder::new("test")
            .aligned(alignment)
            .tensor("a", &[3], TensorType::F32, Fill::Constant(1.5))
            .tensor("b", &[32, 2], TensorType::Q8_0, Fill::Constant(-1.0));
        let header = read(&file);
        let bytes = file.bytes();
        assert_eq!(header.data_offset % u64::from(alignment), 0);
        assert_eq!(header.tensors[1].offset, u64::from(alignment));
        let at = usize::try_from(header.data_offset).expect("small");
        assert_eq!(bytes[at..at + 4], 1.5_f32.to_le_bytes());
        let at = at + usize::try_from(header.tensors[1].offset).expect("small");
        // A step of 1/127 and 32 times −127.
        assert_eq!(bytes[at + 2..at + 34], [129; 32]);
    }
}

#[test]
fn contents_depend_only_on_seed_and_name() {
    let random = |seed| Fill::Random { seed, scale: 0.1 };
    let data = |seed, name| random(seed).data(name, TensorType::F32, 100);
    assert_eq!(data(1, "a"), data(1, "a"));
    assert_ne!(data(1, "a"), data(1, "b"));
    assert_ne!(data(1, "a"), data(2, "a"));
    let numbers: Vec<f32> = data(1, "a")
        .chunks(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four")))
        .collect();
    assert!(numbers.iter().all(|number| number.abs() <= 0.1), "{numbers:?}");
    assert!(numbers.iter().any(|number| *number > 0.05), "{numbers:?}");
    assert!(numbers.iter().any(|number| *number < -0.05), "{numbers:?}");
}

#[test]
fn half_precision_is_exact_for_representable_numbers() {
    let halves = Fill::Constant(-1.5).data("a", TensorType::F16, 2);
    assert_eq!(halves, [0x00, 0xbe, 0x00, 0xbe]);
    assert_eq!(Fill::Constant(65_504.0).data("a", TensorType::F16, 1), [0xff, 0x7b]);
    assert_eq!(Fill::Constant(f32::NAN).data("a", TensorType::F16, 1), [0x01, 0x7c]);
    assert_eq!(Fill::Constant(1.0).data("a", TensorType::BF16, 1), [0x80, 0x3f]);
    // 4 bits: from −8 steps of 1/8.
    let block = Fill::Constant(-1.0).data("a", TensorType::Q4_0, 32);
    assert_eq!(block[..2], [0x00, 0x30]);
    assert_eq!(block[2..], [0; 16]);
}

#[test]
fn shards_contain_every_tensor_once_and_the_first_the_metadata() {
    let whole = GgufBuilder::new("test")
        .text("general.name", "split")
        .tensor("a", &[8], TensorType::F32, Fill::Random { seed: 3, scale: 1.0 })
        .tensor("b", &[8], TensorType::F32, Fill::Random { seed: 3, scale: 1.0 })
        .tensor("c", &[8], TensorType::F32, Fill::Random { seed: 3, scale: 1.0 });
    let folder = tempfile::tempdir().expect("a folder");
    let paths = whole.write_split(folder.path(), "model", 2).expect("written");
    let names = paths.iter().map(|path| path.file_name().expect("a name").to_string_lossy());
    let expected = ["model-00001-of-00002.gguf", "model-00002-of-00002.gguf"];
    assert_eq!(names.collect::<Vec<_>>(), expected);
    let [first, second] = [0, 1].map(|at: usize| Header::open(&paths[at]).expect("readable"));
    assert_eq!(first.metadata["general.name"], Value::Text("split".to_owned()));
    assert!(!second.metadata.contains_key("general.name"));
    assert_eq!(second.metadata["split.no"], Value::Unsigned(1));
    for header in [&first, &second] {
        assert_eq!(header.metadata["split.count"], Value::Unsigned(2));
        assert_eq!(header.metadata["split.tensors.count"], Value::Signed(3));
    }
    let tensors: Vec<_> = [&first, &second].iter().flat_map(|h| &h.tensors).collect();
    let names: Vec<_> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}
