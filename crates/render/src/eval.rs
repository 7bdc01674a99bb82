//! Evaluations as text: the sides, and each side against one agent.

use harmonic_app::eval::{Arm, ArmFigures, Comparison, EvalProgress, EvalReport, SuiteReport};
use harmonic_layout::{Column, Table, Width, wrap_lines};
use harmonic_types::{Interval, Ruling, counted};

const ABSENT: &str = "–";

/// An evaluation, suite by suite.
pub fn text(report: &EvalReport, width: Width) -> String {
    let suites = report.suites.iter().map(|suite| of_suite(suite, report, width));
    let mut parts: Vec<String> = suites.collect();
    if let Some(why) = &report.interrupted {
        parts.push(wrap_lines(&format!("not all was done: {why}"), width));
    }
    parts.join("\n\n")
}

/// One line for the state of a suite.
pub fn progress(progress: &EvalProgress<'_>) -> String {
    let EvalProgress { suite, items, done } = progress;
    let shares = Arm::ALL.into_iter().filter_map(|arm| ArmFigures::of(arm, done));
    let shares = shares
        .map(|figures| format!("{} {}", figures.arm, percent(share(figures.right, done.len()))));
    let shares = shares.collect::<Vec<_>>().join(", ");
    let colon = if shares.is_empty() { "" } else { ": " };
    format!("{} {} of {}{colon}{shares}", suite.name(), done.len(), counted(*items, "item"))
}

fn of_suite(suite: &SuiteReport, report: &EvalReport, width: Width) -> String {
    let SuiteReport { suite: name, planned, done, .. } = suite;
    let heading = if planned == done {
        format!("{name}: {}, team by the recipe `{}`", counted(*done, "item"), report.recipe)
    } else {
        format!(
            "{name}: {done} of {}, team by the recipe `{}`",
            counted(*planned, "item"),
            report.recipe
        )
    };
    let mut parts = vec![wrap_lines(&heading, width), arms(suite, width)];
    if !suite.comparisons.is_empty() {
        parts.push(String::new());
        parts.push(comparisons(suite, width));
    }
    let notes = suite.comparisons.iter().filter(|found| found.over_budget > 0).map(|found| {
        format!(
            "note: on {} of {} items one answer of one agent cost more {} than {} spent, and counts \
             all the same",
            found.over_budget,
            found.items,
            found.equality.name(),
            found.arm
        )
    });
    parts.extend(notes.map(|note| wrap_lines(&note, width)));
    if let Some(why) = &suite.withheld {
        parts.push(wrap_lines(&format!("the verdict is withheld: {why}"), width));
    }
    parts.join("\n")
}

fn arms(suite: &SuiteReport, width: Width) -> String {
    let done = usize::try_from(suite.done).unwrap_or(usize::MAX);
    let row = |figures: &ArmFigures| {
        [
            figures.arm.to_string(),
            percent(share(figures.right, done)),
            format!("{:.0}", figures.tokens),
            format!("{:.2}", figures.seconds),
            figures.joules.map_or_else(|| ABSENT.to_owned(), |joules| joules.to_string()),
            figures.cut.to_string(),
        ]
    };
    let columns = [
        Column::text("one answer"),
        Column::figure("right"),
        Column::figure("tokens"),
        Column::figure("seconds"),
        Column::figure("energy").leaves(1),
        Column::figure("cut off").leaves(2),
    ];
    Table::new(columns, suite.arms.iter().map(row)).text(width)
}

fn comparisons(suite: &SuiteReport, width: Width) -> String {
    let row = |found: &Comparison| {
        [
            found.arm.to_string(),
            found.equality.name().to_owned(),
            percent(found.team_share()),
            format!("{} ({:.1})", percent(found.solo_share()), found.solo_answers),
            points(&found.difference),
            format!("{:.3}", found.p_value),
            found.ruling.map_or("withheld", Ruling::words).to_owned(),
        ]
    };
    let columns = [
        Column::text("side"),
        Column::text("at equal"),
        Column::figure("right"),
        Column::figure("solo (n)"),
        Column::figure("difference, 95%"),
        Column::figure("p").leaves(1),
        Column::text("verdict").wraps(),
    ];
    Table::new(columns, suite.comparisons.iter().map(row)).text(width)
}

fn share(right: u32, of: usize) -> f64 {
    f64::from(right) / of.max(1) as f64
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// A difference of shares in percentage points, with its bounds.
fn points(difference: &Interval) -> String {
    let points = |share: f64| format!("{:+.0}", share * 100.0);
    match (difference.ci95_low, difference.ci95_high) {
        (Some(low), Some(high)) => {
            format!("{} ({} to {})", points(difference.mean), points(low), points(high))
        }
        _ => points(difference.mean),
    }
}

#[cfg(test)]
mod tests {
    use harmonic_app::eval::Suite;
    use harmonic_types::{Equality, Joules};

    use super::*;

    fn report(withheld: Option<&str>) -> EvalReport {
        let withheld = withheld.map(str::to_owned);
        let figures = |arm, right, tokens, seconds| ArmFigures {
            arm,
            right,
            cut: 3,
            tokens,
            seconds,
            joules: (arm == Arm::Solo).then_some(Joules(31.5)),
        };
        let compared = |arm, equality, only_team, only_solo, ruling, over_budget| Comparison {
            arm,
            equality,
            items: 100,
            both_right: 20,
            only_team,
            only_solo,
            solo_answers: 4.25,
            over_budget,
            difference: Interval { mean: 0.21, ci95_low: Some(0.104), ci95_high: Some(-0.3) },
            p_value: 0.012_34,
            ruling: Some(ruling).filter(|_| withheld.is_none()),
        };
        let suite = SuiteReport {
            suite: Suite::Breadth.name(),
            planned: if withheld.is_some() { 400 } else { 100 },
            done: 100,
            arms: vec![
                figures(Arm::Solo, 31, 412.4, 1.24),
                figures(Arm::Vote, 35, 2060.0, 2.0),
                figures(Arm::Team, 58, 12_310.0, 12.6),
            ],
            comparisons: vec![
                compared(Arm::Vote, Equality::Tokens, 15, 13, Ruling::NoDifferenceShown, 0),
                compared(Arm::Team, Equality::Tokens, 38, 10, Ruling::TeamBetter, 0),
                compared(Arm::Team, Equality::Seconds, 8, 40, Ruling::SoloBetter, 7),
            ],
            withheld,
        };
        EvalReport {
            schema: EvalReport::SCHEMA,
            stack: Some("starter".to_owned()),
            recipe: "split".to_owned(),
            seed: 0,
            max_tokens: 512,
            suites: vec![suite],
            interrupted: None,
        }
    }

    #[test]
    fn an_evaluation_fits_any_terminal_and_states_or_withholds_its_verdict() {
        let why = "100 of 400 items were done (stopped)";
        for columns in 60..=120 {
            let width = Width::of_terminal(columns);
            let (stated, withheld) = (text(&report(None), width), text(&report(Some(why)), width));
            for line in stated.lines().chain(withheld.lines()) {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
            assert!(withheld.contains("withheld") && !withheld.contains("better"), "{withheld}");
        }
        let stated = text(&report(None), Width::of_terminal(80));
        for words in ["no difference shown", "team better", "solo better", "+21 (+10 to -30)"] {
            assert!(stated.contains(words), "{words} is missing:\n{stated}");
        }
        assert!(stated.contains("on 7 of 100 items one answer of one agent cost more seconds"));
        let withheld = text(&report(Some(why)), Width::of_terminal(80));
        assert!(withheld.contains("breadth: 100 of 400 items"), "{withheld}");
        assert!(withheld.contains(&format!("the verdict is withheld: {why}")), "{withheld}");
    }
}
