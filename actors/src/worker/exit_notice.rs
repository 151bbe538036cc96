//! How a slot hears that its process has ended, where the system can say so beside the pipes.
//!
//! Linux has a descriptor for each process that can be polled. Elsewhere there is none, and the slot looks again and
//! again ([`super::command`]).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::Pid;

/// A descriptor that can be polled for the end of a process, where there is one.
pub(super) struct ExitNotice(Option<OwnedFd>);

impl ExitNotice {
    /// Of a process that has not been waited for.
    #[cfg(target_os = "linux")]
    pub(super) fn of(process: Pid) -> Self {
        // Without one (a kernel before 5.3) looking again and again does as well.
        ExitNotice(rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()).ok())
    }

    /// Of a process that has not been waited for.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_: Pid) -> Self {
        ExitNotice(None)
    }

    /// What to poll.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }
}
