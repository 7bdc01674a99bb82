//! A curve in one line.

/// Blocks of eight heights.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A block for each value, as high as its share of the largest; nothing of none.
pub fn spark(values: &[f64]) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let block = |value: &f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of eight"
        )]
        let height = if most > 0.0 { (value.max(0.0) / most * 7.0).round() as usize } else { 0 };
        BLOCKS[height.min(7)]
    };
    values.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_shares_of_the_largest() {
        assert_eq!(spark(&[0.0, 50.0, 100.0]), "▁▅█");
        assert_eq!(spark(&[0.0]), "▁");
        assert_eq!(spark(&[]), "");
    }
}
