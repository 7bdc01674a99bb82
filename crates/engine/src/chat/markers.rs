//! Texts that stand between the parts of an answer, and in some vocabularies are control tokens.

use std::sync::Arc;

use harmonic_batching::Token;

use super::vocabulary::Vocabulary;

/// Control tokens that an answer is read by. Any other marker is ordinary text.
#[derive(Clone, Debug, Default)]
pub(super) struct Markers(Arc<[(Token, &'static str)]>);

/// A part of a text that a model is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrammarFragment {
    /// Text, in whatever tokens.
    Text(String),
    /// A control token.
    Control(Token),
}

impl Markers {
    /// Those of `texts` that are control tokens in `vocabulary`.
    pub(super) fn of(
        vocabulary: &dyn Vocabulary,
        texts: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let specials = vocabulary.specials();
        let control = |text: &'static str| {
            let special = specials.iter().find(|special| special.text == text)?;
            let mut bytes = Vec::new();
            vocabulary.append_bytes(special.token, &mut bytes);
            let silent = bytes.is_empty() && !vocabulary.ends_turn(special.token);
            silent.then_some((special.token, text))
        };
        Self(texts.into_iter().filter_map(control).collect())
    }

    /// What `token` is read as, where it is a marker.
    pub(super) fn text(&self, token: Token) -> Option<&'static str> {
        self.0.iter().find(|(marker, _)| *marker == token).map(|(_, text)| *text)
    }

    /// `text` with the markers in it as the tokens that they are.
    pub(super) fn fragments(&self, text: &str) -> Vec<GrammarFragment> {
        let found = |text: &str| {
            let places = self
                .0
                .iter()
                .filter_map(|(token, marker)| Some((text.find(marker)?, marker.len(), *token)));
            places.min()
        };
        let (mut fragments, mut rest) = (Vec::new(), text);
        while let Some((at, len, token)) = found(rest) {
            if at > 0 {
                fragments.push(GrammarFragment::Text(rest[..at].to_owned()));
            }
            fragments.push(GrammarFragment::Control(token));
            rest = &rest[at + len..];
        }
        if !rest.is_empty() {
            fragments.push(GrammarFragment::Text(rest.to_owned()));
        }
        fragments
    }
}
