//! Images and recordings in a body: conversion between each dialect's form and message parts.
//!
//! Invariants: their number per body is limited, each is decodable base64; nothing is decoded or
//! fetched here.
//!
//! Does not do: check whether the agent's model supports images or audio (the server checks the
//! engine's capabilities).

use harmonic_types::Media;

use crate::validation_error::ValidationError;

/// Maximum number of images and recordings per body. Their total size is limited by the body's.
pub(crate) const MAX_FILES: u32 = 64;
/// Maximum length of a media type, in bytes: RFC 6838, §4.2 allows 127 on either side of the slash.
const MAX_TYPE_BYTES: usize = 255;
/// Prefix of data URLs.
const SCHEME: &str = "data:";
/// Separator between the media type and the data.
const BASE64_SEPARATOR: &str = ";base64,";
/// URL schemes that would have to be fetched.
const REMOTE: [&str; 4] = ["http:", "https:", "gs:", "file:"];

/// File in a `data` URL (RFC 2397) at `path`.
pub(crate) fn of_url(path: &str, mut url: String) -> Result<Media, ValidationError> {
    if REMOTE.iter().any(|scheme| url.starts_with(scheme)) {
        let detail = " as an address: this server fetches nothing, send a `data:` URL";
        return Err(ValidationError::unsupported(path, detail));
    }
    let head = url.find(BASE64_SEPARATOR).map(|at| at + BASE64_SEPARATOR.len());
    let Some(head) = head.filter(|_| url.starts_with(SCHEME)) else {
        return Err(ValidationError::value(
            path,
            "must be a URL of the form `data:TYPE;base64,DATA`",
        ));
    };
    let base64 = url.split_off(head);
    let media_type = &url[SCHEME.len()..head - BASE64_SEPARATOR.len()];
    let media_type = (!media_type.is_empty()).then(|| media_type.to_owned());
    of_base64(path, media_type, base64)
}

/// Data URL that [`of_url`] decodes to `media`.
pub(crate) fn url(media: &Media) -> String {
    let media_type = media.media_type.as_deref().unwrap_or_default();
    [SCHEME, media_type, BASE64_SEPARATOR, &media.base64].concat()
}

/// File in base64 at `path`.
pub(crate) fn of_base64(
    path: &str,
    media_type: Option<String>,
    base64: String,
) -> Result<Media, ValidationError> {
    let of_type = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+/;= ".contains(c);
    let is_type = |stated: &String| stated.len() <= MAX_TYPE_BYTES && stated.chars().all(of_type);
    if !media_type.as_ref().is_none_or(is_type) {
        return Err(ValidationError::value(path, "has no valid media type, such as `image/png`"));
    }
    if !is_base64(&base64) {
        return Err(ValidationError::value(path, "must be a file in base64"));
    }
    Ok(Media { media_type, base64 })
}

/// Whether `text` is base64 of at least one byte; padding is optional.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let whole = match digits.len() % 4 {
        0 => padding == 0,
        1 => false,
        last => padding == 0 || padding == 4 - last,
    };
    whole && !digits.is_empty() && digits.bytes().all(of_alphabet)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_data_url_is_a_file_of_a_type() {
        for (sent, media_type, base64) in [
            ("data:image/png;base64,iVBORw0KGgo=", Some("image/png"), "iVBORw0KGgo="),
            ("data:audio/x;rate=8000;base64,AAAA", Some("audio/x;rate=8000"), "AAAA"),
            ("data:;base64,AA", None, "AA"),
        ] {
            let media = of_url("p", sent.to_owned()).expect(sent);
            assert_eq!((media.media_type.as_deref(), media.base64.as_str()), (media_type, base64));
            assert_eq!(url(&media), sent);
        }
    }

    #[test]
    fn an_invalid_file_is_refused_by_its_path() {
        for (url, words) in [
            ("https://example.org/a.png", "fetches nothing"),
            ("file:///etc/passwd", "fetches nothing"),
            ("data:image/png,abc", "data:TYPE;base64,DATA"),
            ("iVBORw0KGgo=", "data:TYPE;base64,DATA"),
            ("", "data:TYPE;base64,DATA"),
            ("data:image/png;base64,", "must be a file in base64"),
            ("data:image/png;base64,A", "must be a file in base64"),
            ("data:image/png;base64,AAA*", "must be a file in base64"),
            ("data:image/png;base64,AAA==", "must be a file in base64"),
            ("data:image/png;base64,AAAA=", "must be a file in base64"),
            ("data:image/\r\n;base64,AAAA", "no valid media type"),
        ] {
            let error = of_url("m[0]", url.to_owned()).expect_err(url);
            assert_eq!(error.param(), Some("m[0]"), "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(url in ".{0,40}|data:[a-z/]{0,9};base64,[A-Za-z0-9+/=]{0,9}") {
            if let Ok(media) = of_url("p", url.clone()) {
                prop_assert_eq!(super::url(&media), url);
            }
        }
    }
}
