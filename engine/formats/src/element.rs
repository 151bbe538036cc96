//! The element types of files, and how each becomes one of ours without losing a bit.
//!
//! Types that we lack widen to the next that holds them all: `i8`, `i16`, `u16` to `i32`; `u32` and `u64` to `i64`. Only
//! a `u64` above the largest `i64` has no place.

use nexus_model::DType;

/// The type of an element in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    /// One of our own.
    Own(DType),
    I8,
    I16,
    U16,
    U32,
    U64,
}

impl Element {
    /// Bytes of one element in the file.
    pub(crate) fn size(self) -> usize {
        match self {
            Element::Own(dtype) => dtype.size(),
            Element::I8 => 1,
            Element::I16 | Element::U16 => 2,
            Element::U32 => 4,
            Element::U64 => 8,
        }
    }

    /// The dtype that it becomes.
    pub(crate) fn dtype(self) -> DType {
        match self {
            Element::Own(dtype) => dtype,
            Element::I8 | Element::I16 | Element::U16 => DType::I32,
            Element::U32 | Element::U64 => DType::I64,
        }
    }

    /// Turns little-endian elements into little-endian elements of [`Element::dtype`]. `bytes` is a whole number of
    /// elements. The error is the flat index of a `u64` that does not fit.
    pub(crate) fn widen(self, bytes: Vec<u8>) -> Result<Vec<u8>, usize> {
        Ok(match self {
            Element::Own(_) => bytes,
            Element::I8 => bytes.iter().flat_map(|&b| i32::from(b as i8).to_le_bytes()).collect(),
            Element::I16 => pairs(&bytes).flat_map(|b| i32::from(i16::from_le_bytes(b)).to_le_bytes()).collect(),
            Element::U16 => pairs(&bytes).flat_map(|b| i32::from(u16::from_le_bytes(b)).to_le_bytes()).collect(),
            Element::U32 => chunks::<4>(&bytes).flat_map(|b| i64::from(u32::from_le_bytes(b)).to_le_bytes()).collect(),
            Element::U64 => {
                let lost = chunks::<8>(&bytes).position(|b| i64::try_from(u64::from_le_bytes(b)).is_err());
                lost.map_or(Ok(bytes), Err)?
            }
        })
    }
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    chunks::<2>(bytes)
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_elements_widen_exactly() {
        assert_eq!(Element::I8.widen(vec![0xff]), Ok((-1i32).to_le_bytes().to_vec()));
        assert_eq!(Element::I16.widen((-300i16).to_le_bytes().to_vec()), Ok((-300i32).to_le_bytes().to_vec()));
        assert_eq!(Element::U16.widen(u16::MAX.to_le_bytes().to_vec()), Ok(65535i32.to_le_bytes().to_vec()));
        assert_eq!(Element::U32.widen(u32::MAX.to_le_bytes().to_vec()), Ok(4_294_967_295i64.to_le_bytes().to_vec()));
        let mut two = 7u64.to_le_bytes().to_vec();
        two.extend_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Element::U64.widen(two), Err(1));
    }
}
