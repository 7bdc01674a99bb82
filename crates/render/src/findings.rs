//! Short form of findings.

use harmonic_layout::Width;
use harmonic_types::Finding;

use super::lines::labelled;

/// One note per kind of finding: the first finding and the number of further ones. Records contain
/// all of them.
pub fn notes(findings: &[Finding], width: Width) -> Vec<String> {
    let mut notes: Vec<(&str, &str, usize)> = Vec::new();
    for finding in findings {
        match notes.iter_mut().find(|(code, ..)| *code == finding.code) {
            Some((.., further)) => *further += 1,
            None => notes.push((&finding.code, &finding.message, 0)),
        }
    }
    let line = |(_, message, further): (&str, &str, usize)| match further {
        0 => labelled("note", message, width),
        further => labelled("note", &format!("{message} (and {further} more of this kind)"), width),
    };
    notes.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_one_kind_are_one_note() {
        let found = |code, message| Finding::new(code, message, "wait");
        let all = [found("slow", "1x: slow"), found("hot", "hot"), found("slow", "2x: slow")];
        let notes = notes(&all, Width::UNLIMITED);
        assert_eq!(notes, ["note      1x: slow (and 1 more of this kind)", "note      hot"]);
    }
}
