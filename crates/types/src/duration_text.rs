//! Durations as people read them.

use std::time::Duration;

/// `time` in its two largest units: `5.2 s`, `7 s`, `8 min 41 s`, `3 d 2 h`; a smaller unit that is
/// zero is left out. Below a minute it has tenths, unless it is known in whole seconds.
pub fn duration_text(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    if tenths < 600 {
        return if time.subsec_millis() == 0 {
            format!("{} s", time.as_secs())
        } else {
            format!("{}.{} s", tenths / 10, tenths % 10)
        };
    }
    let seconds = (time.as_millis() + 500) / 1000;
    let (larger, smaller, units) = match seconds {
        0..3600 => (seconds / 60, seconds % 60, ["min", "s"]),
        3600..86_400 => (seconds / 3600, seconds / 60 % 60, ["h", "min"]),
        _ => (seconds / 86_400, seconds / 3600 % 24, ["d", "h"]),
    };
    let [first, second] = units;
    match smaller {
        0 => format!("{larger} {first}"),
        _ => format!("{larger} {first} {smaller} {second}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_largest_units() {
        let shown = [0, 7, 60, 318, 3600 * 23 + 61, 86_400 * 3 + 7200]
            .map(|seconds| duration_text(Duration::from_secs(seconds)));
        assert_eq!(shown, ["0 s", "7 s", "1 min", "5 min 18 s", "23 h 1 min", "3 d 2 h"]);
    }

    #[test]
    fn tenths_are_rounded_before_the_unit_is_chosen() {
        let shown = [40, 5_160, 59_940, 59_960, 318_400, 3_599_600]
            .map(|ms| duration_text(Duration::from_millis(ms)));
        assert_eq!(shown, ["0.0 s", "5.2 s", "59.9 s", "1 min", "5 min 18 s", "1 h"]);
    }
}
