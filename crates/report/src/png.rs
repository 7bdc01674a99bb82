//! PNG image of a chart.
//!
//! Invariants: the font is embedded in the program, so that the image is the same on every machine,
//! with or without fonts. A build without the feature `png` has neither font nor renderer and returns
//! [`PngError::Unsupported`].

/// Failure to make an image.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The SVG is invalid.
    #[error("cannot render the chart: {0}")]
    Render(String),
    /// The image cannot be encoded.
    #[error("cannot encode the chart as PNG: {0}")]
    Encode(String),
    /// The program was compiled without the feature `png`.
    #[error("this build cannot write PNG (compiled without the feature `png`): use the SVG")]
    Unsupported,
}

/// Content of a PNG file of `svg`, which must be styled with [`crate::chart::Theme::Print`].
///
/// # Errors
/// When the SVG is malformed or too large; [`PngError::Unsupported`] without the feature `png`.
pub fn render(svg: &str) -> Result<Vec<u8>, PngError> {
    drawing::render(svg)
}

#[cfg(not(feature = "png"))]
mod drawing {
    pub(super) fn render(_svg: &str) -> Result<Vec<u8>, super::PngError> {
        Err(super::PngError::Unsupported)
    }
}

#[cfg(feature = "png")]
mod drawing {
    use std::sync::Arc;

    use resvg::tiny_skia::{Pixmap, Transform};
    use resvg::usvg::{Options, Tree, fontdb::Database};

    use super::PngError;

    /// Pixels per pixel of the chart, for dense screens and print.
    const SCALE: f32 = 2.0;

    pub(super) fn render(svg: &str) -> Result<Vec<u8>, PngError> {
        let tree =
            Tree::from_str(svg, &options()).map_err(|error| PngError::Render(error.to_string()))?;
        let size = tree.size().to_int_size().scale_by(SCALE);
        let mut image = size
            .and_then(|size| Pixmap::new(size.width(), size.height()))
            .ok_or_else(|| PngError::Render("it has no size".to_owned()))?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut image.as_mut());
        image.encode_png().map_err(|error| PngError::Encode(error.to_string()))
    }

    /// Options of the renderer, with the embedded font.
    pub(crate) fn options() -> Options<'static> {
        let mut fonts = Database::new();
        fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
        fonts.set_sans_serif_family("Ubuntu");
        Options { font_family: "Ubuntu".to_owned(), fontdb: Arc::new(fonts), ..Options::default() }
    }
}

#[cfg(all(test, feature = "png"))]
pub(crate) use drawing::options;
