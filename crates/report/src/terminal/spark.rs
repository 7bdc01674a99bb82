//! Sparkline: a curve in one line.

/// Block characters of eight heights.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One block per value, with a height in proportion to the largest; empty without values.
pub fn spark(values: &[f64]) -> String {
    let max = values.iter().copied().fold(0.0, f64::max);
    let block = |value: &f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
        let height = if max > 0.0 { (value.max(0.0) / max * 7.0).round() as usize } else { 0 };
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
