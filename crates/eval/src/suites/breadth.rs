//! The suite `breadth`: questions on one text that do not depend on each other. A team should win it:
//! each agent reads the text for one question (docs/sources.md#team-evidence).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::item::{Expected, Item};

const PLACES: [&str; 12] = [
    "Berlin", "Lisbon", "Oslo", "Vienna", "Dublin", "Athens", "Prague", "Madrid", "Warsaw",
    "Tallinn", "Zagreb", "Helsinki",
];
const GOODS: [&str; 8] =
    ["apples", "pears", "plums", "cherries", "lemons", "figs", "melons", "limes"];
const DAYS: [&str; 5] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
const LABELS: [&str; 4] = ["A", "B", "C", "D"];

/// Places in a text.
const TOWNS: usize = 6;

/// `count` items of `seed`.
pub(crate) fn items(count: usize, seed: u64) -> Vec<Item> {
    let mut random = fastrand::Rng::with_seed(seed);
    (1..=count).map(|number| item(number, &mut random)).collect()
}

fn item(number: usize, random: &mut fastrand::Rng) -> Item {
    let mut towns = PLACES;
    random.shuffle(&mut towns);
    let towns = &towns[..TOWNS];
    let mut lines = Vec::new();
    let mut totals: BTreeMap<&str, u32> = BTreeMap::new();
    for town in towns.iter().copied() {
        for _ in 0..random.usize(3..=5) {
            let crates = random.u32(2..=40);
            let goods = GOODS[random.usize(..GOODS.len())];
            let day = DAYS[random.usize(..DAYS.len())];
            lines.push(format!("On {day}, {town} received {crates} crates of {goods}."));
            *totals.entry(town).or_default() += crates;
        }
    }
    random.shuffle(&mut lines);
    let mut goal = "The brief lists deliveries. Answer these questions on it:\n".to_owned();
    let mut values = BTreeMap::new();
    for (label, town) in LABELS.iter().zip(towns) {
        // A string takes any text.
        let _ = writeln!(goal, "- {label}: How many crates did {town} receive in all?");
        let total = totals.get(town).copied().unwrap_or_default();
        values.insert((*label).to_owned(), total.to_string());
    }
    goal.push_str("\nGive a line of the form LETTER: NUMBER for each question, and nothing else.");
    Item {
        id: format!("breadth-{number}"),
        goal,
        brief: Some(lines.join("\n")),
        expected: Expected::Values(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The totals, added up anew from the text.
    fn totals(brief: &str) -> BTreeMap<String, u32> {
        let mut totals = BTreeMap::new();
        for line in brief.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            *totals.entry(words[2].to_owned()).or_default() += words[4].parse::<u32>().unwrap();
        }
        totals
    }

    #[test]
    fn the_answers_are_the_sums_of_the_text() {
        for item in items(50, 3) {
            let Expected::Values(values) = &item.expected else { panic!("{item:?}") };
            let totals = totals(item.brief.as_deref().unwrap());
            assert_eq!(values.len(), LABELS.len());
            for (label, value) in values {
                let question =
                    item.goal.lines().find(|line| line.starts_with(&format!("- {label}:")));
                let town =
                    question.unwrap().split("did ").nth(1).unwrap().split(' ').next().unwrap();
                assert_eq!(totals[town].to_string(), *value, "{item:?}");
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(items(3, 1), items(3, 1));
        assert_ne!(items(3, 1), items(3, 2));
        insta::assert_debug_snapshot!(items(1, 1));
    }
}
