//! Words of a POSIX shell's command, without expansion: what is not quoted must be plain.

pub fn words(command: &str) -> Result<Vec<String>, String> {
    let mut words = vec![String::new()];
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        let word = words.last_mut().ok_or("no word")?;
        match character {
            ' ' => words.push(String::new()),
            '\\' => word.push(characters.next().ok_or("nothing is escaped")?),
            '\'' => loop {
                match characters.next().ok_or("a quote does not end")? {
                    '\'' => break,
                    quoted => word.push(quoted),
                }
            },
            plain if plain.is_ascii_alphanumeric() || "-_./:=,+@".contains(plain) => {
                word.push(plain);
            }
            other => return Err(format!("`{other}` is not quoted")),
        }
    }
    Ok(words)
}
