//! `workspace.read`.

use std::io::{Read, Seek, SeekFrom};

use schemars::JsonSchema;
use serde::Deserialize;

use super::Context;
use super::folder::{Folder, failure};
use crate::output::quoted;

/// Bytes of a result that are kept for what is said at its end.
const NOTE_BYTES: usize = 120;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// File, relative to the workspace.
    path: String,
    /// First byte that is read.
    #[serde(default)]
    offset: u64,
    /// Maximum number of bytes that are read; without it, as many as a result may have.
    #[serde(default)]
    #[schemars(range(min = 1))]
    length: Option<usize>,
}

pub(super) fn read(
    folder: &Folder,
    arguments: &Arguments,
    context: &Context,
) -> Result<String, String> {
    let Arguments { path, offset, length } = arguments;
    let (mut file, size) = folder.file(path)?;
    let room = context.bytes.saturating_sub(NOTE_BYTES).max(4);
    let length = length.unwrap_or(room).min(room);
    if *offset > size {
        return Err(format!(
            "offset {offset} is beyond the end of `{}`: it has {size} bytes",
            quoted(path)
        ));
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(*offset)).map_err(|error| failure(path, &error))?;
    let read = file.take(length as u64).read_to_end(&mut bytes);
    read.map_err(|error| failure(path, &error))?;

    let (skipped, text) = text(&bytes, *offset > 0).ok_or_else(|| {
        format!(
            "`{}` is binary or not UTF-8, {size} bytes: it cannot be read as text",
            quoted(path)
        )
    })?;
    let from = offset + skipped as u64;
    let to = from + text.len() as u64;
    let mut shown = text.to_owned();
    if *offset > 0 || to < size {
        let more = if to < size { format!("; read on with offset {to}") } else { String::new() };
        let part = format!("\n[bytes {from} to {to} of {size}{more}]");
        shown.push_str(&part);
    }
    Ok(shown)
}

/// The text in `bytes` without characters that were cut at its ends, and the bytes skipped at its
/// beginning; `None` where it is none.
fn text(bytes: &[u8], may_begin_within: bool) -> Option<(usize, &str)> {
    let continues = |byte: &&u8| **byte & 0xC0 == 0x80;
    let skipped =
        if may_begin_within { bytes.iter().take(3).take_while(continues).count() } else { 0 };
    let bytes = &bytes[skipped..];
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // Only the last character is incomplete.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some((skipped, text))
}
