//! Non-negative least squares.
//!
//! Invariants: exact, not iterative. The best non-negative fit equals the unconstrained fit on its
//! own columns, so every subset of columns is tried (two or three columns: at most seven subsets).
//!
//! Does not do: weight rows; the caller scales them.

/// Pivot, of columns scaled to length one, below which columns count as linearly dependent.
const SINGULAR: f64 = 1e-10;

/// Non-negative coefficients that minimise the squared distance of `rows · coefficients` to
/// `targets`; `None` where no subset of columns can be fitted (no rows, or columns of zeros).
pub fn non_negative<const K: usize>(rows: &[[f64; K]], targets: &[f64]) -> Option<[f64; K]> {
    let sets = 1_u32..(1 << K);
    sets.filter_map(|set| {
        let coefficients = fit_columns(rows, targets, set)?;
        coefficients.iter().all(|value| *value >= 0.0).then_some(coefficients)
    })
    .map(|coefficients| (squared_residuals(rows, targets, &coefficients), coefficients))
    .min_by(|(left, _), (right, _)| left.total_cmp(right))
    .map(|(_, coefficients)| coefficients)
}

/// Sum of the squared residuals.
fn squared_residuals<const K: usize>(
    rows: &[[f64; K]],
    targets: &[f64],
    coefficients: &[f64; K],
) -> f64 {
    rows.iter().zip(targets).map(|(row, target)| (dot(row, coefficients) - target).powi(2)).sum()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// Unconstrained fit on the columns whose bits are in `set`, by the normal equations; `None` where
/// they are linearly dependent.
fn fit_columns<const K: usize>(rows: &[[f64; K]], targets: &[f64], set: u32) -> Option<[f64; K]> {
    let columns: Vec<usize> = (0..K).filter(|column| set & (1 << column) != 0).collect();
    let norm = |column: usize| rows.iter().map(|row| row[column].powi(2)).sum::<f64>().sqrt();
    let norms: Vec<f64> = columns.iter().map(|&column| norm(column)).collect();
    if !norms.iter().all(|norm| norm.is_finite() && *norm > 0.0) {
        return None;
    }
    // Augmented matrix: the last element of each row is its right-hand side.
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
    let scaled = gauss_jordan(system)?;
    let mut coefficients = [0.0; K];
    for ((&column, norm), value) in columns.iter().zip(&norms).zip(scaled) {
        coefficients[column] = value / norm;
    }
    Some(coefficients)
}

/// Solution of an augmented system by Gauss-Jordan elimination, without pivoting: the matrix is
/// symmetric and positive definite. `None` where it is singular.
fn gauss_jordan(mut system: Vec<Vec<f64>>) -> Option<Vec<f64>> {
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
