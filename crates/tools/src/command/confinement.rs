//! The process of a command: it gives up all that the command must not have, then becomes it.
//!
//! In this order: life tied to the supervisor's, limits of resources, folder, files (Landlock),
//! system calls (seccomp). Neither Landlock nor seccomp can be undone, and all processes that the
//! command starts inherit both.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, nice, setrlimit};

use super::spec::Spec;
use super::system_calls::Filters;
use crate::helper::{Program, end_with};

/// Least version of Landlock: with it, files outside cannot be truncated either.
const LEAST: ABI = ABI::V3;

/// Version of Landlock up to which all that the kernel has is used.
const MOST: ABI = ABI::V6;

/// What every command may read and execute: programs and libraries.
const SYSTEM: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What every command may read of the system's settings and state: no accounts' secrets, no keys,
/// no other process.
const SETTINGS: [&str; 23] = [
    "/etc/alternatives",
    "/etc/debian_version",
    "/etc/group",
    "/etc/hostname",
    "/etc/inputrc",
    "/etc/java",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/perl",
    "/etc/timezone",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/sys/devices/system/cpu",
];

/// Devices that every command may read, and those that it may write, too.
const READ_DEVICES: [&str; 4] = ["/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const WRITTEN_DEVICE: &str = "/dev/null";

/// Maximum number of open files of each process.
const OPEN_FILES: u64 = 256;

/// Priority below that of the engine, which shares the machine.
const NICENESS: i32 = 5;

/// Checks that the kernel has the least version of Landlock.
///
/// # Errors
/// What is lacking, and the remedy.
pub(super) fn require_landlock() -> Result<(), String> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let created = ruleset.handle_access(AccessFs::from_all(LEAST)).and_then(Ruleset::create);
    created.map(|_| ()).map_err(|_| {
        "the kernel lacks Landlock, or has one before its version 3: use Linux 6.2 or later, with \
         `landlock` among its security modules (lsm=)"
            .to_owned()
    })
}

/// Whether the kernel's Landlock keeps signals within a command.
fn keeps_signals() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.scope(Scope::Signal).and_then(Ruleset::create).is_ok()
}

/// Confines this process and becomes the command of `spec`. Standard input is a channel to the
/// supervisor: it is closed by success, and gets the error otherwise.
pub(crate) fn become_confined(spec: &Spec) -> io::Error {
    let mut channel = match take_channel() {
        Ok(channel) => channel,
        Err(error) => return error,
    };
    let error = match confine(spec) {
        Ok(()) => shell(spec).execute(),
        Err(error) => error,
    };
    let _unread = write!(channel, "{error}");
    error
}

/// The channel, closed by `exec`; standard input becomes empty.
fn take_channel() -> io::Result<UnixStream> {
    let channel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open(WRITTEN_DEVICE)?)?;
    Ok(channel)
}

fn shell(spec: &Spec) -> Program {
    Program {
        command: "/bin/sh".to_owned(),
        args: vec!["-c".to_owned(), spec.command.clone()],
        env: spec.environment.clone(),
        cwd: None,
    }
}

fn confine(spec: &Spec) -> io::Result<()> {
    end_with(spec.parent)?;
    let limit =
        |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    // Of memory that is written, not of addresses: programs reserve far more of those than they use.
    limit(Resource::Data, spec.limits.memory_bytes)?;
    limit(Resource::Fsize, spec.limits.file_bytes)?;
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Core, 0)?;
    // If refused, it stays normal.
    let _refused = nice(NICENESS);
    std::env::set_current_dir(&spec.workspace)?;
    require_landlock().map_err(io::Error::other)?;
    let filters = Filters::new(!keeps_signals())?;
    restrict_files(spec)?;
    filters.apply()
}

fn restrict_files(spec: &Spec) -> io::Result<()> {
    let other = |error: landlock::RulesetError| io::Error::other(format!("Landlock: {error}"));
    let created = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))
        .map_err(other)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(MOST))
        .map_err(other)?
        .handle_access(AccessNet::from_all(MOST))
        .map_err(other)?
        .scope(Scope::from_all(MOST))
        .map_err(other)?
        .create()
        .map_err(other)?;
    let read = AccessFs::from_read(MOST);
    let devices = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
    let change = AccessFs::from_all(MOST) & !devices;
    let mut rules = created;
    for path in SYSTEM.into_iter().chain(SETTINGS) {
        rules = allow_if_there(rules, Path::new(path), read)?;
    }
    for device in READ_DEVICES {
        rules = allow_if_there(rules, Path::new(device), AccessFs::ReadFile.into())?;
    }
    let written = AccessFs::ReadFile | AccessFs::WriteFile;
    rules = allow_if_there(rules, Path::new(WRITTEN_DEVICE), written)?;
    for path in &spec.read_only {
        rules = allow(rules, path, read)?;
    }
    for path in [&spec.workspace, &spec.scratch] {
        rules = allow(rules, path, change)?;
    }
    let status = rules.restrict_self().map_err(other)?;
    if status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
        return Err(io::Error::other("Landlock was not enforced"));
    }
    Ok(())
}

/// Allows `access` to what lies at `path`; nothing if nothing does.
fn allow_if_there(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    if path.exists() { allow(rules, path, access) } else { Ok(rules) }
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    let fault =
        |error: String| io::Error::other(format!("cannot allow {}: {error}", path.display()));
    let opened = PathFd::new(path).map_err(|error| fault(error.to_string()))?;
    // A file has no use for the rights of folders.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(MOST) };
    rules.add_rule(PathBeneath::new(opened, access)).map_err(|error| fault(error.to_string()))
}
