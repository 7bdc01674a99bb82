//! A diagnosis as text. Severities are words, so colour is not needed.

use harmonic_doctor::{Advice, Diagnosis, EngineSetting, Severity};
use harmonic_types::Finding;
use textwrap::{Options, WordSplitter};

/// Maximum width in columns.
const MAX_WIDTH: usize = 100;

/// Width of a label in columns.
const LABEL: usize = 9;

/// Advice, warnings of the detection, recommended engine settings, and the counts.
pub fn text(diagnosis: &Diagnosis) -> String {
    let mut parts: Vec<String> = diagnosis.findings.iter().map(finding).collect();
    parts.extend(diagnosis.warnings.iter().map(detection_warning));
    if !diagnosis.settings.is_empty() {
        let lines = diagnosis.settings.iter().map(setting);
        parts
            .push(format!("Recommended engine settings\n{}", lines.collect::<Vec<_>>().join("\n")));
    }
    parts.push(count(diagnosis));
    parts.join("\n\n")
}

fn finding(advice: &Advice) -> String {
    [
        format!("{:<LABEL$}{}", advice.severity, advice.code),
        labelled("seen", &advice.message),
        labelled("why", &advice.why),
        labelled("fix", &advice.hint),
    ]
    .join("\n")
}

fn detection_warning(warning: &Finding) -> String {
    let head = format!("{:<LABEL$}{}", Severity::Note, warning.code);
    [head, labelled("seen", &warning.message), labelled("fix", &warning.hint)].join("\n")
}

fn setting(setting: &EngineSetting) -> String {
    let EngineSetting { engine, variable, value, why } = setting;
    let line = match value {
        Some(value) => format!("  {engine}: {variable}={value}"),
        None => format!("  {engine}: {variable} unset"),
    };
    format!("{line}\n{}", labelled("", why))
}

/// `text` beside its label. Commands are broken only at spaces, so that they can be copied.
fn labelled(label: &str, text: &str) -> String {
    let (first, rest) = (format!("  {label:<0$}", LABEL - 2), " ".repeat(LABEL));
    let options = Options::new(MAX_WIDTH)
        .initial_indent(&first)
        .subsequent_indent(&rest)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(text, options)
}

/// Counts by severity; warnings of the detection count as notes.
fn count(diagnosis: &Diagnosis) -> String {
    let of = |severity, name: &str| {
        let found = diagnosis.findings.iter().filter(|advice| advice.severity == severity).count();
        let detection_warning =
            if severity == Severity::Note { diagnosis.warnings.len() } else { 0 };
        let count = found + detection_warning;
        (count > 0).then(|| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
    };
    let counts = [
        of(Severity::Error, "error"),
        of(Severity::Warning, "warning"),
        of(Severity::Note, "note"),
    ];
    match counts.into_iter().flatten().collect::<Vec<_>>().join(", ").as_str() {
        "" => "no problems found".to_owned(),
        counts => format!("found: {counts}"),
    }
}
