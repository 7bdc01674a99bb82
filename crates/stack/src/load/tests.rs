use std::fs;

use super::*;

const STACK: &str = r#"
name = "poets"

[[agents]]
like = "creative_director"
name = "poet"
system_file = "prompts/poet.md"
"#;

#[test]
fn a_prompt_is_found_beside_the_stack_file() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("prompts")).unwrap();
    fs::write(directory.path().join("prompts/poet.md"), "You write verse.\n").unwrap();
    let path = directory.path().join("poets.toml");
    fs::write(&path, STACK).unwrap();

    let stack = load(&path).unwrap();
    assert_eq!(stack.agents[0].system, "You write verse.");
    assert_eq!(resolve(&path.display().to_string()).unwrap(), stack);
}

#[test]
fn a_file_or_a_prompt_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("poets.toml");
    let shown = |error: StackError| {
        error.to_string().replace(&directory.path().display().to_string(), "[dir]")
    };
    insta::assert_snapshot!(shown(load(&path).unwrap_err()), @"cannot read the stack file [dir]/poets.toml: No such file or directory (os error 2)");
    fs::write(&path, STACK).unwrap();
    insta::assert_snapshot!(shown(load(&path).unwrap_err()), @r#"[dir]/poets.toml:7: cannot read `system_file = "prompts/poet.md"` (relative to the stack file): No such file or directory (os error 2)"#);
    fs::write(&path, [0xff, 0xfe]).unwrap();
    insta::assert_snapshot!(shown(load(&path).unwrap_err()), @"cannot read the stack file [dir]/poets.toml: stream did not contain valid UTF-8");
}

#[test]
fn a_name_is_a_built_in_stack_first() {
    assert_eq!(resolve("dev").unwrap(), builtin("dev").unwrap());
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_built_in_ones() {
    insta::assert_snapshot!(resolve("standart").unwrap_err(), @"unknown stack `standart` (did you mean `standard`?): expected a built-in stack (standard, full, minimal, dev, starter) or the path of a stack file, for instance ./team.toml");
    assert!(matches!(resolve("./standart"), Err(StackError::Read { .. })), "a path is a file");
    assert!(matches!(resolve("team.toml"), Err(StackError::Read { .. })), "so is a file name");
}

#[test]
fn the_example_in_the_readme_is_a_stack() {
    let readme = include_str!("../../../../README.md");
    let (_, rest) = readme.split_once("```toml\n").expect("the README shows a stack file");
    let (example, _) = rest.split_once("```").expect("the example ends");
    let stack = parse(example, "README.md").unwrap();
    let names: Vec<&str> = stack.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    assert_eq!(names, ["research_director", "novelist", "editor"]);
}
