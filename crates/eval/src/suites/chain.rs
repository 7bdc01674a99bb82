//! The suite `chain`: arithmetic of which each step needs the one before. A team must not win it: no
//! step can be done beside another (docs/sources.md#team-evidence).

use crate::item::{Expected, Item};

/// Steps of an item.
const STEPS: std::ops::RangeInclusive<usize> = 5..=8;

/// Numbers from which on no step multiplies.
const LARGE: i64 = 2_000;

/// `count` items of `seed`.
pub(crate) fn items(count: usize, seed: u64) -> Vec<Item> {
    let mut random = fastrand::Rng::with_seed(seed);
    (1..=count).map(|number| item(number, &mut random)).collect()
}

fn item(number: usize, random: &mut fastrand::Rng) -> Item {
    let mut value = random.i64(10..100);
    let mut steps = vec![format!("Start with {value}.")];
    for _ in 0..random.usize(STEPS) {
        let (step, next) = step(value, random);
        steps.push(step);
        value = next;
    }
    let goal = format!(
        "Work out the last result. {}\n\nEnd with a line of the form Answer: NUMBER.",
        steps.join(" ")
    );
    let expected = Expected::Number(value.to_string());
    Item { id: format!("chain-{number}"), goal, brief: None, expected }
}

/// A step from `value`, and its result.
fn step(value: i64, random: &mut fastrand::Rng) -> (String, i64) {
    let amount = random.i64(3..60);
    match random.u8(0..5) {
        0 | 1 if value < LARGE => {
            let factor = random.i64(2..5);
            (format!("Multiply the result by {factor}."), value * factor)
        }
        2 if value > amount => (format!("Subtract {amount} from the result."), value - amount),
        3 => {
            let next = if value % 2 == 0 { value / 2 } else { value + amount };
            let text =
                format!("If the result is even, halve it; if it is odd, add {amount} to it.");
            (text, next)
        }
        4 => {
            let digits: i64 =
                value.to_string().chars().filter_map(|c| c.to_digit(10)).map(i64::from).sum();
            ("Add the sum of the digits of the result to it.".to_owned(), value + digits)
        }
        _ => (format!("Add {amount} to the result."), value + amount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result, worked out anew from the text.
    fn result(goal: &str) -> i64 {
        let mut value = 0;
        for step in goal.split(['.', ';', '\n']).map(str::trim) {
            let words: Vec<&str> = step.split([' ', ',']).collect();
            let number = |at: usize| words[at].parse::<i64>().unwrap();
            match words[..] {
                ["Start", ..] => value = number(2),
                ["Multiply", ..] => value *= number(4),
                ["Subtract", ..] => value -= number(1),
                ["If", ..] => value = if value % 2 == 0 { value / 2 } else { -value },
                // The other half of the same step.
                ["if", ..] if value < 0 => value = -value + number(6),
                ["Add", "the", ..] => {
                    value += value.to_string().bytes().map(|b| i64::from(b - b'0')).sum::<i64>();
                }
                ["Add", ..] => value += number(1),
                _ => {}
            }
        }
        value
    }

    #[test]
    fn the_answer_is_what_the_steps_give_one_after_the_other() {
        for item in items(200, 5) {
            assert_eq!(item.expected, Expected::Number(result(&item.goal).to_string()), "{item:?}");
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(items(3, 1), items(3, 1));
        assert_ne!(items(3, 1), items(3, 2));
        insta::assert_debug_snapshot!(items(1, 1));
    }
}
