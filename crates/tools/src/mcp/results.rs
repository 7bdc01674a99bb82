//! A call's result as text for a model; what is not text is described in a line.

use harmonic_types::tool::ToolOutput;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::output::{bounded, quoted};

/// `result` in at most `limit` bytes, of which `cut` bytes were cut while it was received.
pub(super) fn output(result: CallToolResult, limit: usize, cut: u64) -> ToolOutput {
    let is_error = result.is_error.unwrap_or(false);
    let mut text = String::new();
    for block in &result.content {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line(block));
    }
    // Servers give a structured result as text, too; only some do not.
    if let Some(structured) = result.structured_content.filter(|_| result.content.is_empty()) {
        text = structured.to_string();
    }
    bounded(text, is_error, limit, cut)
}

fn line(block: &ContentBlock) -> String {
    let media = |kind: &str, mime: &str, data: &str| {
        format!("[{kind}, {}, {} bytes, not shown]", quoted(mime), data.len() / 4 * 3)
    };
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => media("image", &image.mime_type, &image.data),
        ContentBlock::Audio(audio) => media("audio", &audio.mime_type, &audio.data),
        ContentBlock::ResourceLink(link) => {
            let mime = link.mime_type.as_deref().unwrap_or("unknown type");
            format!("[resource {}, {}, {}]", quoted(&link.name), quoted(&link.uri), quoted(mime))
        }
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => text.clone(),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                let mime = mime_type.as_deref().unwrap_or("unknown type");
                media(&format!("resource {}", quoted(uri)), mime, blob)
            }
            _ => "[resource of an unknown kind, not shown]".to_owned(),
        },
        _ => "[content of an unknown kind, not shown]".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(value: serde_json::Value) -> CallToolResult {
        serde_json::from_value(value).expect("a result")
    }

    #[test]
    fn what_is_not_text_is_described_in_a_line() {
        let result = result(json!({"isError": true, "content": [
            {"type": "text", "text": "first"},
            {"type": "image", "data": "AAAAAAAA", "mimeType": "image/png"},
            {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
            {"type": "resource_link", "uri": "file:///a", "name": "a"},
            {"type": "resource", "resource": {"uri": "file:///b", "text": "of b"}},
            {"type": "resource", "resource": {"uri": "file:///c", "mimeType": "x/y", "blob": "AAAA"}}]}));
        let output = output(result, 1000, 7);
        assert_eq!(
            output.text.lines().collect::<Vec<_>>(),
            [
                "first",
                "[image, image/png, 6 bytes, not shown]",
                "[audio, audio/wav, 3 bytes, not shown]",
                "[resource a, file:///a, unknown type]",
                "of b",
                "[resource file:///c, x/y, 3 bytes, not shown]",
            ]
        );
        assert!(output.is_error);
        assert_eq!(output.bytes_cut, 7);
    }

    #[test]
    fn a_structured_result_is_text_where_there_is_no_other() {
        let only = result(json!({"structuredContent": {"a": 1}}));
        assert_eq!(output(only, 1000, 0).text, r#"{"a":1}"#);
        let both = result(
            json!({"content": [{"type": "text", "text": "one"}], "structuredContent": {"a": 1}}),
        );
        assert_eq!(
            output(both, 2, 0),
            ToolOutput { text: "on".into(), is_error: false, bytes_cut: 1 }
        );
    }
}
