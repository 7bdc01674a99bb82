use std::fs;

use super::*;

/// Machine below a temporary directory.
struct Machine(tempfile::TempDir);

impl Machine {
    /// Three CPUs, of which this process may use the first two.
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.file("proc/self/status", "Name:\tharmonic\nCpus_allowed_list:\t0-1\n");
        machine.cpus(["100 5 50 800 20 3 4 10 0 0", "200 0 20 700 0 0 0 0 0 0"]);
        machine
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn cpus(&self, [first, second]: [&str; 2]) -> &Self {
        let third = "9999 0 0 0 0 0 0 0 0 0";
        let sum = "cpu  10299 5 70 1500 20 3 4 10 0 0";
        let text =
            format!("{sum}\ncpu0 {first}\ncpu1 {second}\ncpu2 {third}\nintr 1 2 3\nctxt 77\n");
        self.file("proc/stat", &text)
    }

    /// Process with these ticks of its own and of its children that ended.
    fn process(&self, pid: u32, parent: u32, own: u64, of_children: u64) -> &Self {
        let text = format!(
            "{pid} (a (strange) name) S {parent} 1 1 0 -1 4194560 1 2 3 4 {own} 1 {of_children} 2 20 0"
        );
        self.file(&format!("proc/{pid}/stat"), &text)
    }

    fn wait(&self, pid: u32, thread: u32, nanoseconds: u64) -> &Self {
        let path = format!("proc/{pid}/task/{thread}/schedstat");
        self.file(&path, &format!("123456 {nanoseconds} 17\n"))
    }

    fn meter(&self, servers: &[u32]) -> Box<dyn LoadMeter> {
        let own = OwnProcesses { benchmark: 7, servers: servers.to_vec(), has_server: true };
        load_meter(&Sysroot::new(self.0.path()), own).unwrap()
    }
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 10)
}

#[test]
fn only_the_cpus_that_this_process_may_use_count() {
    let machine = Machine::new();
    let counters = machine.meter(&[]).read();
    assert_eq!(counters.cpus, 2);
    // Without interrupts, which belong to no program.
    assert_eq!(counters.busy, Some(ticks(155 + 220)));
    assert_eq!(counters.idle, Some(ticks(820 + 700)));
    assert_eq!(counters.stolen, Some(ticks(10)));
    machine.file("proc/self/status", "Name:\tharmonic\n");
    assert_eq!(machine.meter(&[]).read().cpus, 3, "without affinity all do");
    machine.file("proc/self/status", "Cpus_allowed_list:\t2,0\n");
    assert_eq!(machine.meter(&[]).read().busy, Some(ticks(155 + 9999)));
}

#[test]
fn an_old_kernel_without_steal_has_no_figure_of_it() {
    let machine = Machine::new();
    machine.cpus(["100 5 50 800", "200 0 20 700"]);
    let counters = machine.meter(&[]).read();
    assert_eq!((counters.busy, counters.stolen), (Some(ticks(375)), None));
}

#[test]
fn a_servers_children_are_its_own_load() {
    let machine = Machine::new();
    machine.process(7, 1, 100, 0).process(20, 1, 1000, 50).process(21, 20, 300, 0);
    machine.process(22, 21, 5, 0).process(30, 1, 9999, 0);
    // Each process has a tick of system time, and two of its children's.
    assert_eq!(machine.meter(&[]).read().own, Some(ticks(103)));
    assert_eq!(machine.meter(&[20]).read().own, Some(ticks(103 + 1053 + 303 + 8)));
    // The benchmark is the server.
    assert_eq!(machine.meter(&[7]).read().own, Some(ticks(103)));
}

#[test]
fn processes_that_are_each_others_parents_end_the_search() {
    let machine = Machine::new();
    machine.process(7, 8, 1, 0).process(8, 7, 1, 0);
    assert_eq!(machine.meter(&[7]).read().own, Some(ticks(8)));
}

#[test]
fn the_wait_of_a_thread_that_ended_is_kept() {
    let machine = Machine::new();
    machine.process(7, 1, 1, 0).wait(7, 7, 1_000).wait(7, 8, 5_000);
    let meter = machine.meter(&[]);
    assert_eq!(meter.read().waited, Some(Duration::from_micros(6)));
    fs::remove_dir_all(machine.0.path().join("proc/7/task/8")).unwrap();
    machine.wait(7, 7, 4_000).wait(7, 9, 100);
    assert_eq!(meter.read().waited, Some(Duration::from_nanos(9_100)));
    assert_eq!(Machine::new().meter(&[]).read().waited, None, "a kernel without schedstat");
}

#[test]
fn pressure_and_throttling_are_read_where_there_are_any() {
    let machine = Machine::new();
    let none = machine.meter(&[]).read();
    assert_eq!((none.stalled, none.throttled), (None, None));
    machine
        .file(
            "proc/pressure/cpu",
            "some avg10=21.39 avg60=37.58 avg300=26.88 total=157369041\n\
             full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        )
        .file("proc/self/cgroup", "0::/app\n")
        .file(
            "sys/fs/cgroup/app/cpu.stat",
            "usage_usec 9\nnr_throttled 2\nthrottled_usec 250000\n",
        );
    let read = machine.meter(&[]).read();
    assert_eq!(read.stalled, Some(Duration::from_micros(157_369_041)));
    assert_eq!(read.throttled, Some(Duration::from_millis(250)));

    let old = Machine::new();
    old.file("proc/self/cgroup", "3:cpu,cpuacct:/app\n")
        .file(
            "proc/self/mountinfo",
            "41 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
        )
        .file("sys/fs/cgroup/cpu/app/cpu.stat", "nr_throttled 2\nthrottled_time 1500000000\n");
    assert_eq!(old.meter(&[]).read().throttled, Some(Duration::from_millis(1500)));
}

#[test]
fn malformed_files_are_absent_figures() {
    let machine = Machine::new();
    machine.cpus(["x 5 50 800", "200 0 20 700"]).file("proc/7/stat", "7 (x S 1");
    machine.file("proc/pressure/cpu", "some avg10=0.00 total=much\n");
    let read = machine.meter(&[]).read();
    assert_eq!((read.busy, read.own, read.stalled), (None, None, None));
    assert_eq!(read.idle, Some(ticks(1500)));
    assert!(load_meter(&Sysroot::new("/nonexistent"), OwnProcesses::default()).is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn this_machine_counts_this_process() {
    let own = OwnProcesses { benchmark: std::process::id(), ..OwnProcesses::default() };
    let meter = load_meter(&Sysroot::default(), own).unwrap();
    let before = meter.read();
    // Until the coarse clock of processes has advanced.
    while meter.read().own == before.own {}
    let after = meter.read();
    assert!(after.own > before.own && after.busy >= before.busy && after.cpus > 0, "{after:?}");
}
