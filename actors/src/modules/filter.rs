//! The system calls that a module may not make: what neither Landlock nor a namespace closes.
//!
//! Sockets that are files: what listens behind them (a container's engine, a session's manager) does what this user may do.
//! Permissions, owners, times and attributes of files: Landlock does not ask whose they are, and a descriptor that only reads is
//! enough. Keys of this user. Leases and notices, by which a file of others is watched or held up. Pairs of connected streams
//! remain, which many languages wait with.

/// What a module could do without the filter, in words.
pub(super) const KEPT_FROM: &str = "sockets that are files, of other programs on this machine, changing permissions, owners and \
     times of this user's files, watching them, and using this user's keys";

/// Sets the filter for this thread and whatever it starts.
#[cfg(target_os = "linux")]
pub(super) fn apply(network: bool) -> Result<(), String> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let filtered = |rules: Result<Rules, seccompiler::BackendError>, code: i32| {
        let refused = SeccompAction::Errno(code.cast_unsigned());
        let filter = SeccompFilter::new(rules?, SeccompAction::Allow, refused, std::env::consts::ARCH.try_into()?)?;
        BpfProgram::try_from(filter)
    };
    for (rules, code) in [
        (closed(network), libc::EACCES),
        // Answered as done, with nothing changed: programs that unpack, copy and configure give up otherwise.
        (Ok(every(&settings())), 0),
        // What many file systems answer; programs know it.
        (Ok(every(&ATTRIBUTES)), libc::ENOTSUP),
    ] {
        let program = filtered(rules, code).map_err(|error| error.to_string())?;
        seccompiler::apply_filter(&program).map_err(|error| error.to_string())?;
    }
    #[cfg(target_arch = "x86_64")]
    seccompiler::apply_filter(&x32()).map_err(|error| error.to_string())?;
    Ok(())
}

#[cfg(target_os = "linux")]
type Rules = std::collections::BTreeMap<i64, Vec<seccompiler::SeccompRule>>;

/// Sockets, keys, and what watches or holds up files of others.
#[cfg(target_os = "linux")]
fn closed(network: bool) -> Result<Rules, seccompiler::BackendError> {
    use seccompiler::SeccompCmpArgLen::Dword;
    use seccompiler::{SeccompCmpOp, SeccompCondition, SeccompRule};
    /// The kind of a socket among its flags.
    const KIND: u64 = 0xf;
    let argument =
        |at: u8, is: SeccompCmpOp, value: i32| SeccompCondition::new(at, Dword, is, value.cast_unsigned().into());
    let rule = |conditions: Vec<Result<SeccompCondition, _>>| {
        conditions.into_iter().collect::<Result<Vec<_>, _>>().and_then(SeccompRule::new)
    };
    let of_files = rule(vec![argument(0, SeccompCmpOp::Eq, libc::AF_UNIX)])?;
    // Of the host of a virtual machine: no namespace of networks has them.
    let of_host = rule(vec![argument(0, SeccompCmpOp::Eq, libc::AF_VSOCK)])?;
    // Such a pair can be turned to any other socket; a pair of streams cannot. Raw ones are made of datagrams too.
    let turned = |kind: i32| {
        rule(vec![argument(0, SeccompCmpOp::Eq, libc::AF_UNIX), argument(1, SeccompCmpOp::MaskedEq(KIND), kind)])
    };
    let turned = vec![turned(libc::SOCK_DGRAM)?, turned(libc::SOCK_RAW)?];
    let second = |values: &[u32]| {
        let one = |value: &u32| rule(vec![argument(1, SeccompCmpOp::Eq, value.cast_signed())]);
        values.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    Ok(Rules::from([
        (libc::SYS_socket, if network { vec![of_files] } else { vec![of_files, of_host] }),
        (libc::SYS_socketpair, turned),
        // Its requests are seen by no filter, and open sockets as well.
        (libc::SYS_io_uring_setup, Vec::new()),
        (libc::SYS_keyctl, Vec::new()),
        (libc::SYS_add_key, Vec::new()),
        (libc::SYS_request_key, Vec::new()),
        (libc::SYS_inotify_add_watch, Vec::new()),
        (libc::SYS_fanotify_init, Vec::new()),
        (libc::SYS_fanotify_mark, Vec::new()),
        // Memory that no limit of a process counts.
        (libc::SYS_memfd_create, Vec::new()),
        (libc::SYS_memfd_secret, Vec::new()),
        (libc::SYS_fcntl, second(&OF_FILES_BY_FCNTL)?),
        (libc::SYS_ioctl, second(&OF_FILES_BY_IOCTL)?),
    ]))
}

/// Leases, notices, and hints of how long what is written lives (`F_SET_RW_HINT`, `F_SET_FILE_RW_HINT`).
#[cfg(target_os = "linux")]
const OF_FILES_BY_FCNTL: [u32; 4] = [libc::F_SETLEASE.cast_unsigned(), libc::F_NOTIFY.cast_unsigned(), 1036, 1038];

/// The requests that change attributes of a file by a descriptor that only reads: `FS_IOC_SETFLAGS`, `FS_IOC_SETVERSION`,
/// `FS_IOC32_SETFLAGS`, `FS_IOC32_SETVERSION`, `FS_IOC_FSSETXATTR`, `FS_IOC_ENABLE_VERITY`, `FS_IOC_SET_ENCRYPTION_POLICY`,
/// `FS_IOC_ADD_ENCRYPTION_KEY`, `FS_IOC_REMOVE_ENCRYPTION_KEY` and the same for all users; as most processors number them.
#[cfg(target_os = "linux")]
const OF_FILES_BY_IOCTL: [u32; 10] = [
    0x4008_6602,
    0x4008_7602,
    0x4004_6602,
    0x4004_7602,
    0x401c_5820,
    0x4080_6685,
    0x800c_6613,
    0xc050_6617,
    0xc040_6618,
    0xc040_6619,
];

/// What changes permissions, owners and times.
#[cfg(target_os = "linux")]
fn settings() -> Vec<i64> {
    let everywhere = [
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_fchmodat2,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_utimensat,
    ];
    #[cfg(target_arch = "x86_64")]
    let others =
        [libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat];
    #[cfg(not(target_arch = "x86_64"))]
    let others = [];
    everywhere.into_iter().chain(others).collect()
}

/// The last three are `setxattrat`, `removexattrat` and `file_setattr`, newer than their names; their numbers are the same on all
/// processors.
#[cfg(target_os = "linux")]
const ATTRIBUTES: [i64; 9] = [
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    463,
    466,
    469,
];

#[cfg(target_os = "linux")]
fn every(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// Refuses the second numbers that this processor's system calls have (x32): the other filters know them by their first.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn x32() -> Vec<seccompiler::sock_filter> {
    /// Where the number stands in what a filter reads.
    const NUMBER: u32 = 0;
    const X32: u32 = 0x4000_0000;
    let statement = |code: u32, value: u32| seccompiler::sock_filter { code: code as u16, jt: 0, jf: 0, k: value };
    vec![
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, NUMBER),
        seccompiler::sock_filter { jf: 1, ..statement(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, X32) },
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ]
}
