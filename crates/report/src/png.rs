//! A chart as an image.
//!
//! Invariants: the font comes with the program, so that the image is the same on every machine and
//! has words on one without fonts. A build without the feature `png` has neither font nor renderer,
//! and says so.

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The chart is no SVG that can be drawn.
    #[error("the chart cannot be drawn: {0}")]
    NotDrawn(String),
    /// The image cannot be made of the drawing.
    #[error("the drawing cannot be stored as PNG: {0}")]
    NotStored(String),
    /// The program was compiled without what draws.
    #[error(
        "this build draws no PNG, since it was compiled without the feature `png`: use the SVG"
    )]
    LeftOut,
}

/// The bytes of a PNG file of `svg`, which [`crate::chart::Theme::Print`] has styled.
///
/// # Errors
/// When the SVG is malformed or too large; [`PngError::LeftOut`] in a build that draws none.
pub fn render(svg: &str) -> Result<Vec<u8>, PngError> {
    drawing::render(svg)
}

#[cfg(not(feature = "png"))]
mod drawing {
    pub(super) fn render(_svg: &str) -> Result<Vec<u8>, super::PngError> {
        Err(super::PngError::LeftOut)
    }
}

#[cfg(feature = "png")]
mod drawing {
    use std::sync::Arc;

    use resvg::tiny_skia::{Pixmap, Transform};
    use resvg::usvg::{Options, Tree, fontdb::Database};

    use super::PngError;

    /// Pixels for each pixel of the chart: sharp on dense screens and in print.
    const SCALE: f32 = 2.0;

    pub(super) fn render(svg: &str) -> Result<Vec<u8>, PngError> {
        let mut fonts = Database::new();
        fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
        fonts.set_sans_serif_family("Ubuntu");
        let options = Options {
            font_family: "Ubuntu".to_owned(),
            fontdb: Arc::new(fonts),
            ..Options::default()
        };
        let tree =
            Tree::from_str(svg, &options).map_err(|error| PngError::NotDrawn(error.to_string()))?;
        let size = tree.size().to_int_size().scale_by(SCALE);
        let mut image = size
            .and_then(|size| Pixmap::new(size.width(), size.height()))
            .ok_or_else(|| PngError::NotDrawn("it has no size".to_owned()))?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut image.as_mut());
        image.encode_png().map_err(|error| PngError::NotStored(error.to_string()))
    }
}
