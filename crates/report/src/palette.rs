//! Colours of pages and charts, light and dark.
//!
//! Owns: both palettes, and the custom properties of a page's style sheet made of them.
//!
//! Invariants: text differs from each surface that it stands on, and a curve from the background, by
//! a contrast of at least 4.5 (WCAG 2.2, success criterion 1.4.3). The curves' colours are Okabe and Ito's ("Color universal design", 2008), distinguishable with any kind of
//! colour vision, darker or lighter where the background requires it.

/// Number of colours of curves; further curves repeat them, with different shapes and dashes.
pub(crate) const CURVES: usize = 6;

/// Colours of one scheme, as CSS hexadecimal notation.
pub(crate) struct Palette {
    /// Text.
    pub(crate) ink: &'static str,
    /// Secondary text, axes.
    pub(crate) muted: &'static str,
    /// Grid, borders.
    pub(crate) line: &'static str,
    /// Surface.
    pub(crate) background: &'static str,
    /// Surface of cards and marked rows.
    pub(crate) raised: &'static str,
    /// Emphasised text.
    pub(crate) accent: &'static str,
    /// Text of warnings.
    pub(crate) warn: &'static str,
    /// Shadow at the edge of a table that goes on.
    pub(crate) shadow: &'static str,
    /// Curves.
    pub(crate) curves: [&'static str; CURVES],
}

/// Scheme of a light page, and of images.
pub(crate) const LIGHT: Palette = Palette {
    ink: "#1f2328",
    muted: "#59616a",
    line: "#d8dde3",
    background: "#ffffff",
    raised: "#f3f5f8",
    accent: "#0072b2",
    warn: "#a04f00",
    shadow: "#b3bbc4",
    curves: ["#0072b2", "#c75100", "#008561", "#b1487f", "#8a6a00", "#56606b"],
};

/// Scheme of a dark page.
pub(crate) const DARK: Palette = Palette {
    ink: "#e6edf3",
    muted: "#9aa4af",
    line: "#2b323b",
    background: "#0d1117",
    raised: "#171d26",
    accent: "#56b4e9",
    warn: "#f0945d",
    shadow: "#6e7681",
    curves: ["#56b4e9", "#f0945d", "#2fc59a", "#e0a3c6", "#e6c229", "#aab4bf"],
};

/// Custom properties of both schemes, chosen by the reader's preference.
pub(crate) fn properties() -> String {
    format!(
        ":root{{{}}}@media (prefers-color-scheme:dark){{:root{{{}}}}}",
        LIGHT.properties(),
        DARK.properties()
    )
}

impl Palette {
    fn properties(&self) -> String {
        let Self { ink, muted, line, background, raised, accent, warn, shadow, .. } = self;
        format!(
            "--ink:{ink};--muted:{muted};--line:{line};--background:{background};\
             --raised:{raised};--accent:{accent};--warn:{warn};--shadow:{shadow}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2) of `#rrggbb`.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn contrast_is_that_of_the_guidelines_example() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
    }

    #[test]
    fn text_and_curves_stand_out_from_their_surfaces_in_both_schemes() {
        for palette in [&LIGHT, &DARK] {
            let Palette { ink, muted, accent, warn, background, raised, .. } = palette;
            for text in [ink, muted, accent, warn] {
                for surface in [background, raised] {
                    let contrast = contrast(text, surface);
                    assert!(contrast >= 4.5, "{text} on {surface}: {contrast:.2}");
                }
            }
            for curve in &palette.curves {
                let contrast = contrast(curve, background);
                assert!(contrast >= 4.5, "{curve}: {contrast:.2}");
            }
        }
    }
}
