//! A metadata value.

use crate::gguf::error::GgufError;

/// One value of a GGUF type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer type.
    Unsigned(u64),
    /// Any signed integer type.
    Signed(i64),
    /// Either float type.
    Float(f64),
    /// A Boolean.
    Bool(bool),
    /// Text; invalid UTF-8 is replaced by U+FFFD.
    Text(String),
    /// A list.
    Array {
        /// Number of elements in the file.
        length: u64,
        /// All elements, or none if the list is longer than the reader keeps.
        elements: Vec<Value>,
    },
}

impl Value {
    /// The text.
    ///
    /// # Errors
    /// If the value of `key` is not text.
    pub fn as_str(&self, key: &str) -> Result<&str, GgufError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(GgufError::key(key, "is not text")),
        }
    }

    /// The number as 32 bits.
    ///
    /// # Errors
    /// If the value of `key` is not an integer of at most 32 bits.
    pub fn as_u32(&self, key: &str) -> Result<u32, GgufError> {
        let number = match self {
            Self::Unsigned(number) => u32::try_from(*number).ok(),
            Self::Signed(number) => u32::try_from(*number).ok(),
            _ => None,
        };
        number.ok_or_else(|| GgufError::key(key, "is not an integer of at most 32 bits"))
    }

    /// The flag, stored as a Boolean or as 0 and 1.
    ///
    /// # Errors
    /// If the value of `key` is neither.
    pub fn as_flag(&self, key: &str) -> Result<bool, GgufError> {
        match self {
            Self::Bool(flag) => Ok(*flag),
            Self::Unsigned(number) => Ok(*number != 0),
            Self::Signed(number) => Ok(*number != 0),
            _ => Err(GgufError::key(key, "is not a Boolean")),
        }
    }
}
