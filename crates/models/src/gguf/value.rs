//! A metadata value.

use crate::gguf::fault::GgufError;

/// One value, of the types GGUF knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer type.
    Unsigned(u64),
    /// Any signed integer type.
    Signed(i64),
    /// Either float type.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// UTF-8 text; bytes that are not UTF-8 are replaced by U+FFFD.
    Text(String),
    /// A list.
    Array {
        /// How many elements the file has.
        length: u64,
        /// All of them, or none where there are more than the reader keeps.
        elements: Vec<Value>,
    },
}

impl Value {
    /// The text.
    ///
    /// # Errors
    /// When the value of `key` is not text.
    pub fn as_str(&self, key: &str) -> Result<&str, GgufError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(GgufError::key(key, "is not text")),
        }
    }

    /// The number, where it fits 32 bits.
    ///
    /// # Errors
    /// When the value of `key` is not a whole number of at most 32 bits.
    pub fn as_u32(&self, key: &str) -> Result<u32, GgufError> {
        let number = match self {
            Self::Unsigned(number) => u32::try_from(*number).ok(),
            Self::Signed(number) => u32::try_from(*number).ok(),
            _ => None,
        };
        number.ok_or_else(|| GgufError::key(key, "is not a whole number of at most 32 bits"))
    }

    /// Whether a flag is set: flags are stored as truth values or as 0 and 1.
    ///
    /// # Errors
    /// When the value of `key` is neither.
    pub fn as_flag(&self, key: &str) -> Result<bool, GgufError> {
        match self {
            Self::Bool(flag) => Ok(*flag),
            Self::Unsigned(number) => Ok(*number != 0),
            Self::Signed(number) => Ok(*number != 0),
            _ => Err(GgufError::key(key, "is not a truth value")),
        }
    }
}
