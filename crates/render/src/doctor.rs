//! A diagnosis as text. The severity is a word; colour is not needed to read it.

use harmonic_doctor::{Advice, Diagnosis, EngineSetting, Severity};
use harmonic_types::Finding;
use textwrap::{Options, WordSplitter};

/// Widest line.
const WIDEST: usize = 100;

/// Columns of a label.
const LABEL: usize = 9;

/// What to mend, what detection noticed, what engines should have, and the count.
pub fn text(diagnosis: &Diagnosis) -> String {
    let mut parts: Vec<String> = diagnosis.findings.iter().map(finding).collect();
    parts.extend(diagnosis.warnings.iter().map(noticed));
    if !diagnosis.settings.is_empty() {
        let lines = diagnosis.settings.iter().map(setting);
        parts.push(format!("Engines here should have\n{}", lines.collect::<Vec<_>>().join("\n")));
    }
    parts.push(count(diagnosis));
    parts.join("\n\n")
}

fn finding(advice: &Advice) -> String {
    [
        format!("{:<LABEL$}{}", advice.severity, advice.code),
        labelled("seen", &advice.message),
        labelled("why", &advice.why),
        labelled("mend", &advice.hint),
    ]
    .join("\n")
}

fn noticed(warning: &Finding) -> String {
    let head = format!("{:<LABEL$}{}", Severity::Note, warning.code);
    [head, labelled("seen", &warning.message), labelled("mend", &warning.hint)].join("\n")
}

fn setting(setting: &EngineSetting) -> String {
    let EngineSetting { engine, variable, value, why } = setting;
    let line = match value {
        Some(value) => format!("  {engine}: {variable}={value}"),
        None => format!("  {engine}: {variable} unset"),
    };
    format!("{line}\n{}", labelled("", why))
}

/// `text` beside its label. A command is broken at spaces only, so that it can be copied.
fn labelled(label: &str, text: &str) -> String {
    let (first, rest) = (format!("  {label:<0$}", LABEL - 2), " ".repeat(LABEL));
    let options = Options::new(WIDEST)
        .initial_indent(&first)
        .subsequent_indent(&rest)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(text, options)
}

/// What detection noticed counts as notes.
fn count(diagnosis: &Diagnosis) -> String {
    let of = |severity, name: &str| {
        let found = diagnosis.findings.iter().filter(|advice| advice.severity == severity).count();
        let noticed = if severity == Severity::Note { diagnosis.warnings.len() } else { 0 };
        let count = found + noticed;
        (count > 0).then(|| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
    };
    let counts = [
        of(Severity::Error, "error"),
        of(Severity::Warning, "warning"),
        of(Severity::Note, "note"),
    ];
    match counts.into_iter().flatten().collect::<Vec<_>>().join(", ").as_str() {
        "" => "nothing to mend".to_owned(),
        counts => format!("to mend: {counts}"),
    }
}
