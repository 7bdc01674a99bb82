use proptest::prelude::*;

use super::*;
use crate::{sample, scaling};

#[test]
fn every_level_is_a_point_with_its_figures() {
    let run = sample::two();
    let svg = scaling::svg(&[&run]);
    let levels: usize = run.series.iter().map(|series| series.levels.len()).sum();
    assert_eq!(svg.matches(r#"class="point""#).count(), levels);
    assert!(svg.contains("<title>16x: 530 ± 15 tok/s, TTFT p50 1.12 s</title>"), "{svg}");
    assert!(svg.contains(">sweet spot 16x<") && svg.contains(">cliff 24x<"));
}

#[cfg(feature = "png")]
#[test]
fn an_image_is_drawn_and_is_the_same_each_time() {
    use crate::png;

    let run = sample::metered();
    let svg = scaling::svg_for_print(&[&run]);
    let image = png::render(&svg).unwrap();
    assert_eq!(&image[1..4], b"PNG");
    assert_eq!(image, png::render(&svg).unwrap());
    assert!(png::render("<svg").is_err());
}

fn curve() -> impl Strategy<Value = Curve> {
    let figure = prop_oneof![Just(0.0), 0.0..1e3_f64, 0.0..1e9_f64];
    let point = (1_u32..2000, figure.clone(), proptest::option::of((0.0..0.5_f64, 0.0..3.0_f64)));
    (".{0,40}", proptest::collection::vec(point, 0..12)).prop_map(|(name, points)| {
        let mut points: Vec<Point> = points
            .into_iter()
            .map(|(x, y, interval)| Point {
                x: x.into(),
                y,
                interval: interval.map(|(low, high)| (y * low, y * (1.0 + high))),
                title: format!("<{name}> & \"{x}\""),
            })
            .collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        let markers =
            vec![(0, MarkerShape::Peak, "peak".to_owned()), (99, MarkerShape::Cliff, name.clone())];
        Curve { name, trials: vec![(1.0, 2.0)], markers, points }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_drawn_is_well_formed(curves in proptest::collection::vec(curve(), 0..4)) {
        // Characters that are invalid in XML do not occur in names: they are replaced on input.
        let clean = |name: &str| name.chars().filter(|c| !c.is_control() && *c != '\u{fffe}' && *c != '\u{ffff}').collect::<String>();
        let curves = curves.into_iter().map(|curve| {
            let points = curve.points.into_iter().map(|point| Point { title: clean(&point.title), ..point });
            let markers = curve.markers.into_iter().map(|(at, sign, words)| (at, sign, clean(&words)));
            Curve { name: clean(&curve.name), points: points.collect(), markers: markers.collect(), ..curve }
        }).collect();
        let chart = Chart { curves, point_class: "point", size: (400.0, 300.0), ..Chart::default() };
        let svg = render(&chart, Theme::Print).into_string();
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", svg);
        #[cfg(feature = "png")]
        resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
    }
}
