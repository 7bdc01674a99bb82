//! Layout of a task graph in layers, from left to right.
//!
//! Owns: which column a task stands in, the order in the columns, and the way of each edge.
//!
//! Invariants: a task stands right of its inputs; boxes do not overlap; an edge that passes a column
//! does so in a place of its own between the boxes, which the edges of one task share. The same
//! graph gives the same layout. Bounded by the square of the number of tasks.

use crate::chart::Area;

/// Sweeps over the columns, to and fro, that reduce crossings.
const SWEEPS: usize = 4;

/// Distances, in pixels: of columns, of boxes, of the ways of edges.
const BETWEEN_COLUMNS: f64 = 52.0;
const BETWEEN_BOXES: f64 = 18.0;
const WAY: f64 = 12.0;

/// Distance of the drawing from its edges, in pixels.
const MARGIN: f64 = 6.0;

/// A laid out graph.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Place of each task.
    pub boxes: Vec<Area>,
    /// Edges, by target and then source.
    pub edges: Vec<Edge>,
    pub width: f64,
    pub height: f64,
}

/// An edge from a task to one that reads its artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    /// Horizontal pieces between which it bends: (left, right, y). The first begins at the source,
    /// the last ends at the target.
    pub pieces: Vec<(f64, f64, f64)>,
}

/// What stands in a column: a task, or the way of the edges of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    task: usize,
    is_way: bool,
}

/// Layout of tasks of which `inputs` names earlier ones, in boxes of this width and these heights.
/// Inputs that are not earlier tasks are left out.
pub fn layout(inputs: &[Vec<usize>], width: f64, heights: &[f64]) -> Layout {
    let inputs: Vec<Vec<usize>> = inputs.iter().enumerate().map(earlier).collect();
    let columns = columns(&inputs);
    let mut places = places(&inputs, &columns);
    for sweep in 0..SWEEPS {
        reorder(&mut places, &inputs, sweep % 2 == 0);
    }
    let height = |place: &Place| if place.is_way { WAY } else { heights[place.task] };
    let total = |column: &[Place]| {
        let boxes: f64 = column.iter().map(height).sum();
        boxes + BETWEEN_BOXES * (column.len().max(1) - 1) as f64
    };
    let tallest = places.iter().map(|column| total(column)).fold(0.0, f64::max);

    let nowhere = Area { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 };
    let mut boxes = vec![nowhere; inputs.len()];
    let mut ways = vec![Vec::new(); inputs.len()];
    for (index, column) in places.iter().enumerate() {
        let left = MARGIN + index as f64 * (width + BETWEEN_COLUMNS);
        let mut top = MARGIN + (tallest - total(column)) / 2.0;
        for place in column {
            let bottom = top + height(place);
            if place.is_way {
                ways[place.task].push((left, left + width, f64::midpoint(top, bottom)));
            } else {
                boxes[place.task] = Area { left, top, right: left + width, bottom };
            }
            top = bottom + BETWEEN_BOXES;
        }
    }
    let edges = edges(&inputs, &columns, &boxes, &ways);
    let count = places.len() as f64;
    Layout {
        boxes,
        edges,
        width: 2.0 * MARGIN + count * width + (count - 1.0).max(0.0) * BETWEEN_COLUMNS,
        height: 2.0 * MARGIN + tallest,
    }
}

fn earlier((task, inputs): (usize, &Vec<usize>)) -> Vec<usize> {
    let mut inputs: Vec<usize> = inputs.iter().copied().filter(|input| *input < task).collect();
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

/// Column of each task: one right of its rightmost input.
fn columns(inputs: &[Vec<usize>]) -> Vec<usize> {
    let mut columns: Vec<usize> = Vec::with_capacity(inputs.len());
    for inputs in inputs {
        let column = inputs.iter().map(|input| columns[*input] + 1).max();
        columns.push(column.unwrap_or(0));
    }
    columns
}

/// What stands in each column, in the order of the tasks.
fn places(inputs: &[Vec<usize>], columns: &[usize]) -> Vec<Vec<Place>> {
    let count = columns.iter().max().map_or(0, |last| last + 1);
    let mut places = vec![Vec::new(); count];
    let mut reach: Vec<usize> = columns.to_vec();
    for (task, inputs) in inputs.iter().enumerate() {
        for input in inputs {
            reach[*input] = reach[*input].max(columns[task]);
        }
    }
    for task in 0..inputs.len() {
        places[columns[task]].push(Place { task, is_way: false });
        for column in &mut places[columns[task] + 1..reach[task].max(columns[task] + 1)] {
            column.push(Place { task, is_way: true });
        }
    }
    places
}

/// Sorts each column by the mean position of what its places are joined with in the column before,
/// or after.
fn reorder(places: &mut [Vec<Place>], inputs: &[Vec<usize>], is_forward: bool) {
    let count = places.len();
    for step in 1..count {
        let (column, beside) =
            if is_forward { (step, step - 1) } else { (count - 1 - step, count - step) };
        let position: Vec<Place> = places[beside].clone();
        let mut keyed: Vec<(f64, usize, Place)> = places[column]
            .iter()
            .enumerate()
            .map(|(index, place)| {
                let joined = |other: &Place| {
                    if is_forward {
                        is_joined(other, place, inputs)
                    } else {
                        is_joined(place, other, inputs)
                    }
                };
                let at: Vec<f64> = (0..position.len())
                    .filter(|at| joined(&position[*at]))
                    .map(|at| (at as f64 + 0.5) / position.len() as f64)
                    .collect();
                let own = (index as f64 + 0.5) / places[column].len() as f64;
                let mean =
                    if at.is_empty() { own } else { at.iter().sum::<f64>() / at.len() as f64 };
                (mean, index, *place)
            })
            .collect();
        keyed.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        places[column] = keyed.into_iter().map(|(_, _, place)| place).collect();
    }
}

/// Whether an edge leads from a place to one in the next column.
fn is_joined(from: &Place, to: &Place, inputs: &[Vec<usize>]) -> bool {
    if to.is_way { from.task == to.task } else { inputs[to.task].contains(&from.task) }
}

fn edges(
    inputs: &[Vec<usize>],
    columns: &[usize],
    boxes: &[Area],
    ways: &[Vec<(f64, f64, f64)>],
) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (to, inputs) in inputs.iter().enumerate() {
        for &from in inputs {
            let (start, end) = (&boxes[from], &boxes[to]);
            let middle = |area: &Area| f64::midpoint(area.top, area.bottom);
            let mut pieces = vec![(start.right, start.right, middle(start))];
            pieces.extend(ways[from].iter().take(columns[to] - columns[from] - 1));
            pieces.push((end.left, end.left, middle(end)));
            edges.push(Edge { from, to, pieces });
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Inputs of up to 40 tasks, some of them out of range.
    fn graph() -> impl Strategy<Value = Vec<(Vec<usize>, f64)>> {
        let task = (proptest::collection::vec(0_usize..42, 0..6), 30.0..90.0_f64);
        proptest::collection::vec(task, 0..40).prop_map(|mut tasks| {
            for (index, (inputs, _)) in tasks.iter_mut().enumerate() {
                // Most name tasks nearby, so that there are long chains and wide layers.
                for input in inputs.iter_mut().filter(|input| **input % 3 > 0) {
                    *input = index.saturating_sub(1 + *input % 5);
                }
            }
            tasks
        })
    }

    /// The points of an edge, dense enough that no box fits between two of them.
    fn points(edge: &Edge) -> Vec<(f64, f64)> {
        let mut points = Vec::new();
        for pair in edge.pieces.windows(2) {
            let ((_, from, y), (left, right, to)) = (pair[0], pair[1]);
            for step in 0..=20 {
                let t = f64::from(step) / 20.0;
                points.push((from + (left - from) * t, y + (to - y) * t));
                points.push((left + (right - left) * t, to));
            }
        }
        points
    }

    proptest! {
        #[test]
        fn no_box_meets_another_one_or_an_edge_that_is_not_its_own(tasks in graph()) {
            let (inputs, heights): (Vec<Vec<usize>>, Vec<f64>) = tasks.into_iter().unzip();
            let Layout { boxes, edges, width, height } = layout(&inputs, 150.0, &heights);
            for (index, area) in boxes.iter().enumerate() {
                prop_assert!(area.left >= 0.0 && area.right <= width, "{:?}", area);
                prop_assert!(area.top >= 0.0 && area.bottom <= height, "{:?}", area);
                prop_assert!((area.bottom - area.top - heights[index]).abs() < 1e-6);
                for other in &boxes[..index] {
                    prop_assert!(!area.overlaps(other), "{:?} {:?}", area, other);
                }
            }
            for edge in &edges {
                prop_assert!(boxes[edge.from].right < boxes[edge.to].left, "{:?}", edge);
                for (x, y) in points(edge) {
                    prop_assert!(y >= 0.0 && y <= height);
                    for (index, area) in boxes.iter().enumerate() {
                        let is_in = x > area.left && x < area.right && y > area.top && y < area.bottom;
                        prop_assert!(!is_in, "{:?} crosses {}", edge, index);
                    }
                }
            }
            let wanted: usize = inputs.iter().enumerate().map(|all| earlier(all).len()).sum();
            prop_assert_eq!(edges.len(), wanted);
        }
    }

    #[test]
    fn a_chain_is_a_row_and_siblings_are_a_column() {
        let chain = layout(&[vec![], vec![0], vec![1]], 100.0, &[40.0; 3]);
        assert!(chain.boxes.windows(2).all(|pair| pair[0].right < pair[1].left));
        assert!(chain.boxes.windows(2).all(|pair| (pair[0].top - pair[1].top).abs() < 1e-9));
        let fan = layout(&[vec![], vec![], vec![], vec![0, 1, 2]], 100.0, &[40.0; 4]);
        assert!((fan.boxes[0].left - fan.boxes[2].left).abs() < 1e-9);
        assert_eq!(fan.edges.len(), 3);
    }

    #[test]
    fn the_largest_graph_that_is_drawn_is_laid_out() {
        let all: Vec<Vec<usize>> = (0..128).map(|task| (0..task).collect()).collect();
        let layout = layout(&all, 100.0, &[40.0; 128]);
        assert_eq!(layout.edges.len(), 127 * 64);
    }
}
