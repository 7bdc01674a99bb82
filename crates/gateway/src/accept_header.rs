//! Choice of a media type by the header `Accept`.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Maximum media ranges of a header that are considered.
const MAX_RANGES: usize = 64;

/// The one of `offered` that `headers` name with the highest quality; of equals, the one that is
/// named first. `None` if none is named: wildcards name nothing.
pub(crate) fn preferred(headers: &HeaderMap, offered: &[&'static str]) -> Option<&'static str> {
    let ranges = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let ranges = ranges.flat_map(|value| value.split(',')).take(MAX_RANGES);
    let named = ranges.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?;
        let offer = *offered.iter().find(|offer| offer.eq_ignore_ascii_case(name))?;
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        // An invalid quality refuses nothing.
        let quality = quality.and_then(|text| text.trim().parse::<f32>().ok());
        let quality = quality.filter(|quality| (0.0..=1.0).contains(quality)).unwrap_or(1.0);
        (quality > 0.0).then_some((quality, offer))
    });
    let best = named.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, offer)| offer)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_highest_quality_wins_and_wildcards_name_nothing() {
        let offered = ["text/html", "application/json", "text/plain"];
        for (header, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some("text/html")),
            ("application/json", Some("application/json")),
            ("text/plain;q=0.4, Application/JSON; q=0.5", Some("application/json")),
            ("text/html;q=0, application/json;q=0.1", Some("application/json")),
            ("text/html;q=lots, text/plain", Some("text/html")),
            ("application/json, text/html", Some("application/json")),
            ("*/*", None),
            ("text/*", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(header));
            assert_eq!(preferred(&headers, &offered), expected, "{header}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &offered), None);
    }
}
