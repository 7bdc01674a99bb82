//! Arithmetic on vectors.

/// The first `dimensions` of `vector`, normalised.
pub(super) fn shortened(mut vector: Vec<f32>, dimensions: Option<u32>) -> Vec<f32> {
    if let Some(dimensions) = dimensions {
        vector.truncate(usize::try_from(dimensions).unwrap_or(usize::MAX));
    }
    // In f64 as in llama.cpp (`common_embd_normalize`), where a zero vector stays one, too.
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "a factor of the width of the numbers")]
        let factor = (1.0 / length) as f32;
        for number in &mut vector {
            *number *= factor;
        }
    }
    vector
}
