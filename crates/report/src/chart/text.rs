//! Estimated widths of text.
//!
//! Invariants: an estimate is an upper bound of the width in the fonts that charts are shown with,
//! of which `DejaVu Sans Bold` is the widest common one; so text that does not overlap by the
//! estimates does not overlap when it is drawn.

/// Upper bound of the width of `text` at `size` pixels.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// Upper bound of a character's advance, in em.
const fn advance(char: char) -> f64 {
    match char {
        ' ' | 'i' | 'l' | 'j' | 'I' | 'J' | '.' | ',' | '\'' | '|' | '/' | '\\' => 0.39,
        't' | 'f' | 'r' | '(' | ')' | '-' | '[' | ']' | '!' | ':' | ';' | '`' | '_' | '"' | '*'
        | '–' | '·' => 0.54,
        'D' | 'G' | 'H' | 'N' | 'O' | 'Q' | 'U' | '&' | '+' | '=' | '<' | '>' | '~' | '#' | '^' => {
            0.88
        }
        // Beyond ASCII: Latin, Greek and Cyrillic letters; then scripts with wider glyphs, and
        // pictures.
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '\u{80}'..='\u{20ff}' => 1.11,
        'A'..='Z' => 0.79,
        '\0'..='\x7f' => 0.73,
        _ => 1.4,
    }
}

/// `text`, cut to `limit` pixels with an ellipsis if it is wider.
pub fn cut(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.to_owned();
    }
    let mut left = limit - width("…", size);
    let kept = text.chars().take_while(|char| {
        left -= advance(*char) * size;
        left >= 0.0
    });
    let kept: String = kept.collect();
    format!("{}…", kept.trim_end())
}

/// `text` in at most `most` lines of `limit` pixels, broken at spaces; what does not fit is cut.
pub fn wrap(text: &str, size: f64, limit: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_last = lines.len() == most;
        match lines.last_mut() {
            Some(line) if is_last || width(&format!("{line} {word}"), size) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| cut(&line, size, limit)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_that_is_too_wide_is_cut() {
        let limit = width("a stack of", 12.0);
        assert_eq!(cut("a stack of", 12.0, limit), "a stack of");
        let cut = cut("a stack of agents", 12.0, limit);
        assert!(cut.starts_with("a stack") && cut.ends_with('…'), "{cut}");
    }

    #[test]
    fn lines_break_at_spaces_and_the_last_is_cut() {
        let limit = width("one two", 12.0);
        assert_eq!(wrap("one two three", 12.0, limit, 2), ["one two", "three"]);
        let lines = wrap("one two three four five six", 12.0, limit, 2);
        assert!(lines.len() == 2 && lines[1].ends_with('…'), "{lines:?}");
        assert_eq!(wrap("", 12.0, limit, 2), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_limit(text in ".{0,80}", limit in 20.0..400.0_f64) {
            for line in wrap(&text, 13.0, limit, 3) {
                prop_assert!(width(&line, 13.0) <= limit, "{}", line);
            }
        }
    }
}
