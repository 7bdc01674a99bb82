//! Width of output.

use std::ops::RangeInclusive;

/// Number of columns that a line may have: that of a terminal, or unlimited in pipes and files,
/// which get full lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width(Option<usize>);

impl Width {
    /// Full lines.
    pub const UNLIMITED: Self = Self(None);

    /// Range of widths: below it nothing is readable, above it the eye loses the next line.
    pub const RANGE: RangeInclusive<usize> = 60..=200;

    /// Width of a terminal of that many columns, within [`Width::RANGE`].
    pub fn of_terminal(columns: usize) -> Self {
        Self(Some(columns.clamp(*Self::RANGE.start(), *Self::RANGE.end())))
    }

    /// Width of a part of a line, or of a line that is drawn over, which must not wrap on a terminal
    /// however narrow.
    pub const fn of_line(columns: usize) -> Self {
        Self(Some(columns))
    }

    /// The width that is left beside `columns` of indentation.
    #[must_use]
    pub fn less(self, columns: usize) -> Self {
        Self(self.0.map(|width| width.saturating_sub(columns)))
    }

    /// Number of columns; `None` if unlimited.
    pub const fn columns(self) -> Option<usize> {
        self.0
    }

    /// Whether `columns` fit.
    pub fn holds(self, columns: usize) -> bool {
        self.0.is_none_or(|width| columns <= width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_60_to_200_columns() {
        let columns = |given| Width::of_terminal(given).columns();
        assert_eq!([1, 60, 80, 200, 500].map(columns), [60, 60, 80, 200, 200].map(Some));
        assert_eq!(Width::of_terminal(80).less(10).columns(), Some(70));
        assert!(Width::UNLIMITED.less(10).holds(10_000));
    }
}
