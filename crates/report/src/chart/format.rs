//! Sizes in which a chart is drawn.

/// Size of a chart and of its type, in pixels. A chart is drawn for the size at which it is shown:
/// in one that is shrunk the type is too small to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Width of the drawing.
    pub width: f64,
    /// Height of the plot area, without heading, legend and axes.
    pub plot_height: f64,
    /// Size of the type.
    pub type_px: f64,
    /// Ticks of the y axis, approximately.
    pub y_ticks: u32,
}

impl Format {
    /// Chart across a page, or an image.
    pub const WIDE: Self = Self { width: 860.0, plot_height: 360.0, type_px: 14.0, y_ticks: 5 };
    /// The same on a phone.
    pub const NARROW: Self = Self { width: 360.0, plot_height: 260.0, type_px: 15.0, y_ticks: 4 };
    /// One of two charts side by side.
    pub const HALF: Self = Self { width: 480.0, plot_height: 190.0, type_px: 13.0, y_ticks: 4 };
    /// The same on a phone.
    pub const HALF_NARROW: Self =
        Self { width: 360.0, plot_height: 170.0, type_px: 15.0, y_ticks: 3 };
}

impl Default for Format {
    fn default() -> Self {
        Self::WIDE
    }
}
