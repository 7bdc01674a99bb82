use proptest::prelude::*;

use super::labels::PlacedText;
use super::*;
use crate::compare::Subject;
use crate::{sample, scaling};

#[test]
fn every_level_is_a_point_with_its_figures() {
    let run = sample::two();
    let svg = scaling::svg(&run, Theme::Screen);
    let levels: usize = run.series.iter().map(|series| series.levels.len()).sum();
    assert_eq!(svg.matches(r#"class="point""#).count(), levels);
    assert!(svg.contains("<title>16x: 530 ± 15 tok/s, TTFT p50 1.12 s</title>"), "{svg}");
}

#[test]
fn a_file_says_what_was_measured_where_and_when() {
    let svg = scaling::svg(&sample::metered(), Theme::Print);
    for said in [
        ">Stack starter on AMD EPYC 9B14<",
        ">smollm2:135m F16 · llama.cpp 11434 · 2026-11-30 00:53 UTC<",
        ">sweet spot 32x<",
        ">output tok/s, all streams<",
        ">roof<",
    ] {
        assert!(svg.contains(said), "{said}: {svg}");
    }
}

#[test]
fn curves_of_several_runs_are_named_and_differ_without_colour() {
    let subject = |name: &str, run| Subject { name: name.to_owned(), run };
    let subjects = [subject("runs/monday", sample::run()), subject("dgx-spark", sample::cliff())];
    let svg = scaling::comparison(&subjects, Theme::Screen);
    for said in [
        ">Throughput over parallelism: monday and dgx-spark<",
        ">monday: smollm2:135m F16 on AMD EPYC 9B14, 2026-11-30 00:53 UTC<",
        ">dgx-spark: smollm2:135m F16 on AMD EPYC 9B14, 2026-11-30 00:53 UTC<",
        ">sweet spot<",
        ">cliff<",
        ">24x<",
        r#"stroke-dasharray="7 3""#,
    ] {
        assert!(svg.contains(said), "{said}: {svg}");
    }
}

#[cfg(feature = "png")]
#[test]
fn an_image_is_drawn_and_is_the_same_each_time() {
    use crate::png;

    let svg = scaling::svg(&sample::metered(), Theme::Print);
    let image = png::render(&svg).unwrap();
    assert_eq!(&image[1..4], b"PNG");
    assert_eq!(image, png::render(&svg).unwrap());
    assert!(png::render("<svg").is_err());
}

fn curve() -> impl Strategy<Value = Curve> {
    let figure = prop_oneof![Just(0.0), 0.0..1e3_f64, 0.0..1e9_f64, 0.0..1e-3_f64];
    let level = prop_oneof![1_u32..40, 1_u32..2000, any::<u32>()];
    let point = (level, figure, proptest::option::of((0.0..1.0_f64, 0.0..3.0_f64)));
    let name = prop_oneof![r"[a-zA-Z0-9:. _-]{0,60}", r"\PC{0,40}"];
    let points = proptest::collection::vec(point, 0..14);
    let marked = proptest::collection::vec(0_usize..14, 3);
    (name, points, marked).prop_map(|(name, points, marked)| {
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
        let shapes = [MarkerShape::SweetSpot, MarkerShape::Peak, MarkerShape::Cliff];
        let with_label = |(shape, point): (MarkerShape, usize)| Marker {
            point,
            shape,
            label: format!("{} {point}x", shape.word()),
        };
        let markers = shapes.into_iter().zip(marked).map(with_label).collect();
        let trials = points.iter().map(|point| (point.x, point.y * 1.01)).collect();
        Curve { name, points, trials, markers }
    })
}

fn chart() -> impl Strategy<Value = Chart> {
    let formats = vec![Format::WIDE, Format::NARROW, Format::HALF, Format::HALF_NARROW];
    let curves = proptest::collection::vec(curve(), 0..7);
    let reference = prop_oneof![
        Just(ReferenceKind::Roof),
        Just(ReferenceKind::Ideal),
        Just(ReferenceKind::Fit)
    ];
    let slope = (reference, 0.0..1e3_f64).prop_map(|(kind, slope)| Reference {
        name: "a reference".to_owned(),
        points: vec![(0.0, 0.0), (10.0, slope), (40.0, slope * 5.0)],
        kind,
    });
    let references = proptest::collection::vec(slope, 0..4);
    let text = r"[a-zA-Z0-9:. _-]{0,120}";
    (curves, references, text, text, proptest::sample::select(formats)).prop_map(
        |(curves, references, title, subtitle, format)| Chart {
            title,
            subtitle,
            x_name: "sequences in flight".to_owned(),
            y_name: "output tok/s, all streams".to_owned(),
            curves,
            references,
            point_class: "point",
            format,
            ..Chart::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_two_texts_meet_and_none_leaves_the_drawing(chart in chart()) {
        let (labels, _, height) = layout(&chart);
        let axis = labels.texts().iter().find(|text| text.class == "tick" && text.text == "0").expect("its lowest tick");
        for (index, text) in labels.texts().iter().enumerate() {
            let area = text.area;
            // Labels of points do not stand among those of the axis.
            prop_assert!(text.class != "mark" || area.bottom <= axis.y, "{:?}", text);
            prop_assert!(area.left >= 0.0 && area.right <= chart.format.width, "{:?}", text);
            prop_assert!(area.top >= 0.0 && area.bottom <= height, "{:?}", text);
            for other in &labels.texts()[..index] {
                prop_assert!(!area.overlaps(&other.area), "{:?} {:?}", text, other);
            }
        }
    }

    #[test]
    fn axes_legend_and_markers_of_one_curve_are_never_left_out(chart in chart()) {
        let (labels, ..) = layout(&chart);
        let count = |class: &str| {
            let of_class = |text: &&PlacedText| text.class == class;
            labels.texts().iter().filter(of_class).count()
        };
        let shapes = [MarkerShape::SweetSpot, MarkerShape::Peak, MarkerShape::Cliff];
        let markers = || chart.curves.iter().flat_map(|curve| &curve.markers);
        let kinds = shapes.iter().filter(|shape| markers().any(|m| m.shape == **shape)).count();
        let in_legend = if chart.curves.len() > 1 { chart.curves.len() + kinds } else { 0 };
        prop_assert_eq!(count("name"), 2 + in_legend);
        prop_assert!(count("tick") >= 3, "{:?}", labels.texts());
        if let [only] = chart.curves.as_slice() {
            let on_points = only.markers.iter().filter(|m| m.point < only.points.len()).count();
            prop_assert_eq!(count("mark"), on_points);
        }
    }

    #[test]
    fn whatever_is_drawn_is_well_formed(chart in chart()) {
        let svg = render(&chart, Theme::Print).into_string();
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", svg);
        #[cfg(feature = "png")]
        resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
    }
}

/// The estimates hold in the font of the images.
#[cfg(feature = "png")]
mod in_the_embedded_font {
    use resvg::usvg::{Group, Node, Rect, Tree};

    use super::*;
    use crate::png;

    fn boxes(group: &Group, found: &mut Vec<Rect>) {
        for node in group.children() {
            match node {
                Node::Group(group) => boxes(group, found),
                Node::Text(text) => found.push(text.abs_bounding_box()),
                _ => {}
            }
        }
    }

    fn overlap(one: &Rect, other: &Rect) -> bool {
        one.left() < other.right()
            && other.left() < one.right()
            && one.top() < other.bottom()
            && other.top() < one.bottom()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn no_two_texts_meet_and_none_leaves_the_image(chart in chart()) {
            let svg = render(&chart, Theme::Print).into_string();
            let tree = Tree::from_str(&svg, &png::options()).unwrap();
            let mut found = Vec::new();
            boxes(tree.root(), &mut found);
            prop_assert!(found.len() >= 5, "{} texts", found.len());
            for (index, area) in found.iter().enumerate() {
                let size = tree.size();
                prop_assert!(area.left() >= 0.0 && area.right() <= size.width(), "{:?}", area);
                prop_assert!(area.top() >= 0.0 && area.bottom() <= size.height(), "{:?}", area);
                for other in &found[..index] {
                    prop_assert!(!overlap(area, other), "{:?} {:?}: {}", area, other, svg);
                }
            }
        }
    }
}
