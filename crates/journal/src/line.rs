//! One line of a journal: its bytes, and what of them can be trusted.
//!
//! Invariants: a line holds one line feed, at its end, so that lines are told apart whatever is
//! damaged in one of them; every byte of it is checked, the checksum's spelling included.

use harmonic_types::RunId;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Bytes of a checksum, of the digest's 32.
const SUM: usize = 16;

/// What stands before and after the checksum.
const BEFORE_SUM: &str = ",\"sum\":\"";
const AFTER_SUM: &str = "\"}\n";

/// Length of a line after its body.
const TAIL: usize = BEFORE_SUM.len() + 2 * SUM + AFTER_SUM.len();

/// Most bytes of an entry's line beside the entry: three numbers of 20 digits, names, checksum.
pub(crate) const FRAME: u64 = 192;

/// A line whose checksum is right, before its entry is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framed<'a> {
    pub(crate) number: u64,
    pub(crate) at_ms: u64,
    pub(crate) entry: &'a str,
}

/// Line of the header, which is a JSON object.
pub(crate) fn header(run: &RunId, header: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(header)?;
    Ok(sealed(run, json.strip_suffix('}').unwrap_or(&json)))
}

/// Line of an entry, which is JSON.
pub(crate) fn entry(run: &RunId, number: u64, at_ms: u64, entry: &str) -> String {
    let length = entry.len();
    let body = format!("{{\"n\":{number},\"ms\":{at_ms},\"len\":{length},\"entry\":{entry}");
    sealed(run, &body)
}

fn sealed(run: &RunId, body: &str) -> String {
    format!("{body}{BEFORE_SUM}{}{AFTER_SUM}", sum(run, body))
}

fn sum(run: &RunId, body: &str) -> String {
    let digest = Sha256::new().chain_update(&run.0).chain_update("\n").chain_update(body);
    hex::encode(&digest.finalize()[..SUM])
}

/// The body of a line, which ends with a line feed, if its checksum is right.
pub(crate) fn body<'a>(run: &RunId, line: &'a [u8]) -> Result<&'a str, &'static str> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let split = text.len().checked_sub(TAIL).and_then(|at| text.split_at_checked(at));
    let (body, tail) = split.ok_or("it is too short")?;
    let stated = tail.strip_prefix(BEFORE_SUM).and_then(|rest| rest.strip_suffix(AFTER_SUM));
    let stated = stated.ok_or("it has no checksum")?;
    // Compared as written: hexadecimal has two spellings.
    if sum(run, body) == stated { Ok(body) } else { Err("its checksum is wrong") }
}

/// The parts of an entry's line.
pub(crate) fn parse<'a>(run: &RunId, line: &'a [u8]) -> Result<Framed<'a>, &'static str> {
    let rest = body(run, line)?;
    let (number, rest) = field(rest, "{\"n\":")?;
    let (at_ms, rest) = field(rest, ",\"ms\":")?;
    let (length, rest) = field(rest, ",\"len\":")?;
    let entry = rest.strip_prefix(",\"entry\":").ok_or("it has no entry")?;
    if entry.len() as u64 != length {
        return Err("its entry has another length");
    }
    Ok(Framed { number, at_ms, entry })
}

fn field<'a>(text: &'a str, name: &str) -> Result<(u64, &'a str), &'static str> {
    const ABSENT: &str = "it lacks number, time or length";
    let rest = text.strip_prefix(name).ok_or(ABSENT)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = rest.split_at(digits);
    Ok((digits.parse().map_err(|_| ABSENT)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId("run_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned())
    }

    #[test]
    fn a_line_is_json_and_is_read_back() {
        let line = entry(&run(), 7, 1234, r#"{"text":"a\nb"}"#);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["entry"]["text"], "a\nb");
        let framed = parse(&run(), line.as_bytes()).unwrap();
        assert_eq!((framed.number, framed.at_ms, framed.entry), (7, 1234, r#"{"text":"a\nb"}"#));
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn the_frame_is_no_longer_than_its_limit() {
        let line = entry(&run(), u64::MAX, u64::MAX, "1");
        assert!(line.len() as u64 <= FRAME, "{}", line.len());
    }

    #[test]
    fn a_line_of_another_run_is_not_one_of_this() {
        let other = RunId("run_01ARZ3NDEKTSV4RRFFQ69G5FAW".to_owned());
        let line = entry(&other, 1, 0, "true");
        assert_eq!(parse(&run(), line.as_bytes()), Err("its checksum is wrong"));
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let line = entry(&run(), 1, 20, r#"["é",null]"#).into_bytes();
        for at in 0..line.len() {
            for value in 0..=u8::MAX {
                let mut changed = line.clone();
                changed[at] = value;
                assert_eq!(parse(&run(), &changed).is_ok(), changed == line, "{at} {value}");
            }
        }
    }
}
