//! Marks around content, which it cannot close: they carry a digest that it does not hold.

/// FNV-1a of 64 bits: its offset basis and prime (docs/sources.md#fnv).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Digest of `parts`, which keeps their boundaries apart. No protection against who looks for
/// collisions.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    parts.into_iter().fold(BASIS, |hash, part| {
        let hash = part.iter().copied().fold(hash, step);
        (part.len() as u64).to_le_bytes().into_iter().fold(hash, step)
    })
}

/// `content` between marks with `name` and `title`, each on a line of its own.
pub(crate) fn fence(name: &str, title: &str, content: &str) -> String {
    // Whoever writes the content cannot know its digest in it; should it be there all the same,
    // the next number is taken.
    let first = digest([name.as_bytes(), title.as_bytes(), content.as_bytes()]);
    let candidates = (0..=u64::MAX).map(|more| format!("{:016x}", first.wrapping_add(more)));
    let mut free = candidates.skip_while(|mark| content.contains(mark.as_str()));
    let mark = free.next().unwrap_or_default();
    let title: String = title.chars().filter(|c| !"<>".contains(*c) && !c.is_control()).collect();
    let space = if title.is_empty() { "" } else { " " };
    let end = if content.ends_with('\n') || content.is_empty() { "" } else { "\n" };
    format!("<<<{name}{space}{title} {mark}>>>\n{content}{end}<<</{name} {mark}>>>\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn content_never_holds_the_mark_that_closes_it(
            content in "[<>/a-z0-9 \n]{0,200}",
            title in ".{0,40}",
        ) {
            // Content that holds the mark of other content, as a stranger would try.
            let inner = fence("artifact", &title, &content);
            for content in [&content, &inner] {
                let fenced = fence("artifact", &title, content);
                let close = fenced.trim_end().lines().next_back().unwrap().to_owned();
                prop_assert_eq!(fenced.matches(&close).count(), 1);
                prop_assert!(fenced.contains(content.as_str()));
            }
        }
    }

    #[test]
    fn digests_keep_the_boundaries_of_parts() {
        assert_ne!(digest([b"ab".as_slice(), b"c"]), digest([b"a".as_slice(), b"bc"]));
    }
}
