//! Delimiters within an answer that are control tokens in some vocabularies.

use std::sync::Arc;

use harmonic_batching::Token;

use super::vocabulary::Vocabulary;

/// Delimiters that are control tokens. Other delimiters are ordinary text.
#[derive(Clone, Debug, Default)]
pub(super) struct Markers(Arc<[(Token, &'static str)]>);

/// A fragment of fixed text in a grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrammarFragment {
    /// Text, in any tokenisation.
    Text(String),
    /// A control token.
    Control(Token),
}

impl Markers {
    /// Markers among `texts` that are control tokens in `vocabulary`.
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

    /// Text of `token` if it is a marker.
    pub(super) fn text(&self, token: Token) -> Option<&'static str> {
        self.0.iter().find(|(marker, _)| *marker == token).map(|(_, text)| *text)
    }

    /// Splits `text` into plain text and marker tokens.
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
