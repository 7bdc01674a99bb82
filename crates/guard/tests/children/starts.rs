//! Starts: what the program is given, and starts that fail.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use harmonic_guard::{ChildSpec, GuardCommand, GuardError, GuardedChild, HowEnded};

use crate::own_process::{end_of, guard, script, tag, wait_for_nothing};

crate::tests![
    a_program_gets_its_arguments_variables_and_folder,
    its_standard_input_is_empty_and_no_descriptor_of_ours_is_passed_on,
    a_start_that_fails_names_what_it_could_not_execute,
    a_folder_that_is_none_is_named,
    a_guard_that_is_none_is_named,
    a_task_that_no_system_takes_is_refused,
];

fn a_program_gets_its_arguments_variables_and_folder() {
    let (folder, tag) = (tempfile::tempdir().unwrap(), tag());
    let mut spec = script("echo \"$0 $1|$ADDED|${HOME-none}|$PATH\"; pwd -P", &tag);
    spec.arguments.extend(["a".into(), "b c".into()]);
    spec.environment.push(("ADDED".into(), "x=y".into()));
    spec.remove.push("HOME".into());
    folder.path().clone_into(&mut spec.folder);
    let end = end_of(&GuardedChild::start(&guard(), spec).unwrap());
    let path = std::env::var_os("PATH").unwrap_or_default().into_string().unwrap();
    let place = folder.path().canonicalize().unwrap().display().to_string();
    assert_eq!(end.last_lines, [format!("a b c|x=y|none|{path}"), place]);
    assert_eq!((end.name.as_str(), end.how, end.left), ("test", HowEnded::Exited(0), Vec::new()));
    wait_for_nothing(&tag);
}

fn its_standard_input_is_empty_and_no_descriptor_of_ours_is_passed_on() {
    let tag = tag();
    let text = "cat; for fd in /proc/$$/fd/*; do [ -e $fd ] && echo ${fd##*/}; done";
    let end = end_of(&GuardedChild::start(&guard(), script(text, &tag)).unwrap());
    // Whoever started this test may have passed on some that any child gets.
    let any = Command::new("/bin/sh").args(["-c", text]).stdin(Stdio::null()).output().unwrap();
    let expected: Vec<String> =
        String::from_utf8(any.stdout).unwrap().lines().map(Into::into).collect();
    assert_eq!(end.last_lines, expected);
    wait_for_nothing(&tag);
}

fn a_start_that_fails_names_what_it_could_not_execute() {
    let (folder, tag) = (tempfile::tempdir().unwrap(), tag());
    let (plain, orphaned) = (folder.path().join("plain"), folder.path().join("orphaned"));
    File::create(&plain).unwrap();
    fs::write(&orphaned, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&orphaned, fs::Permissions::from_mode(0o755)).unwrap();
    let absent = folder.path().join("absent");
    let bare = "no-such-program-anywhere".into();
    for executable in [absent, plain, orphaned, folder.path().to_owned(), bare] {
        let named = executable.display().to_string();
        let error = GuardedChild::start(&guard(), ChildSpec { executable, ..script("", &tag) });
        let error = error.expect_err("it cannot be executed");
        assert!(matches!(error, GuardError::NotStarted { .. }), "{error:?}");
        let expected = format!("cannot start `test`: cannot execute `{named}`: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    wait_for_nothing(&tag);
}

fn a_folder_that_is_none_is_named() {
    let tag = tag();
    let spec = ChildSpec { folder: "/no/such/folder".into(), ..script("", &tag) };
    let error = GuardedChild::start(&guard(), spec).expect_err("no folder").to_string();
    assert!(error.contains("cannot enter the folder `/no/such/folder`: No such file"), "{error}");
    wait_for_nothing(&tag);
}

fn a_guard_that_is_none_is_named() {
    let tag = tag();
    let other =
        |executable: &str| GuardCommand { executable: executable.into(), arguments: Vec::new() };
    let error = GuardedChild::start(&other("/no/guard"), script("", &tag)).expect_err("no guard");
    assert!(matches!(error, GuardError::NoGuard { .. }), "{error:?}");
    assert!(error.to_string().contains("`/no/guard` of `test`"), "{error}");
    let error = GuardedChild::start(&other("/bin/true"), script("", &tag)).expect_err("no guard");
    assert!(error.to_string().contains("`/bin/true` ended first"), "{error}");
    wait_for_nothing(&tag);
}

fn a_task_that_no_system_takes_is_refused() {
    let tag = tag();
    let mut spec = script("", &tag);
    spec.arguments.push("x".repeat(3 << 20).into());
    let error = GuardedChild::start(&guard(), spec.clone()).expect_err("too long").to_string();
    assert!(error.contains("cannot execute `/bin/sh`"), "{error}");
    spec.arguments.push("x".repeat(10 << 20).into());
    let error = GuardedChild::start(&guard(), spec).expect_err("too long");
    assert!(matches!(error, GuardError::TooLarge { .. }), "{error:?}");
    wait_for_nothing(&tag);
}
