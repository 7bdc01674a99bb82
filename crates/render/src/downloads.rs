//! The downloads that a stack needs, as text and as a question.

use harmonic_app::downloads::{DownloadRate, Downloads, STARTER};
use harmonic_app::models::MissingModel;
use harmonic_layout::{Width, beside, wrap};
use harmonic_types::Bytes;

/// Column of the sizes after the longest name.
const GAP: usize = 2;

/// What is missing, its size, the free space, and the time that it takes at the measured rate.
pub fn text(downloads: &Downloads, width: Width) -> String {
    let count = downloads.models.len();
    let (models, are) = if count == 1 { ("model", "is") } else { ("models", "are") };
    let head =
        format!("the stack {} needs {count} {models} that {are} not in the store", downloads.stack);
    let names = downloads.models.iter().map(|model| model.name.chars().count());
    let label = names.chain(["total".len()]).max().unwrap_or_default() + GAP;
    let mut lines = wrap(&format!("{head}:"), width);
    let rows = downloads.models.iter().map(|model| (model.name.as_str(), size(model)));
    let total = (count > 1).then(|| ("total", total(downloads)));
    for (name, size) in rows.chain(total) {
        lines.push(row(name, &size, label, width));
    }
    for (name, text) in [("free", free(downloads)), ("time", time(downloads))] {
        lines.extend(text.map(|text| row(name, &text, label, width)));
    }
    if !downloads.left_out.is_empty() {
        let names: Vec<&str> = downloads.left_out.iter().map(|agent| agent.0.as_str()).collect();
        let text = format!(
            "left out, since a plan has {} of memory here: {}",
            downloads.budget,
            names.join(", ")
        );
        lines.extend(wrap(&text, width));
    }
    if let Some(missing) = downloads.shortage() {
        lines.extend(wrap(&format!("{missing} of disk space are missing"), width));
    }
    lines.join("\n")
}

/// `text`, and what each answer does.
pub fn question(downloads: &Downloads, text: &str, width: Width) -> String {
    let mut lines = vec![text.to_owned(), String::new()];
    let mut answer = |letter: &str, does: &str| lines.push(row(letter, does, 3, width));
    let is_short = downloads.shortage().is_some();
    if !is_short {
        answer("y", "fetch them");
    }
    if let Some(rest) = downloads.starter {
        let of_it = match rest {
            Bytes::ZERO => "its model is here".to_owned(),
            rest => format!("a download of {rest}"),
        };
        answer("s", &format!("use the stack {STARTER} instead ({of_it})"));
    }
    answer("n", "stop");
    lines.push(if is_short { "What now?" } else { "Fetch them?" }.to_owned());
    lines.join("\n")
}

/// What to do where the question cannot be asked, or was declined.
pub fn remedy(downloads: &Downloads) -> String {
    let mut ways = Vec::new();
    if downloads.shortage().is_some() {
        ways.push(
            "free some disk space, or set HARMONIC_MODELS to a folder on another disk".into(),
        );
    } else {
        ways.push("add --yes to fetch them".to_owned());
    }
    if let Some(rest) = downloads.starter {
        let size = match rest {
            Bytes::ZERO => String::new(),
            rest => format!(" ({rest})"),
        };
        ways.push(format!("use --stack {STARTER}{size}"));
    }
    ways.join("; or ")
}

fn size(model: &MissingModel) -> String {
    let size = model.size.map_or_else(|| "size unknown".to_owned(), aligned);
    match model.partial {
        Bytes::ZERO => size,
        partial => format!("{size}, {partial} of it here already"),
    }
}

fn total(downloads: &Downloads) -> String {
    match (downloads.rest(), downloads.known_rest()) {
        (Some(rest), _) => aligned(rest),
        (None, Bytes::ZERO) => "size unknown".to_owned(),
        (None, known) => format!("at least {known}"),
    }
}

fn free(downloads: &Downloads) -> Option<String> {
    let free = aligned(downloads.space?.free);
    Some(format!("{free} in {}", downloads.store.display()))
}

fn time(downloads: &Downloads) -> Option<String> {
    match &downloads.rate {
        DownloadRate::Unknown => None,
        DownloadRate::Unreachable(reason) => Some(format!("unknown: {reason}")),
        DownloadRate::Measured(measured) => {
            let (rate, sample) = (measured.rate.0, measured.bytes);
            let rest = downloads.rest().filter(|_| rate > 0.0)?;
            let shown = format!("at {:.1} MB/s, measured now over {sample}", rate / 1e6);
            Some(format!("{} {shown}", duration(rest.0 as f64 / rate)))
        }
    }
}

/// A size, aligned with others.
fn aligned(size: Bytes) -> String {
    format!("{size:>8}")
}

/// Duration in one unit, as far as an estimate goes.
fn duration(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("about {:.0} s", seconds.max(1.0)),
        ..5400.0 => format!("about {:.0} min", seconds / 60.0),
        _ => format!("about {:.1} h", seconds / 3600.0),
    }
}

fn row(name: &str, text: &str, label: usize, width: Width) -> String {
    // The spaces that align a figure stay.
    let (figure, rest) = (text.trim_start(), " ".repeat(label + 2));
    let first = format!("  {name:<label$}{}", &text[..text.len() - figure.len()]);
    beside(&first, &rest, figure, width).join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use harmonic_app::{DiskSpace, MeasuredRate};
    use harmonic_types::BytesPerSecond;

    use super::*;

    fn model(name: &str, size: Option<u64>, partial: u64) -> MissingModel {
        let size = size.map(Bytes);
        let source = "hf:org/repo/model.gguf".parse().unwrap();
        MissingModel { name: name.to_owned(), size, partial: Bytes(partial), disk: size, source }
    }

    fn standard() -> Downloads {
        Downloads {
            stack: "standard".to_owned(),
            models: vec![
                model("qwen3:4b", Some(2_497_280_256), 0),
                model("qwen3:8b", Some(5_027_783_488), 1_200_000_000),
                model("qwen3:14b", Some(9_001_752_960), 0),
            ],
            left_out: Vec::new(),
            budget: Bytes(27_200_000_000),
            store: PathBuf::from("/home/me/.local/share/harmonic/models"),
            space: Some(DiskSpace { free: Bytes(180_200_000_000), reserve: Bytes(1_000_000_000) }),
            rate: DownloadRate::Measured(MeasuredRate {
                rate: BytesPerSecond(23_400_000.0),
                bytes: Bytes(32_000_000),
            }),
            starter: Some(Bytes(98_362_432)),
        }
    }

    fn shown(downloads: &Downloads, width: usize) -> String {
        let width = Width::of_terminal(width);
        question(downloads, &text(downloads, width), width)
    }

    #[test]
    fn one_question_lists_every_size_the_space_and_the_time() {
        insta::assert_snapshot!(shown(&standard(), 80), @"
        the stack standard needs 3 models that are not in the store:
          qwen3:4b     2.5 GB
          qwen3:8b     5.0 GB, 1.2 GB of it here already
          qwen3:14b    9.0 GB
          total       15.3 GB
          free       180.2 GB in /home/me/.local/share/harmonic/models
          time       about 11 min at 23.4 MB/s, measured now over 32.0 MB

          y  fetch them
          s  use the stack starter instead (a download of 98.4 MB)
          n  stop
        Fetch them?
        ");
        let left_out = Downloads {
            left_out: vec!["coder".into(), "architect".into()],
            budget: Bytes(13_600_000_000),
            ..standard()
        };
        let text = text(&left_out, Width::of_terminal(80));
        insta::assert_snapshot!(text.lines().last().unwrap(), @"left out, since a plan has 13.6 GB of memory here: coder, architect");
        for width in [60, 80, 120] {
            let shown = shown(&left_out, width);
            assert!(shown.lines().all(|line| line.chars().count() <= width), "{width}: {shown}");
        }
        insta::assert_snapshot!(remedy(&standard()), @"add --yes to fetch them; or use --stack starter (98.4 MB)");
    }

    #[test]
    fn without_enough_space_the_question_says_so_and_offers_the_starter() {
        let space = DiskSpace { free: Bytes(9_000_000_000), reserve: Bytes(1_000_000_000) };
        let short = Downloads { space: Some(space), starter: Some(Bytes::ZERO), ..standard() };
        insta::assert_snapshot!(shown(&short, 80), @"
        the stack standard needs 3 models that are not in the store:
          qwen3:4b     2.5 GB
          qwen3:8b     5.0 GB, 1.2 GB of it here already
          qwen3:14b    9.0 GB
          total       15.3 GB
          free         9.0 GB in /home/me/.local/share/harmonic/models
          time       about 11 min at 23.4 MB/s, measured now over 32.0 MB
        7.3 GB of disk space are missing

          s  use the stack starter instead (its model is here)
          n  stop
        What now?
        ");
        insta::assert_snapshot!(remedy(&short), @"free some disk space, or set HARMONIC_MODELS to a folder on another disk; or use --stack starter");
    }

    #[test]
    fn what_is_not_known_is_not_estimated() {
        let models = vec![model("hf:org/repo:Q4_K_M", None, 0), model("m", Some(500_000_000), 0)];
        let rate = DownloadRate::Unreachable("the hub cannot be reached".to_owned());
        let unknown = Downloads { models, rate, space: None, starter: None, ..standard() };
        insta::assert_snapshot!(shown(&unknown, 80), @"
        the stack standard needs 2 models that are not in the store:
          hf:org/repo:Q4_K_M  size unknown
          m                   500.0 MB
          total               at least 500.0 MB
          time                unknown: the hub cannot be reached

          y  fetch them
          n  stop
        Fetch them?
        ");
        let unmeasured = Downloads { rate: DownloadRate::Unknown, ..standard() };
        assert!(
            !text(&unmeasured, Width::UNLIMITED).contains("time"),
            "{}",
            text(&unmeasured, Width::UNLIMITED)
        );
    }

    #[test]
    fn an_estimate_has_one_unit() {
        let shown = [0.2, 89.0, 91.0, 5399.0, 5401.0, 90_000.0].map(duration);
        assert_eq!(
            shown,
            [
                "about 1 s",
                "about 89 s",
                "about 2 min",
                "about 90 min",
                "about 1.5 h",
                "about 25.0 h"
            ]
        );
    }
}
