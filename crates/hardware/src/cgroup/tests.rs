use std::fs;
use std::path::Path;

use super::*;

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn limits(files: &[(&str, &str)]) -> Limits {
    let root = tree(files);
    Limits::read(&Sysroot::new(root.path())).unwrap()
}

const GB: u64 = 1_000_000_000;

#[test]
fn the_smallest_limit_up_to_the_root_applies() {
    let found = limits(&[
        ("proc/self/cgroup", "0::/user.slice/app.service\n"),
        ("sys/fs/cgroup/user.slice/memory.max", "4000000000\n"),
        ("sys/fs/cgroup/user.slice/memory.current", "3000000000\n"),
        ("sys/fs/cgroup/user.slice/memory.stat", "anon 1\ninactive_file 1000000000\n"),
        ("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/user.slice/app.service/memory.max", "8000000000\n"),
        ("sys/fs/cgroup/user.slice/app.service/memory.current", "500000000\n"),
        ("sys/fs/cgroup/user.slice/app.service/cpu.max", "250000 100000\n"),
    ]);
    let expected =
        Limits { memory: Some(Bytes(4 * GB)), memory_left: Some(Bytes(2 * GB)), cpus: Some(2) };
    assert_eq!(found, expected);
}

/// Docker with version 1: the process's path is the host's, of which only its own part is mounted.
#[test]
fn a_version_1_container_sees_its_own_part() {
    let found = limits(&[
        ("proc/self/cgroup", "9:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n"),
        (
            "proc/self/mountinfo",
            "40 31 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
             41 31 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n",
        ),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000000000\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000000000\n"),
        ("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 600000000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
    ]);
    let expected = Limits {
        memory: Some(Bytes(4 * GB)),
        memory_left: Some(Bytes(3_600_000_000)),
        cpus: Some(1),
    };
    assert_eq!(found, expected);
}

#[test]
fn no_limit_is_none() {
    assert_eq!(limits(&[]), Limits::default());
    let v1 = limits(&[
        ("proc/self/cgroup", "3:cpu:/\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
    ]);
    assert_eq!(v1, Limits::default());
    let v2 = limits(&[
        ("proc/self/cgroup", "0::/\n"),
        ("sys/fs/cgroup/memory.max", "max\n"),
        ("sys/fs/cgroup/cpu.max", "max 100000\n"),
    ]);
    assert_eq!(v2, Limits::default());
}

#[test]
fn usage_above_the_limit_leaves_no_memory() {
    let found = limits(&[
        ("proc/self/cgroup", "0::/a\n"),
        ("sys/fs/cgroup/a/memory.max", "1000\n"),
        ("sys/fs/cgroup/a/memory.current", "5000\n"),
    ]);
    assert_eq!(found.memory_left, Some(Bytes(0)));
}

#[test]
fn a_malformed_file_is_an_error_that_names_it() {
    for (file, text) in [("memory.max", "plenty"), ("cpu.max", "3"), ("cpu.max", "a b")] {
        let path = format!("sys/fs/cgroup/{file}");
        let root = tree(&[("proc/self/cgroup", "0::/\n"), (&path, text)]);
        let error = Limits::read(&Sysroot::new(root.path())).unwrap_err().to_string();
        assert!(error.contains(&path) && error.contains(text), "{error}");
    }
}
