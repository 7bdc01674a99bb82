//! Amounts as the user writes them: a number and perhaps a unit, such as `8192`, `20k` or `1.5M`.

/// Factors of tokens: thousands are decimal, as in all figures; `Ki` is 1024.
pub(crate) const TOKENS: [(&str, f64); 4] = [("", 1.0), ("k", 1e3), ("Ki", 1024.0), ("M", 1e6)];

/// Largest value that a float holds exactly.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// `text` as a number with one of `units`; `None` where it is none, or is too large to be exact.
pub(crate) fn amount(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let is_digit = |char: char| char.is_ascii_digit() || char == '.';
    let (digits, unit) = text.split_at(text.find(|char| !is_digit(char)).unwrap_or(text.len()));
    let number: f64 = digits.parse().ok()?;
    let unit = unit.trim_start();
    let (_, factor) = units.iter().find(|(known, _)| *known == unit)?;
    let amount = number * factor;
    (amount <= LARGEST).then_some(amount)
}

/// `amount`, which is one of things that cannot be divided; `None` where it is not whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is whole, not negative and at most 2⁵³"
)]
pub(crate) fn whole(amount: f64) -> Option<u64> {
    let nearest = amount.round();
    // Decimal fractions such as 1.1k are not exact.
    let is_whole = (0.0..=LARGEST).contains(&nearest) && (amount - nearest).abs() <= 1e-6 * nearest;
    is_whole.then_some(nearest as u64)
}

/// `text` as a number of tokens; `None` where it is none.
pub fn tokens(text: &str) -> Option<u64> {
    whole(amount(text, &TOKENS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_whole_and_have_decimal_or_binary_thousands() {
        let read = ["0", "8192", "20k", "8Ki", "1.5M", "1.1k"].map(tokens);
        assert_eq!(read, [0, 8192, 20_000, 8192, 1_500_000, 1100].map(Some));
        for text in ["", "k", "8K", "8x", "-1", "1e3", "0.5", "1.0001k", "NaN", "9007199254740993k"]
        {
            assert_eq!(tokens(text), None, "{text}");
        }
    }
}
