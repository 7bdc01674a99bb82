//! Small GGUF files for tests, byte for byte under the test's control.

use crate::gguf::tensor::TensorType;

/// Builds a file; `bytes` gives it.
#[derive(Clone, Debug)]
pub(crate) struct Gguf {
    pub(crate) version: u32,
    architecture: String,
    entries: Vec<(String, Vec<u8>)>,
    tensors: Vec<(String, Vec<u64>, TensorType)>,
}

impl Gguf {
    /// A file that states its architecture and nothing else.
    pub(crate) fn new(architecture: &str) -> Self {
        let empty = Self {
            version: 3,
            architecture: architecture.to_owned(),
            entries: Vec::new(),
            tensors: Vec::new(),
        };
        empty.text("general.architecture", architecture)
    }

    /// A model that can be shaped: two layers, 4 heads of 8, 2 KV heads, 16 tokens.
    pub(crate) fn tiny() -> Self {
        Self::skeleton("llama", 2)
            .matrix("token_embd.weight", &[32, 16], TensorType::Q4_1)
            .matrix("blk.0.attn_k.weight", &[32, 16], TensorType::Q4_1)
            .matrix("output_norm.weight", &[32], TensorType::F32)
    }

    /// Metadata of a model of any architecture.
    pub(crate) fn skeleton(architecture: &str, layers: u32) -> Self {
        Self::new(architecture)
            .number(".block_count", layers)
            .number(".embedding_length", 32)
            .number(".context_length", 128)
            .number(".attention.head_count", 4)
            .number(".attention.head_count_kv", 2)
            .texts("tokenizer.ggml.tokens", 16)
    }

    /// A key that begins with `.` gets the architecture before it.
    fn entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        let key = match key.strip_prefix('.') {
            Some(rest) => format!("{}.{rest}", self.architecture),
            None => key.to_owned(),
        };
        self.entries.retain(|(other, _)| *other != key);
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend_from_slice(value);
        self.entries.push((key, bytes));
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        let key = format!("{}{key}", self.architecture);
        self.entries.retain(|(other, _)| *other != key);
        self
    }

    pub(crate) fn raw(self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.entry(key, kind, value)
    }

    pub(crate) fn number(self, key: &str, value: u32) -> Self {
        self.entry(key, 4, &value.to_le_bytes())
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, 8, &text(value))
    }

    pub(crate) fn numbers(self, key: &str, values: &[u32]) -> Self {
        let elements: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.array(key, 4, values.len(), &elements)
    }

    pub(crate) fn flags(self, key: &str, values: &[bool]) -> Self {
        let elements: Vec<u8> = values.iter().map(|value| u8::from(*value)).collect();
        self.array(key, 7, values.len(), &elements)
    }

    pub(crate) fn texts(self, key: &str, count: usize) -> Self {
        let elements: Vec<u8> = (0..count).flat_map(|index| text(&index.to_string())).collect();
        self.array(key, 8, count, &elements)
    }

    fn array(self, key: &str, kind: u32, length: usize, elements: &[u8]) -> Self {
        let mut value = kind.to_le_bytes().to_vec();
        value.extend_from_slice(&(length as u64).to_le_bytes());
        value.extend_from_slice(elements);
        self.entry(key, 9, &value)
    }

    pub(crate) fn matrix(mut self, name: &str, dimensions: &[u64], kind: TensorType) -> Self {
        self.tensors.push((name.to_owned(), dimensions.to_vec(), kind));
        self
    }

    /// Everything before the tensor data.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.entries.len() as u64).to_le_bytes());
        for (key, value) in &self.entries {
            bytes.extend(text(key));
            bytes.extend(value);
        }
        let mut offset = 0_u64;
        for (name, dimensions, kind) in &self.tensors {
            bytes.extend(text(name));
            bytes.extend(u32::try_from(dimensions.len()).expect("few").to_le_bytes());
            bytes.extend(dimensions.iter().flat_map(|side| side.to_le_bytes()));
            bytes.extend(kind.id().to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset += size(dimensions, *kind).next_multiple_of(32);
        }
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes
    }

    /// The whole file; the data are a pattern, so that a misplaced byte changes the digest.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header();
        let data: u64 = self
            .tensors
            .iter()
            .map(|(_, dimensions, kind)| size(dimensions, *kind).next_multiple_of(32))
            .sum();
        bytes.extend((0..data).map(|index| (index % 251) as u8));
        bytes
    }
}

fn size(dimensions: &[u64], kind: TensorType) -> u64 {
    let (block, bytes) = kind.block();
    dimensions.iter().product::<u64>() / block * bytes
}

fn text(value: &str) -> Vec<u8> {
    let mut bytes = (value.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(value.as_bytes());
    bytes
}
