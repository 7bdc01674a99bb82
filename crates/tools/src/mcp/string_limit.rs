//! Filter that shortens the strings of JSON while it is received.
//!
//! An answer of 50 MB is mostly one string. Cut at its limit, the JSON stays valid and the memory
//! small, and the answer's beginning is there.

/// Filter over the bytes of JSON texts, one or several, in parts of any size.
#[derive(Debug)]
pub(super) struct StringLimit {
    /// Bytes of one string that pass.
    limit: usize,
    place: Place,
    /// Bytes of the current string that have passed.
    passed: usize,
    /// Whether the rest of the current string is left out.
    cutting: bool,
    /// Whether the character before was the first half of a surrogate pair.
    half: bool,
    cut: u64,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Outside,
    Inside,
    /// After a backslash.
    Escape,
    /// Within the digits after `\u`.
    Digits {
        seen: u8,
        value: u32,
    },
}

impl StringLimit {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, place: Place::Outside, passed: 0, cutting: false, half: false, cut: 0 }
    }

    /// Appends to `output` what of `input` passes.
    pub(super) fn push(&mut self, input: &[u8], output: &mut Vec<u8>) {
        let mut rest = input;
        while let Some((byte, after)) = rest.split_first() {
            let skipped = if self.cutting && matches!(self.place, Place::Inside) {
                // Most of a long text: nothing before the next of these changes the state.
                memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len())
            } else {
                0
            };
            if skipped > 0 {
                self.cut += skipped as u64;
                self.half = false;
                rest = &rest[skipped..];
            } else {
                self.next(*byte, output);
                rest = after;
            }
        }
    }

    /// Bytes left out since the last call.
    pub(super) fn take_cut(&mut self) -> u64 {
        std::mem::take(&mut self.cut)
    }

    fn next(&mut self, byte: u8, output: &mut Vec<u8>) {
        self.place = match (self.place, byte) {
            (Place::Outside, b'"') => {
                (self.passed, self.cutting, self.half) = (0, false, false);
                output.push(byte);
                Place::Inside
            }
            // No string of JSON holds a line break: the text is broken, or is not JSON.
            (Place::Outside, _) | (_, b'\n') | (Place::Inside, b'"') => {
                output.push(byte);
                Place::Outside
            }
            (Place::Inside, _) => {
                // A string is cut before a character, and not within a pair.
                let continues = byte & 0xC0 == 0x80 || (self.half && byte == b'\\');
                if !continues && self.passed >= self.limit {
                    self.cutting = true;
                }
                if byte != b'\\' {
                    self.half = false;
                }
                self.pass(byte, output);
                if byte == b'\\' { Place::Escape } else { Place::Inside }
            }
            (Place::Escape, _) => {
                self.pass(byte, output);
                if byte == b'u' {
                    Place::Digits { seen: 0, value: 0 }
                } else {
                    self.half = false;
                    Place::Inside
                }
            }
            (Place::Digits { seen, value }, _) => {
                self.pass(byte, output);
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let value = value << 4 | digit;
                if seen == 3 {
                    self.half = (0xD800..0xDC00).contains(&value);
                    Place::Inside
                } else {
                    Place::Digits { seen: seen + 1, value }
                }
            }
        };
    }

    fn pass(&mut self, byte: u8, output: &mut Vec<u8>) {
        if self.cutting {
            self.cut += 1;
        } else {
            self.passed += 1;
            output.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn filtered(text: &[u8], limit: usize, part: usize) -> (Vec<u8>, u64) {
        let mut filter = StringLimit::new(limit);
        let mut output = Vec::new();
        for part in text.chunks(part.max(1)) {
            filter.push(part, &mut output);
        }
        (output, filter.take_cut())
    }

    #[test]
    fn long_strings_are_cut_and_the_rest_stays() {
        let text = json!({"a": "x".repeat(50), "b": [1, "y\"z"]}).to_string();
        let (output, cut) = filtered(text.as_bytes(), 10, 7);
        let value: Value = serde_json::from_slice(&output).expect("JSON");
        assert_eq!((value, cut), (json!({"a": "x".repeat(10), "b": [1, "y\"z"]}), 40));
    }

    #[test]
    fn a_broken_string_ends_with_its_line() {
        let (output, _) = filtered(b"{\"abcdefgh\n{\"a\":\"0123456789\"}\n", 4, 100);
        assert_eq!(output, b"{\"abcd\n{\"a\":\"0123\"}\n");
    }

    /// As servers in Python write it: everything beyond ASCII as escapes.
    fn escaped(text: &str) -> String {
        let plain = |unit: &u16| matches!(unit, 0x20..=0x7E) && !matches!(unit, 0x22 | 0x5C);
        let written = text.encode_utf16().map(|unit| match char::from_u32(unit.into()) {
            Some(char) if plain(&unit) => char.to_string(),
            _ => format!("\\u{unit:04x}"),
        });
        written.collect()
    }

    proptest! {
        #[test]
        fn what_passes_is_the_beginning(text: String, limit in 0usize..40, part in 1usize..9) {
            for json in [serde_json::to_string(&text).expect("a string"), format!("\"{}\"", escaped(&text))] {
                let (output, cut) = filtered(json.as_bytes(), limit, part);
                let beginning: String = serde_json::from_slice(&output).expect("JSON");
                prop_assert!(text.starts_with(&beginning), "{beginning}");
                prop_assert_eq!(output.len() as u64 + cut, json.len() as u64);
                prop_assert!(output.len() <= limit + 2 + 12);
            }
        }
    }
}
