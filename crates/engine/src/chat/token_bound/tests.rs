use super::*;

const BYTES: [[u8; 1]; 256] = {
    let mut bytes = [[0]; 256];
    let mut at = 0;
    while at < 256 {
        bytes[at] = [at.to_le_bytes()[0]];
        at += 1;
    }
    bytes
};

/// Vocabulary of the bytes below `end` and of long tokens.
fn bound(end: usize, long: &[&str]) -> TokenBound {
    let tokens: Vec<(&[u8], bool)> = BYTES[..end]
        .iter()
        .map(|byte| (byte.as_slice(), true))
        .chain(long.iter().map(|long| (long.as_bytes(), true)))
        .collect();
    TokenBound::of(tokens)
}

#[test]
fn white_space_is_not_counted_however_it_is_written() {
    let bound = bound(256, &[]);
    assert_eq!(bound.bytes(" a\t\nb\r\u{b} "), 2);
    assert_eq!(bound.bytes("\u{a0}é\u{3000}\u{2581}字"), 5);
}

#[test]
fn a_token_stands_for_no_more_than_the_longest_does() {
    let most = |long: &[&str]| bound(256, long).per_token.get();
    assert_eq!(most(&[]), 1);
    assert_eq!(most(&["        ", "ab c", "é"]), 3);
    assert_eq!(bound(256, &["word"]).tokens("wordword w"), 3);
}

#[test]
fn bytes_without_a_token_are_not_counted() {
    let bound = bound(0xC3, &["é"]);
    // C3 A9: only the second byte of the character has a token.
    assert_eq!(bound.bytes("éa\0"), 2);
    assert_eq!(bound.per_token.get(), 1);
    // A token that plain text never produces does not make its byte count.
    let tokens = [(b"a".as_slice(), true), (b"b".as_slice(), false), (b"abab".as_slice(), false)];
    let bound = TokenBound::of(tokens);
    assert_eq!((bound.bytes("abc"), bound.per_token.get()), (1, 2));
    assert_eq!(TokenBound::of([]).tokens("abc"), 0);
}
