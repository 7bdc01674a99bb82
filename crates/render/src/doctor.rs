//! A diagnosis as text. Severities are words, so colour is not needed.

use harmonic_doctor::{Advice, Diagnosis, EngineSetting, Severity};
use harmonic_layout::{Width, beside};
use harmonic_types::{Finding, counted};

/// Width of a label in columns.
const LABEL: usize = 9;

/// Whether all is well, advice, warnings of the detection, and recommended settings of the engines
/// that are installed or among `asked`.
pub fn text(diagnosis: &Diagnosis, asked: &[&str], width: Width) -> String {
    let mut parts = vec![beside("", "  ", &conclusion(diagnosis), width).join("\n")];
    parts.extend(diagnosis.findings.iter().map(|advice| finding(advice, width)));
    parts.extend(diagnosis.warnings.iter().map(|warning| detection_warning(warning, width)));
    let is_shown =
        |setting: &&EngineSetting| setting.installed || asked.contains(&setting.engine.as_str());
    let shown = diagnosis.settings.iter().filter(is_shown);
    let shown: Vec<String> = shown.map(|one| setting(one, width)).collect();
    if !shown.is_empty() {
        parts.push(format!("Recommended engine settings\n{}", shown.join("\n")));
    }
    parts.join("\n\n")
}

fn finding(advice: &Advice, width: Width) -> String {
    [
        format!("{:<LABEL$}{}", advice.severity, advice.code),
        labelled("seen", &advice.message, width),
        labelled("why", &advice.why, width),
        labelled("fix", &advice.hint, width),
    ]
    .join("\n")
}

fn detection_warning(warning: &Finding, width: Width) -> String {
    let head = format!("{:<LABEL$}{}", Severity::Note, warning.code);
    let (seen, fix) = (&warning.message, &warning.hint);
    [head, labelled("seen", seen, width), labelled("fix", fix, width)].join("\n")
}

fn setting(setting: &EngineSetting, width: Width) -> String {
    let EngineSetting { engine, variable, value, why, .. } = setting;
    let line = match value {
        Some(value) => format!("  {engine}: {variable}={value}"),
        None => format!("  {engine}: {variable} unset"),
    };
    format!("{line}\n{}", labelled("", why, width))
}

fn labelled(label: &str, text: &str, width: Width) -> String {
    let first = format!("  {label:<0$}", LABEL - 2);
    beside(&first, &" ".repeat(LABEL), text, width).join("\n")
}

/// What the findings mean together, with their counts; warnings of the detection count as notes.
fn conclusion(diagnosis: &Diagnosis) -> String {
    let of = |severity: Severity| {
        let found = diagnosis.findings.iter().filter(|advice| advice.severity == severity).count();
        let notes = if severity == Severity::Note { diagnosis.warnings.len() } else { 0 };
        let count = found + notes;
        (count > 0).then(|| counted(count, &severity.to_string()))
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let meaning = match (&errors, &warnings) {
        (Some(_), _) => "not even the smallest stack runs here until the errors are mended",
        (None, Some(_)) => "harmonic runs here, with less memory or speed than the machine has",
        (None, None) => "all is well",
    };
    let counts: Vec<String> =
        [errors, warnings, of(Severity::Note)].into_iter().flatten().collect();
    match counts.join(", ").as_str() {
        "" => format!("{meaning}: no problems found"),
        counts => format!("{meaning}: found {counts}"),
    }
}
