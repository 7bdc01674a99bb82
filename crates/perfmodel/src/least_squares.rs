//! Least squares with coefficients that cannot be negative.
//!
//! Invariants: exact, not iterative. The best non-negative fit is the plain fit on the columns that
//! it uses, so every set of columns is tried (two or three columns: at most seven sets).
//!
//! Does not do: weigh rows; the caller scales them.

/// Below this pivot, of columns scaled to length one, columns count as dependent.
const SINGULAR: f64 = 1e-10;

/// The coefficients, none negative, that bring `rows · coefficients` closest to `targets`; `None`
/// where no set of columns fits (no rows, or columns of zeros).
pub fn non_negative<const K: usize>(rows: &[[f64; K]], targets: &[f64]) -> Option<[f64; K]> {
    let sets = 1_u32..(1 << K);
    sets.filter_map(|set| {
        let coefficients = on_columns(rows, targets, set)?;
        coefficients.iter().all(|value| *value >= 0.0).then_some(coefficients)
    })
    .map(|coefficients| (squares(rows, targets, &coefficients), coefficients))
    .min_by(|(left, _), (right, _)| left.total_cmp(right))
    .map(|(_, coefficients)| coefficients)
}

/// Sum of the squared residuals.
fn squares<const K: usize>(rows: &[[f64; K]], targets: &[f64], coefficients: &[f64; K]) -> f64 {
    rows.iter().zip(targets).map(|(row, target)| (dot(row, coefficients) - target).powi(2)).sum()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// The plain fit on the columns whose bits are in `set`, by the normal equations; `None` where they
/// are dependent.
fn on_columns<const K: usize>(rows: &[[f64; K]], targets: &[f64], set: u32) -> Option<[f64; K]> {
    let columns: Vec<usize> = (0..K).filter(|column| set & (1 << column) != 0).collect();
    let norm = |column: usize| rows.iter().map(|row| row[column].powi(2)).sum::<f64>().sqrt();
    let norms: Vec<f64> = columns.iter().map(|&column| norm(column)).collect();
    if !norms.iter().all(|norm| norm.is_finite() && *norm > 0.0) {
        return None;
    }
    // The equations, each with its right side as the last element.
    let mut system: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
    for (&i, norm_i) in columns.iter().zip(&norms) {
        let mut equation: Vec<f64> = columns
            .iter()
            .zip(&norms)
            .map(|(&j, norm_j)| {
                rows.iter().map(|row| row[i] * row[j]).sum::<f64>() / (norm_i * norm_j)
            })
            .collect();
        equation.push(rows.iter().zip(targets).map(|(row, t)| row[i] * t).sum::<f64>() / norm_i);
        system.push(equation);
    }
    let scaled = solved(system)?;
    let mut coefficients = [0.0; K];
    for ((&column, norm), value) in columns.iter().zip(&norms).zip(scaled) {
        coefficients[column] = value / norm;
    }
    Some(coefficients)
}

/// Gauss and Jordan, without exchange of rows: the matrix is symmetric and positive.
fn solved(mut system: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    for step in 0..system.len() {
        let pivot = system[step][step];
        if pivot.is_nan() || pivot <= SINGULAR {
            return None;
        }
        let lead: Vec<f64> = system[step].iter().map(|value| value / pivot).collect();
        for (index, equation) in system.iter_mut().enumerate() {
            if index == step {
                equation.clone_from(&lead);
                continue;
            }
            let factor = equation[step];
            for (value, from_lead) in equation.iter_mut().zip(&lead) {
                *value -= factor * from_lead;
            }
        }
    }
    system.iter().map(|equation| equation.last().copied()).collect()
}
