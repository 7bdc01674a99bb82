//! The built-in recipes.

use std::sync::LazyLock;

use super::{Recipe, parse};

const FILES: [(&str, &str); 5] = [
    ("split.toml", include_str!("../../recipes/split.toml")),
    ("vote.toml", include_str!("../../recipes/vote.toml")),
    ("write-check.toml", include_str!("../../recipes/write-check.toml")),
    ("research.toml", include_str!("../../recipes/research.toml")),
    ("code.toml", include_str!("../../recipes/code.toml")),
];

static RECIPES: LazyLock<Vec<Recipe>> = LazyLock::new(|| {
    let parse = |(origin, text)| parse::recipe(origin, text).expect("built-in recipes are valid");
    FILES.into_iter().map(parse).collect()
});

pub(super) fn recipes() -> &'static [Recipe] {
    &RECIPES
}
