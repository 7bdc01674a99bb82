//! Texts with holes: `{name}`; `{{` and `}}` are braces.

/// Piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Hole(&'a str),
}

/// Pieces of `text`, or what is wrong with its braces.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        if brace.starts_with("{{") || brace.starts_with("}}") {
            pieces.push(Piece::Text(&brace[..1]));
            rest = &brace[2..];
            continue;
        }
        let hole = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = hole else {
            return Err("a brace without its other half: write {{ and }} for braces".to_owned());
        };
        pieces.push(Piece::Hole(name));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// `text` with its holes filled; one that `value` does not know stays.
pub(super) fn filled(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let Ok(pieces) = pieces(text) else { return text.to_owned() };
    let fill = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Hole(name) => value(name).unwrap_or_else(|| format!("{{{name}}}")),
    };
    pieces.into_iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_once_and_doubled_braces_are_braces() {
        let value = |name: &str| (name == "a").then(|| "{b}{{".to_owned());
        assert_eq!(filled("x {a} {{a}} {c}.", value), "x {b}{{ {a} {c}.");
        for broken in ["{", "}", "a { b", "a } b", "{{}"] {
            assert!(pieces(broken).is_err(), "{broken}");
        }
    }
}
