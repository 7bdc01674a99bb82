//! The settings that a server of Ollama logs at its start: `msg="server config" env="map[…]"`.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Variables in lower case among its settings.
const LOWER_CASE: [&str; 3] = ["http_proxy", "https_proxy", "no_proxy"];

/// The settings in `log`, by variable: those of the last start in it. `None` if it has none.
pub fn server_config(log: &str) -> Option<BTreeMap<String, String>> {
    let line = log.lines().rev().find(|line| line.contains("server config"))?;
    let (_, value) = line.split_once("env=")?;
    let map = match value.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None => value.to_owned(),
    };
    let map = map.trim_end().strip_prefix("map[")?.strip_suffix(']')?;
    Some(entries(map))
}

/// The text of a string literal of Go, from after its first quote to the closing one.
fn unquoted(literal: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = literal.chars().peekable();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => text.push(escaped(&mut rest)?),
            other => text.push(other),
        }
    }
}

/// The character that an escape stands for, from after the backslash.
fn escaped(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let digits = match rest.next()? {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        other => return Some(other),
    };
    let code: String = rest.by_ref().take(digits).collect();
    let code = u32::from_str_radix(&code, 16).ok()?;
    // A byte that is not UTF-8.
    Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// The entries of a map as Go prints it: `A:1 B:[x y] C:`, sorted by name. Values may have spaces.
fn entries(map: &str) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    let mut depth = 0_usize;
    let mut name = "";
    let mut value = String::new();
    for word in map.split(' ') {
        let next = (depth == 0).then(|| named(word)).flatten().filter(|(next, _)| *next > name);
        let text = if let Some((next, text)) = next {
            insert(&mut entries, name, &mut value);
            name = next;
            text
        } else {
            value.push(' ');
            word
        };
        value.push_str(text);
        let opened = text.matches('[').count();
        depth = (depth + opened).saturating_sub(text.matches(']').count());
    }
    insert(&mut entries, name, &mut value);
    entries
}

fn insert(entries: &mut BTreeMap<String, String>, name: &str, value: &mut String) {
    let value = std::mem::take(value);
    if !name.is_empty() {
        entries.insert(name.to_owned(), value);
    }
}

/// Name and value of a word that begins an entry.
fn named(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once(':')?;
    let is_upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_name = !name.is_empty() && name.chars().all(is_upper);
    (is_name || LOWER_CASE.contains(&name)).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of Ollama 0.33.0, shortened.
    const LINE: &str = "time=2026-11-29T11:02:03.004Z level=INFO source=routes.go:1951 \
        msg=\"server config\" env=\"map[CUDA_VISIBLE_DEVICES: HTTPS_PROXY: \
        OLLAMA_CONTEXT_LENGTH:0 OLLAMA_DEBUG:INFO OLLAMA_FLASH_ATTENTION:false \
        OLLAMA_HOST:http://127.0.0.1:11434 OLLAMA_KEEP_ALIVE:5m0s OLLAMA_KV_CACHE_TYPE: \
        OLLAMA_MODELS:/srv/my \\\"models\\\" A:B/x OLLAMA_NUM_PARALLEL:1 \
        OLLAMA_ORIGINS:[http://localhost https://localhost app://* OLLAMA_X:9] OLLAMA_REMOTES:[ollama.com] \
        OLLAMA_SCHED_SPREAD:false http_proxy: no_proxy:]\"";

    #[test]
    fn each_setting_is_read_also_those_with_spaces() {
        let log =
            format!("time=1 msg=\"server config\" env=\"map[OLLAMA_NUM_PARALLEL:9]\"\n{LINE}\n");
        let read = server_config(&log).unwrap();
        for (name, value) in [
            ("OLLAMA_NUM_PARALLEL", "1"),
            ("OLLAMA_HOST", "http://127.0.0.1:11434"),
            ("OLLAMA_KV_CACHE_TYPE", ""),
            ("OLLAMA_MODELS", "/srv/my \"models\" A:B/x"),
            ("OLLAMA_REMOTES", "[ollama.com]"),
            ("OLLAMA_SCHED_SPREAD", "false"),
            ("CUDA_VISIBLE_DEVICES", ""),
            ("http_proxy", ""),
        ] {
            assert_eq!(read.get(name).map(String::as_str), Some(value), "{name}: {read:?}");
        }
        assert!(!read.contains_key("OLLAMA_X"), "part of a value");
        assert_eq!(read.len(), 15, "{read:?}");
    }

    #[test]
    fn other_logs_have_no_settings() {
        for log in [
            "",
            "server config",
            "msg=\"server config\" env=",
            "msg=\"server config\" env=\"map[",
            "msg=\"server config\" env=\"map[OLLAMA_NUM_PARALLEL:1",
            "msg=\"server config\" env=\"\\",
            "msg=\"server config\" env=\"\\x",
            "msg=\"server config\" env=\"\\uZZZZ\"",
            "msg=\"Listening on 127.0.0.1:11434\"",
        ] {
            assert_eq!(server_config(log), None, "{log}");
        }
        let empty = server_config("msg=\"server config\" env=map[]").unwrap();
        assert_eq!(empty, BTreeMap::new());
    }
}
