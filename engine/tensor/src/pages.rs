//! Asking the system for large pages.
//!
//! The first touch of fresh memory costs a fault for each page: with pages of 4 KiB that is twenty times what writing
//! costs, with pages of 2 MiB next to nothing. It is a wish; where the system does not know it or refuses, nothing else
//! changes. Only [`crate::buffer`] asks.

/// Smaller allocations would not fill a large page.
const ADVISED_BYTES_MIN: usize = 4 << 20;

/// Asks for large pages behind `bytes` of memory from `start` on, which the caller owns and nobody has touched yet.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "a call into the C library: the range lies inside one allocation of the caller, and advice about page sizes \
              changes neither contents nor permissions"
)]
pub(crate) fn prefer_large<T>(start: *const T, bytes: usize) {
    const PAGE: usize = 4096;
    if bytes < ADVISED_BYTES_MIN {
        return;
    }
    // Whole pages inside the allocation: its ends may share pages with others.
    let first = start.addr().next_multiple_of(PAGE);
    let last = (start.addr() + bytes) / PAGE * PAGE;
    let address = start.with_addr(first).cast_mut().cast();
    // SAFETY: first..last lies inside the allocation, and MADV_HUGEPAGE is advice that leaves its contents alone.
    unsafe {
        libc::madvise(address, last - first, libc::MADV_HUGEPAGE);
    }
}

/// Other systems choose page sizes themselves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn prefer_large<T>(_start: *const T, bytes: usize) {
    let _ = bytes < ADVISED_BYTES_MIN;
}
