//! Parsing of bytes into a [`Header`], with every length checked before allocation.
//!
//! Invariants: no input causes a panic; memory is at most [`MAX_KEPT_BYTES`] for any header; each
//! stated length is compared with the remaining file before it is used.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::tensor::{TensorInfo, TensorType};
use crate::gguf::value::Value;
use crate::gguf::vocabulary_scan::{MAX_TOKEN_BYTES, MAX_TOKENS, TokenizerList, VocabularyScanner};

/// Maximum length of arrays whose elements are kept; per-layer arrays have at most 512 (llama.cpp's
/// limit on layers).
pub const MAX_KEPT_ELEMENTS: u64 = 4096;
/// Maximum memory of the metadata and the tensor table of a file. Chat templates are below 1 MB and
/// tensor names below 64 bytes, so real headers need well under 4 MB.
pub const MAX_KEPT_BYTES: u64 = 64 << 20;
/// Maximum metadata entries and tensors of a file; the largest known models have some 2,000
/// tensors.
const MAX_ENTRIES: u64 = 1 << 17;
/// Maximum dimensions of a tensor in ggml.
const MAX_DIMENSIONS: u32 = 4;
/// Maximum nesting of arrays; nested ones are valid but unused.
const MAX_DEPTH: u32 = 2;
/// Memory of an entry in addition to its text, in bytes.
const ENTRY_COST: u64 = 128;

pub(super) fn read(bytes: impl Read, length: u64) -> Result<Header, GgufError> {
    let mut cursor =
        Cursor { bytes, offset: 0, length, kept: 0, vocabulary: VocabularyScanner::default() };
    let version = cursor.preamble()?;
    let tensor_count = cursor.count("tensors")?;
    let entry_count = cursor.count("metadata entries")?;

    let mut metadata = BTreeMap::new();
    for _ in 0..entry_count {
        let at = cursor.offset;
        let key = cursor.text("a metadata key")?;
        let kind = cursor.u32("the type of a metadata value")?;
        let value = match TokenizerList::of(&key) {
            Some(list) if kind == 9 => cursor.list(MAX_DEPTH, Some(list))?,
            _ => cursor.value(kind, MAX_DEPTH)?,
        };
        cursor.keep(ENTRY_COST)?;
        if metadata.contains_key(&key) {
            return Err(malformed(at, format!("duplicate metadata key `{}`", shown(&key))));
        }
        metadata.insert(key, value);
    }

    let alignment = alignment(&metadata)?;
    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(cursor.tensor(alignment)?);
        cursor.keep(ENTRY_COST)?;
    }
    // A vocabulary-only file without tensors may end here.
    let data_offset = cursor
        .offset
        .checked_next_multiple_of(alignment)
        .ok_or_else(|| malformed(cursor.offset, "the offset of the tensor data overflows"))?;
    Ok(Header { version, metadata, tensors, data_offset, vocabulary: cursor.vocabulary.finish() })
}

fn malformed(offset: u64, reason: impl Into<String>) -> GgufError {
    GgufError::Malformed { offset, reason: reason.into() }
}

/// At most 64 characters of an untrusted name, escaped.
fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_default).collect()
}

fn tokens_within_limit(offset: u64, length: u64) -> Result<u64, GgufError> {
    if length > MAX_TOKENS {
        let what = format!("a vocabulary of {length} tokens");
        return Err(GgufError::TooLarge { offset, what, limit: MAX_TOKENS });
    }
    Ok(length)
}

fn alignment(metadata: &BTreeMap<String, Value>) -> Result<u64, GgufError> {
    const KEY: &str = "general.alignment";
    let Some(value) = metadata.get(KEY) else { return Ok(32) };
    let alignment = value.as_u32(KEY)?;
    if !alignment.is_power_of_two() {
        return Err(GgufError::key(KEY, format!("is {alignment}, expected a power of two")));
    }
    Ok(u64::from(alignment))
}

struct Cursor<R> {
    bytes: R,
    offset: u64,
    length: u64,
    kept: u64,
    vocabulary: VocabularyScanner,
}

impl<R: Read> Cursor<R> {
    fn preamble(&mut self) -> Result<u32, GgufError> {
        let magic = self.array::<4>("the magic number")?;
        if &magic != b"GGUF" {
            return Err(GgufError::NotGguf { found: shown(&String::from_utf8_lossy(&magic)) });
        }
        match self.u32("the version")? {
            version @ (2 | 3) => Ok(version),
            // A number in the upper bytes only is a small number in the other endianness.
            version if version.trailing_zeros() >= 16 && version != 0 => Err(GgufError::BigEndian),
            version => Err(GgufError::Version(version)),
        }
    }

    /// Reads a number of entries.
    fn count(&mut self, what: &str) -> Result<u64, GgufError> {
        let offset = self.offset;
        let count = self.u64(&format!("the number of {what}"))?;
        if count > MAX_ENTRIES {
            let what = format!("{count} {what}");
            return Err(GgufError::TooLarge { offset, what, limit: MAX_ENTRIES });
        }
        Ok(count)
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<Value, GgufError> {
        const WHAT: &str = "a metadata value";
        Ok(match kind {
            0 => Value::Unsigned(self.array::<1>(WHAT)?[0].into()),
            1 => Value::Signed(i8::from_le_bytes(self.array(WHAT)?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array(WHAT)?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array(WHAT)?).into()),
            4 => Value::Unsigned(u32::from_le_bytes(self.array(WHAT)?).into()),
            5 => Value::Signed(i32::from_le_bytes(self.array(WHAT)?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array(WHAT)?).into()),
            7 => Value::Bool(self.array::<1>(WHAT)?[0] != 0),
            8 => Value::Text(self.text(WHAT)?),
            9 => self.list(depth, None)?,
            10 => Value::Unsigned(u64::from_le_bytes(self.array(WHAT)?)),
            11 => Value::Signed(i64::from_le_bytes(self.array(WHAT)?)),
            12 => Value::Float(f64::from_le_bytes(self.array(WHAT)?)),
            _ => {
                let at = self.offset.saturating_sub(4);
                return Err(malformed(at, format!("invalid type {kind} of a metadata value")));
            }
        })
    }

    /// Reads a list; a `tokenizer_list` is scanned regardless of its length.
    fn list(
        &mut self,
        depth: u32,
        tokenizer_list: Option<TokenizerList>,
    ) -> Result<Value, GgufError> {
        let at = self.offset;
        let kind = self.u32("the type of an array")?;
        let length = self.u64("the length of an array")?;
        if kind == 9 && depth == 0 {
            return Err(malformed(at, "arrays are nested too deeply"));
        }
        // Least size of an element: a number, an empty text, an empty array.
        let width: u64 = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 => 12,
            _ => return Err(malformed(at, format!("invalid type {kind} of an array element"))),
        };
        let least = length.saturating_mul(width);
        self.expect("an array", least)?;
        if let Some(list) = tokenizer_list {
            self.vocabulary.start_list(list, kind);
        }
        let mut elements = Vec::new();
        if length <= MAX_KEPT_ELEMENTS {
            self.keep(length.saturating_mul(size_of::<Value>() as u64))?;
            for _ in 0..length {
                let element = self.value(kind, depth.saturating_sub(1))?;
                if let Some(list) = tokenizer_list {
                    self.vocabulary.element(list, &element);
                }
                elements.push(element);
            }
        } else if tokenizer_list == Some(TokenizerList::Tokens) && kind == 8 {
            self.tokens(length)?;
        } else if tokenizer_list == Some(TokenizerList::Types) && kind == 5 {
            for _ in 0..tokens_within_limit(at, length)? {
                let kind = i32::from_le_bytes(self.array("a token type")?);
                self.vocabulary.token_type(kind);
            }
        } else if kind == 8 {
            for _ in 0..length {
                let bytes = self.u64("the length of a text")?;
                self.skip("an array of texts", bytes)?;
            }
        } else if kind == 9 {
            return Err(malformed(at, format!("an array of {length} arrays")));
        } else {
            self.skip("an array", least)?;
        }
        Ok(Value::Array { length, elements })
    }

    /// Scans the texts of a long token list, one in memory at a time.
    fn tokens(&mut self, length: u64) -> Result<(), GgufError> {
        const WHAT: &str = "a token";
        let mut text = Vec::new();
        for _ in 0..tokens_within_limit(self.offset, length)? {
            let offset = self.offset;
            let bytes = self.u64(WHAT)?;
            self.expect(WHAT, bytes)?;
            if bytes > MAX_TOKEN_BYTES {
                let what = format!("a token of {bytes} bytes");
                return Err(GgufError::TooLarge { offset, what, limit: MAX_TOKEN_BYTES });
            }
            text.clear();
            let read = (&mut self.bytes)
                .take(bytes)
                .read_to_end(&mut text)
                .map_err(|source| GgufError::Read { offset, source })?;
            self.advance(WHAT, bytes, read as u64)?;
            self.vocabulary.token(&text);
        }
        Ok(())
    }

    fn tensor(&mut self, alignment: u64) -> Result<TensorInfo, GgufError> {
        let at = self.offset;
        let name = self.text("a tensor name")?;
        let bad = |reason: String| malformed(at, format!("tensor `{}` {reason}", shown(&name)));
        let sides = self.u32("the dimensions of a tensor")?;
        if sides == 0 || sides > MAX_DIMENSIONS {
            return Err(bad(format!("has {sides} dimensions, expected 1 to {MAX_DIMENSIONS}")));
        }
        let mut dimensions = Vec::new();
        for _ in 0..sides {
            dimensions.push(self.u64("a dimension of a tensor")?);
        }
        let id = self.u32("the type of a tensor")?;
        let offset = self.u64("the offset of a tensor")?;
        let kind = TensorType::from_id(id)
            .ok_or_else(|| bad(format!("has the unknown element type {id}")))?;
        let (block, block_bytes) = kind.block();
        let elements = dimensions
            .iter()
            .try_fold(1_u64, |product, side| product.checked_mul(*side))
            .filter(|elements| *elements > 0)
            .ok_or_else(|| bad(format!("has invalid dimensions {dimensions:?}")))?;
        if dimensions[0] % block != 0 {
            let name = kind.name();
            return Err(bad(format!(
                "has rows of {} {name}, expected a multiple of {block}",
                dimensions[0]
            )));
        }
        let bytes = (elements / block)
            .checked_mul(block_bytes)
            .ok_or_else(|| bad(format!("has invalid dimensions {dimensions:?}")))?;
        if offset % alignment != 0 {
            return Err(bad(format!("starts at {offset}, expected a multiple of {alignment}")));
        }
        Ok(TensorInfo { name, dimensions, kind, offset, bytes })
    }

    fn text(&mut self, what: &str) -> Result<String, GgufError> {
        let bytes = self.u64(what)?;
        self.expect(what, bytes)?;
        self.keep(bytes)?;
        // `expect` and `keep` have bounded `bytes`; growing while reading also bounds memory for a
        // wrong `length`.
        let mut text = Vec::new();
        let offset = self.offset;
        let read = (&mut self.bytes)
            .take(bytes)
            .read_to_end(&mut text)
            .map_err(|source| GgufError::Read { offset, source })?;
        self.advance(what, bytes, read as u64)?;
        Ok(String::from_utf8(text)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn skip(&mut self, what: &str, bytes: u64) -> Result<(), GgufError> {
        self.expect(what, bytes)?;
        let offset = self.offset;
        let read = io::copy(&mut (&mut self.bytes).take(bytes), &mut io::sink())
            .map_err(|source| GgufError::Read { offset, source })?;
        self.advance(what, bytes, read)
    }

    fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        self.expect(what, N as u64)?;
        let mut bytes = [0; N];
        let offset = self.offset;
        self.bytes.read_exact(&mut bytes).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(what, N as u64),
            _ => GgufError::Read { offset, source },
        })?;
        self.offset += N as u64;
        Ok(bytes)
    }

    fn expect(&self, what: &str, bytes: u64) -> Result<(), GgufError> {
        if bytes > self.length.saturating_sub(self.offset) {
            return Err(self.truncated(what, bytes));
        }
        Ok(())
    }

    fn advance(&mut self, what: &str, wanted: u64, read: u64) -> Result<(), GgufError> {
        if read < wanted {
            return Err(self.truncated(what, wanted));
        }
        self.offset += read;
        Ok(())
    }

    fn truncated(&self, what: &str, needed: u64) -> GgufError {
        let (offset, length) = (self.offset, self.length);
        GgufError::Truncated { offset, what: what.to_owned(), needed, length }
    }

    fn keep(&mut self, bytes: u64) -> Result<(), GgufError> {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > MAX_KEPT_BYTES {
            let what = format!("{} bytes of header", self.kept);
            return Err(GgufError::TooLarge { offset: self.offset, what, limit: MAX_KEPT_BYTES });
        }
        Ok(())
    }
}
