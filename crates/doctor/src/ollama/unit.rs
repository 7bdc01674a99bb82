//! The environment of a systemd service, read from its unit files.
//!
//! By the rules of `systemd.unit(5)` and `systemd.exec(5)`: one fragment, drop-ins of all
//! directories by file name, an earlier directory hides a file of the same name in a later one, an
//! empty `Environment=` clears all before it.
//!
//! Does not support specifiers (`%h`), and `EnvironmentFile=` with a pattern.

use std::collections::BTreeMap;

use harmonic_hardware::{HardwareError, Sysroot};

use super::Settings;

/// Unit directories in order of precedence.
const DIRECTORIES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

const UNIT: &str = "ollama.service";

/// The unit's variables, with its path; `None` if there is no unit or it is masked.
pub(super) fn variables(root: &Sysroot) -> Result<Option<Settings>, HardwareError> {
    let mut fragment = None;
    for directory in DIRECTORIES {
        let path = format!("{directory}/{UNIT}");
        if let Some(text) = root.read(&path)? {
            fragment = Some((path, text));
            break;
        }
    }
    let Some((path, text)) = fragment.filter(|(_, text)| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let mut service = Service::default();
    service.read(root, &text)?;
    for drop_in in drop_ins(root)?.values() {
        service.read(root, &root.read(drop_in)?.unwrap_or_default())?;
    }
    // An environment file is read when the service starts and overrides lines of the unit.
    service.variables.extend(service.from_files);
    Ok(Some(Settings { path, variables: service.variables }))
}

/// Drop-in paths by file name, in order of application.
fn drop_ins(root: &Sysroot) -> Result<BTreeMap<String, String>, HardwareError> {
    let mut found = BTreeMap::new();
    for directory in DIRECTORIES {
        let directory = format!("{directory}/{UNIT}.d");
        // systemd distinguishes case.
        for name in root.list(&directory)? {
            if !name.as_bytes().ends_with(b".conf") {
                continue;
            }
            let path = format!("{directory}/{name}");
            found.entry(name).or_insert(path);
        }
    }
    Ok(found)
}

/// Settings of the `[Service]` sections read so far.
#[derive(Debug, Default)]
struct Service {
    variables: BTreeMap<String, String>,
    from_files: BTreeMap<String, String>,
}

impl Service {
    fn read(&mut self, root: &Sysroot, text: &str) -> Result<(), HardwareError> {
        let joined = text.replace("\\\n", " ");
        let mut in_service = false;
        for line in joined.lines().map(str::trim) {
            if line.starts_with('[') {
                in_service = line == "[Service]";
            }
            let Some((key, value)) = line.split_once('=').filter(|_| in_service) else { continue };
            match (key.trim_end(), value.trim_start()) {
                ("Environment", "") => self.variables.clear(),
                ("Environment", value) => self.variables.extend(assignments(value)),
                ("EnvironmentFile", "") => self.from_files.clear(),
                ("EnvironmentFile", file) => {
                    let text = root.read(file.trim_start_matches('-'))?.unwrap_or_default();
                    let lines = text.lines().filter(|line| !line.starts_with(['#', ';']));
                    self.from_files.extend(lines.flat_map(assignments));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The assignments of one line; quotes protect spaces and may occur anywhere.
fn assignments(line: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let word = words.last_mut().expect("there is always a word");
        match (character, quote) {
            ('\\', _) => word.extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(character),
            (c, None) if c.is_whitespace() => words.push(String::new()),
            (c, _) => word.push(c),
        }
    }
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::assignments;

    #[test]
    fn quotes_protect_spaces() {
        let read = |line| {
            let pairs = assignments(line).into_iter();
            pairs.map(|(name, value)| format!("{name}→{value}")).collect::<Vec<_>>().join(" | ")
        };
        assert_eq!(read("A=1 \"B=two words\" 'C=3'"), "A→1 | B→two words | C→3");
        assert_eq!(read("A=\"x y\"  B="), "A→x y | B→");
        assert_eq!(read(r#""A=say \"no\"" nothing"#), "A→say \"no\"");
    }
}
