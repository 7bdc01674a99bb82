//! The token by which what a run has started shows from which run it comes.
//!
//! Invariants: unguessable; never written to a record, an export, an event or a log.

use std::fmt::{self, Write as _};

/// Token of a run that is under way. The run's tools know it, and what they start.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RunToken(String);

impl RunToken {
    /// Header of HTTP requests that come from inside of a run, in lower case.
    pub const HEADER: &str = "harmonic-run";
    /// Header with which a process that offers tools to a run says which token they know, in lower
    /// case.
    pub const OFFERED_HEADER: &str = "harmonic-run-token";
    /// Environment variable of processes that a run has started.
    pub const VARIABLE: &str = "HARMONIC_RUN";
    /// Random bytes of a token.
    pub const BYTES: usize = 32;
    /// Beginning of every token.
    const PREFIX: &str = "hrt_";

    /// The token of these random bytes.
    pub fn of(random: [u8; Self::BYTES]) -> Self {
        let mut text = Self::PREFIX.to_owned();
        for byte in random {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The token `text`; `None` where it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(Self::PREFIX)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let is_token = digits.len() == 2 * Self::BYTES && digits.bytes().all(is_digit);
        is_token.then(|| Self(text.to_owned()))
    }

    /// Its text, for a header or a variable.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RunToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_form_and_debug_output_hides_it() {
        let token = RunToken::of([0xab; RunToken::BYTES]);
        assert_eq!(RunToken::parse(token.as_str()).as_ref(), Some(&token));
        assert_eq!(format!("{token:?}"), "RunToken(…)");
        let text = token.as_str();
        let others = [
            String::new(),
            "hrt_".to_owned(),
            text[4..].to_owned(),
            text[..text.len() - 1].to_owned(),
            format!("{text}0"),
            format!(" {text}"),
            format!("{text}\n"),
            text.to_uppercase(),
            text.replace('b', "g"),
            format!("hrt_{}", "é".repeat(RunToken::BYTES)),
        ];
        for other in others {
            assert_eq!(RunToken::parse(&other), None, "{other:?}");
        }
    }
}
