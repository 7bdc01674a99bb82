//! The suite `bfcl`: calls of functions, of the Berkeley Function-Calling Leaderboard
//! (docs/sources.md#bfcl). The functions stand in the goal, since a run's tools are those of its
//! server; what is scored is the call that an answer states, by name and arguments.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::item::{Expected, ExpectedCall, Item};
use crate::suite::Package;

/// Questions and answers, category by category.
pub(crate) const PACKAGE: Package = Package {
    source: "wheel:bfcl-eval==2026.3.23/bfcl_eval/data/BFCL_v4_simple_python.json \
             + wheel:bfcl-eval==2026.3.23/bfcl_eval/data/BFCL_v4_multiple.json \
             + wheel:bfcl-eval==2026.3.23/bfcl_eval/data/BFCL_v4_parallel.json \
             + wheel:bfcl-eval==2026.3.23/bfcl_eval/data/possible_answer/BFCL_v4_simple_python.json \
             + wheel:bfcl-eval==2026.3.23/bfcl_eval/data/possible_answer/BFCL_v4_multiple.json \
             + wheel:bfcl-eval==2026.3.23/bfcl_eval/data/possible_answer/BFCL_v4_parallel.json",
    sha256: "bbfd11315a6861e8166115503f41379750e2bfedb9e10e9e867c896f7038ed38",
    bytes: 933_639,
    download_bytes: 1_925_664,
};

/// A right call: its function with, for each argument, the values that are right.
type RightCall = BTreeMap<String, BTreeMap<String, Vec<Value>>>;

/// A line of the files: a question with its functions, or the right calls of one.
#[derive(Deserialize)]
struct Line {
    id: String,
    question: Option<Vec<Vec<Message>>>,
    function: Option<Value>,
    ground_truth: Option<Vec<RightCall>>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: String,
}

/// Items of the files.
pub(crate) fn items(files: &[u8]) -> Result<Vec<Item>, String> {
    let mut goals = Vec::new();
    let mut truths = BTreeMap::new();
    // The files need not end with a line break, so lines are of no help.
    for line in serde_json::Deserializer::from_slice(files).into_iter::<Line>() {
        let line = line.map_err(|error| error.to_string())?;
        match (line.question, line.function, line.ground_truth) {
            (Some(question), Some(functions), _) => {
                goals.push((line.id, goal(&question, &functions)?));
            }
            (_, _, Some(truth)) => {
                truths.insert(line.id, calls(truth));
            }
            _ => return Err(format!("{} is neither a question nor an answer", line.id)),
        }
    }
    let item = |(id, goal): (String, String)| {
        let calls = truths.remove(&id).ok_or_else(|| format!("{id} has no answer"))?;
        Ok(Item { id, goal, brief: None, expected: Expected::Calls(calls) })
    };
    goals.into_iter().map(item).collect()
}

fn goal(question: &[Vec<Message>], functions: &Value) -> Result<String, String> {
    let [turn] = question else {
        return Err(format!("a question has {} turns, expected 1", question.len()));
    };
    let asked: Vec<&str> = turn
        .iter()
        .filter(|message| message.role != "assistant")
        .map(|message| message.content.as_str())
        .collect();
    Ok(format!(
        "State the calls of functions that do this: {}\n\nThe functions, as JSON:\n{functions}\n\n\
         Answer with a list in JSON and nothing else, one object for each call: [{{\"name\": \
         FUNCTION, \"arguments\": {{NAME: VALUE}}}}]. Nothing is called.",
        asked.join("\n")
    ))
}

fn calls(truth: Vec<RightCall>) -> Vec<ExpectedCall> {
    let each = truth.into_iter().flatten();
    each.map(|(name, arguments)| ExpectedCall { name, arguments }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::{Grade, read};

    /// Two files of the form of the leaderboard's, without a line break between them.
    const FILES: &str = concat!(
        r#"{"id":"p_0","question":[[{"role":"user","content":"Dim both lamps."}]],"function":[{"name":"lamp.dim","parameters":{"type":"dict"}}]}"#,
        "\n",
        r#"{"id":"p_1","question":[[{"role":"user","content":"Dim one."}]],"function":[]}"#,
        r#"{"id":"p_0","ground_truth":[{"lamp.dim":{"lamp":[1],"to":[50,""]}},{"lamp.dim":{"lamp":[2]}}]}"#,
        "\n",
        r#"{"id":"p_1","ground_truth":[{"lamp.dim":{"lamp":[1]}}]}"#,
    );

    #[test]
    fn questions_find_their_answers_and_their_functions_stand_in_the_goal() {
        let items = items(FILES.as_bytes()).unwrap();
        assert_eq!(items.len(), 2);
        assert!(items[0].goal.contains("Dim both lamps.") && items[0].goal.contains("lamp.dim"));
        let answer = r#"[{"name":"lamp.dim","arguments":{"lamp":2}},
            {"name":"lamp.dim","arguments":{"lamp":1,"to":50}}]"#;
        assert_eq!(read(&items[0], answer).grade, Grade::Right);
        assert_eq!(read(&items[1], answer).grade, Grade::Wrong);
    }

    #[test]
    fn what_has_no_answer_or_several_turns_is_an_error() {
        let question = FILES.lines().next().unwrap();
        assert_eq!(items(question.as_bytes()).unwrap_err(), "p_0 has no answer");
        let turns = question.replace("]],", "],[]],");
        let error = items(turns.as_bytes()).unwrap_err();
        assert!(error.contains("has 2 turns"), "{error}");
        assert!(items(br#"{"id":"x"}"#).unwrap_err().contains("neither"));
    }
}
