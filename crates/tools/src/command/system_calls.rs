//! System calls that a command may not make (seccomp).
//!
//! Landlock keeps files; this keeps what files are not: sockets of every family, signals to others
//! where Landlock does not, changes of modes, owners and times by path (which Landlock lets through),
//! leaving the process group, and the machine's own settings. Not sorted by family: a local socket
//! leads to the user's other programs, and a command that needs a pair of its own has `socketpair`.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refused, whatever the arguments.
const REFUSED: &[i64] = &[
    // No network, and no other program's socket.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Would do any of this unseen.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // The group is how all processes of a command are ended.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    // Modes, owners, times and attributes of files that it may not open.
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    // Memory that belongs to no process.
    libc::SYS_memfd_create,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // Other name spaces, and the file tree.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_mount_setattr,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // The kernel and the machine.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
];

/// Of the same kind, and only on this processor.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_kexec_file_load,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

/// Refused where Landlock does not keep signals within the command: to whom they go is not seen.
const SIGNALS: &[i64] = &[
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
];

/// The same number on all processors; the library does not name it on each.
const SYS_FCHMODAT2: i64 = 452;

/// Flags of `clone` that make a new name space.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWCGROUP,
];

/// Bits of a socket's type that are no flags.
const SOCKET_TYPE: u64 = 0xF;

/// Marks calls of the x32 interface, which share the numbers.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// Filters, compiled for this processor.
pub(super) struct Filters {
    programs: [BpfProgram; 2],
}

impl Filters {
    /// # Errors
    /// If filters cannot be compiled for this processor.
    pub(super) fn new(keep_signals: bool) -> io::Result<Self> {
        let mut refused = Rules::new();
        for call in REFUSED.iter().chain(REFUSED_HERE) {
            refused.insert(*call, Vec::new());
        }
        if keep_signals {
            refused.extend(SIGNALS.iter().map(|call| (*call, Vec::new())));
            // A thread's own runtime sends itself this one, which does nothing to others.
            let other = when(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, bits(libc::SIGURG))?;
            refused.insert(libc::SYS_tgkill, vec![other]);
        }
        // A datagram socket of a pair could send to any address.
        let stream = bits(libc::SOCK_STREAM);
        let datagrams = [0, libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET];
        let pairs = datagrams.into_iter().map(bits).filter(|kind| *kind != stream);
        let pairs = pairs.map(|kind| {
            when(1, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(SOCKET_TYPE), kind)
        });
        refused.insert(libc::SYS_socketpair, pairs.collect::<io::Result<_>>()?);
        let made = NAMESPACES.iter().map(|flag| {
            let flag = u64::from(flag.unsigned_abs());
            when(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)
        });
        refused.insert(libc::SYS_clone, made.collect::<io::Result<_>>()?);
        // By descriptor it changes only what the command has opened.
        let by_path = when(1, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
        refused.insert(libc::SYS_utimensat, vec![by_path]);
        let of_others = when(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?;
        refused.insert(libc::SYS_prlimit64, vec![of_others]);

        // Its flags are not seen; told that it does not exist, the C library uses `clone`.
        let absent = Rules::from([(libc::SYS_clone3, Vec::new())]);
        let programs = [compile(absent, libc::ENOSYS)?, compile(refused, libc::EPERM)?];
        Ok(Self { programs })
    }

    /// Puts the filters into force for this thread and what it starts.
    pub(super) fn apply(&self) -> io::Result<()> {
        for program in &self.programs {
            apply_filter(program).map_err(|error| io::Error::other(format!("seccomp: {error}")))?;
        }
        Ok(())
    }
}

fn bits(number: i32) -> u64 {
    u64::from(number.unsigned_abs())
}

fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    compare: SeccompCmpOp,
    value: u64,
) -> io::Result<SeccompRule> {
    SeccompCondition::new(argument, length, compare, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(io::Error::other)
}

fn compile(rules: Rules, errno: i32) -> io::Result<BpfProgram> {
    #[cfg(target_arch = "x86_64")]
    let rules = {
        let x32: Vec<_> = rules.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
        rules.into_iter().chain(x32).collect()
    };
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let errno = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, errno, arch)
        .and_then(BpfProgram::try_from)
        .map_err(io::Error::other)
}
