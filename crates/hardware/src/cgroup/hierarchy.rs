//! Mount points and membership of this process's control groups.

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

/// Version of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// One hierarchy per controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// A mounted hierarchy and the process's group in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Version of the hierarchy.
    pub(crate) version: Version,
    /// Controllers (version 1 only).
    controllers: Vec<String>,
    /// Mount point.
    mount: String,
    /// The process's group below the mount point: empty, or `/a/b`.
    group: String,
}

/// Mounts to assume if `/proc/self/mountinfo` is absent, as in all distributions.
const DEFAULT_MOUNTS: &str = "\
1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
2 0 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
3 0 0:3 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
";

impl Hierarchy {
    /// All mounted hierarchies of this process.
    pub(crate) fn of_this_process(root: &Sysroot) -> Result<Vec<Self>, HardwareError> {
        let Some(membership) = root.read("/proc/self/cgroup")? else { return Ok(Vec::new()) };
        let mounts = root.read("/proc/self/mountinfo")?;
        let mounts = mounts.as_deref().unwrap_or(DEFAULT_MOUNTS);
        Ok(membership
            .lines()
            .filter_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                mounts.lines().find_map(|mount| Self::join(controllers, path, mount))
            })
            .collect())
    }

    /// The hierarchy of a line of `/proc/self/cgroup`, if `mount`, a line of mountinfo, mounts it.
    /// Of the fields of mountinfo (proc(5)): 4th the root of the mount within the hierarchy, 5th
    /// the mount point; after the separator ` - `: type, source, options of the superblock.
    fn join(controllers: &str, path: &str, mount: &str) -> Option<Self> {
        let (fields, filesystem) = mount.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (mounted_root, mount) = (fields.next()?, fields.next()?);
        let mut filesystem = filesystem.split(' ');
        let version = match filesystem.next()? {
            "cgroup2" => Version::V2,
            "cgroup" => Version::V1,
            _ => return None,
        };
        let options = filesystem.nth(1)?;
        let matches = match version {
            Version::V2 => controllers.is_empty(),
            Version::V1 => controllers
                .split(',')
                .any(|controller| options.split(',').any(|option| option == controller)),
        };
        matches.then(|| Self {
            version,
            controllers: controllers.split(',').map(str::to_owned).collect(),
            mount: mount.to_owned(),
            group: relative_to(mounted_root, path).to_owned(),
        })
    }

    /// Whether the hierarchy controls memory.
    pub(crate) fn controls_memory(&self) -> bool {
        self.version == Version::V2 || self.controllers.iter().any(|name| name == "memory")
    }

    /// Whether the hierarchy controls CPU time.
    pub(crate) fn controls_cpu(&self) -> bool {
        self.version == Version::V2 || self.controllers.iter().any(|name| name == "cpu")
    }

    /// Directories from the process's group up to the mount point.
    pub(crate) fn groups(&self) -> Vec<String> {
        let mut groups = Vec::new();
        let mut group = self.group.as_str();
        loop {
            groups.push(format!("{}{group}", self.mount));
            match group.rfind('/') {
                Some(end) => group = &group[..end],
                None => return groups,
            }
        }
    }
}

/// `path` relative to `mounted_root`, without a trailing slash. A path outside of it (the host's
/// path seen in a container) maps to the mounted root.
fn relative_to<'a>(mounted_root: &str, path: &'a str) -> &'a str {
    let mounted_root = mounted_root.trim_end_matches('/');
    match path.strip_prefix(mounted_root) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            if rest.contains("/..") {
                ""
            } else {
                rest.trim_end_matches('/')
            }
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_relative_to_the_mounted_root() {
        for (mounted_root, path, expected) in [
            ("/", "/", ""),
            ("/", "/a/b", "/a/b"),
            ("/docker/abc", "/docker/abc", ""),
            ("/docker/abc", "/docker/abc/in", "/in"),
            ("/docker/abc", "/docker/abcd", ""),
            ("/docker/abc", "/elsewhere", ""),
            ("/", "/../sibling", ""),
        ] {
            assert_eq!(relative_to(mounted_root, path), expected, "{path} below {mounted_root}");
        }
    }

    proptest! {
        /// For any content of the kernel's files, all groups are at or below the mount point, and
        /// the mount point itself is one of them.
        #[test]
        fn groups_stay_below_the_mount_point(path in "[/.a-zé]{0,12}", line in ".{0,40}") {
            let mount = "1 0 0:1 / /cg rw - cgroup2 cgroup2 rw";
            let groups = Hierarchy::join("", &path, mount).unwrap().groups();
            prop_assert_eq!(groups.last().map(String::as_str), Some("/cg"));
            prop_assert!(groups.iter().all(|group| group.starts_with("/cg")));
            prop_assert!(groups.iter().all(|group| !group.contains("/..")));
            Hierarchy::join(&line, &line, &line);
        }
    }
}
