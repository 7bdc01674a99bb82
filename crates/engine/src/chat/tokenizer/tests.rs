//! Splitting of texts into pieces.

use super::{LONGEST_WORD, pieces};

#[test]
fn only_overlong_words_are_cut() {
    let ordinary = "some words and ".repeat(10_000);
    assert_eq!(pieces(&ordinary).collect::<Vec<_>>(), [ordinary.as_str()]);
    assert_eq!(pieces("").count(), 0);
    for long in ["é".repeat(100_000), " ".repeat(100_000), "ab ".repeat(9) + &"x".repeat(20_000)] {
        let cut: Vec<&str> = pieces(&long).collect();
        assert_eq!(cut.concat(), long);
        assert!(cut.len() > 1 && cut.iter().all(|piece| piece.len() <= LONGEST_WORD + 27));
    }
}
