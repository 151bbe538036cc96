//! Writing memory that nobody reads soon: past the caches, which then keep what is read.
//!
//! An ordinary store fetches the line that it is about to overwrite, and pushes another out of the caches. An output larger
//! than the caches is gone from them before anyone reads it, so that the fetch is a quarter of what its memory moves. It pays
//! where a store writes a whole line: with vectors of 512 bits. In four parts of a line it was no faster than without.

use super::vectors::{Width, widest};

/// Bytes of an output from which on it is written past the caches: few processors keep as much of one tensor.
const STREAM_MIN: usize = 32 << 20;

/// Whether an output of so many bytes should be written past the caches here.
pub(crate) fn pays(bytes: usize) -> bool {
    bytes >= STREAM_MIN && widest() == Width::Wide
}

/// Writes past the caches until it is dropped; who takes over from this thread sees everything then.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Bytes that others may not see yet.
    ahead: usize,
}

impl Stream {
    /// Copies `from` to `to`, which are of one length.
    pub(crate) fn copy(&mut self, from: &[u8], to: &mut [u8]) {
        assert_eq!(from.len(), to.len(), "a copy of what is there");
        let lines = if widest() == Width::Wide { lines::copy(from, to) } else { 0 };
        to[lines..].copy_from_slice(&from[lines..]);
        self.ahead += lines;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.ahead > 0 {
            lines::settle();
        }
    }
}

/// Whole lines of memory.
#[cfg(target_arch = "x86_64")]
mod lines {
    use std::arch::x86_64::{__m512i, _mm_sfence, _mm512_loadu_si512, _mm512_stream_si512};

    const LINE: usize = size_of::<__m512i>();

    /// Copies the whole lines that lie in `to`, where it begins with one; gives how many bytes that are.
    #[expect(unsafe_code, reason = "instructions that are called only where the processor says that it has them")]
    pub(super) fn copy(from: &[u8], to: &mut [u8]) -> usize {
        if !to.as_ptr().addr().is_multiple_of(LINE) || !is_x86_feature_detected!("avx512f") {
            return 0;
        }
        let whole = to.len().min(from.len()) / LINE * LINE;
        // SAFETY: the processor has the instructions.
        unsafe { copy_lines(&from[..whole], &mut to[..whole]) };
        whole
    }

    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "stores that have no safe form, inside the two slices")]
    fn copy_lines(from: &[u8], to: &mut [u8]) {
        let (source, target) = (from.as_ptr(), to.as_mut_ptr());
        for at in (0..to.len().min(from.len())).step_by(LINE) {
            // SAFETY: both slices are of the same number of whole lines, and `target` is aligned to one: the caller saw to
            // it. What follows the stream is ordered behind the stores by `settle`.
            unsafe {
                let line = _mm512_loadu_si512(source.add(at).cast::<__m512i>());
                _mm512_stream_si512(target.add(at).cast::<__m512i>(), line);
            }
        }
    }

    /// Waits until all stores can be seen.
    #[expect(unsafe_code, reason = "an instruction that every x86-64 has")]
    pub(super) fn settle() {
        // SAFETY: it touches no memory and needs SSE, which every x86-64 has.
        unsafe { _mm_sfence() };
    }
}

/// Other processors write as always.
#[cfg(not(target_arch = "x86_64"))]
mod lines {
    pub(super) const fn copy(_from: &[u8], _to: &mut [u8]) -> usize {
        0
    }

    pub(super) const fn settle() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_arrives_wherever_it_begins() {
        let from: Vec<u8> = (0..2000).map(|i| (i % 251) as u8).collect();
        for start in 0..130 {
            for count in [0, 1, 63, 64, 65, 500, 1700] {
                let mut to = vec![0xee; 2000];
                let mut stream = Stream::default();
                stream.copy(&from[start..start + count], &mut to[start + 40..start + 40 + count]);
                drop(stream);
                assert_eq!(to[start + 40..start + 40 + count], from[start..start + count], "{count} from {start}");
                assert!(to[..start + 40].iter().chain(&to[start + 40 + count..]).all(|&byte| byte == 0xee));
            }
        }
    }
}
