//! NumPy's `.npy`: one tensor.
//!
//! Reads versions 1 to 3, both byte orders and both axis orders. Not the place of archives (`npz`), and nothing pickled
//! is ever loaded: arrays of objects are refused.

use nexus_model::{DType, TensorData, Value};

use crate::element::Element;
use crate::error::{FormatError, Place};
use crate::format::Format;
use crate::npy_header::{self, Header, MAGIC};
use crate::tensors::as_tensor;

/// Elements begin at a multiple of this, as NumPy has it.
const ALIGNMENT: usize = 64;
/// NumPy leaves room for the first axis to grow to this many digits.
const GROWTH_DIGITS: usize = 21;

/// The tensor in `file`, row-major and little-endian whatever the file's order was.
pub(crate) fn read(file: &[u8]) -> Result<TensorData, FormatError> {
    let header = npy_header::parse(file)?;
    let (element, big_endian) = element_of(&header)?;
    let too_large = |source| FormatError::Tensor { format: Format::Npy, source };
    let wanted = byte_count(element, &header.shape).map_err(too_large)?;
    let data = &file[header.data_at..];
    if data.len() != wanted {
        let expected = format!("{wanted} bytes of elements for {} of shape {:?}", header.descr, header.shape);
        return Err(npy_header::malformed(header.data_at, expected, format!("{} bytes", data.len())));
    }
    let size = element.size();
    let mut bytes = if header.fortran_order { row_major(data, size, &header.shape) } else { data.to_vec() };
    if big_endian && size > 1 {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    if element == Element::Own(DType::Bool) {
        // NumPy treats any byte but 0 as true; ours are 0 or 1.
        bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
    }
    let bytes = element.widen(bytes).map_err(|index| FormatError::Unsupported {
        format: Format::Npy,
        place: Place::Byte(header.data_at),
        what: format!("element {index} is above the largest i64, and there is no u64 here"),
    })?;
    TensorData::new(element.dtype(), header.shape, bytes).map_err(too_large)
}

fn byte_count(element: Element, shape: &[usize]) -> Result<usize, nexus_model::TensorDataError> {
    // The widened tensor must fit memory too, and it is never smaller than the file's.
    TensorData::byte_count(element.dtype(), shape)?;
    Ok(shape.iter().product::<usize>() * element.size())
}

/// The element type that `descr` names, and whether it is big-endian.
fn element_of(header: &Header) -> Result<(Element, bool), FormatError> {
    let descr = header.descr.as_str();
    let (order, kind) = descr.split_at_checked(1).unwrap_or(("", descr));
    let element = match kind {
        "f8" => Element::Own(DType::F64),
        "f4" => Element::Own(DType::F32),
        "f2" => Element::Own(DType::F16),
        "i8" => Element::Own(DType::I64),
        "i4" => Element::Own(DType::I32),
        "u1" => Element::Own(DType::U8),
        "b1" => Element::Own(DType::Bool),
        "i1" => Element::I8,
        "i2" => Element::I16,
        "u2" => Element::U16,
        "u4" => Element::U32,
        "u8" => Element::U64,
        // What ml_dtypes writes for its bfloat16; NumPy's own raw two-byte type is written `|V2`.
        "V2" if order == "<" => Element::Own(DType::BF16),
        _ => return Err(unsupported(header)),
    };
    match (order, element.size()) {
        ("<" | "=", _) | ("|", 1) => Ok((element, false)),
        (">", _) => Ok((element, true)),
        _ => Err(unsupported(header)),
    }
}

fn unsupported(header: &Header) -> FormatError {
    let descr = header.descr.escape_default();
    let what = match header.descr.trim_start_matches(['<', '>', '=', '|']).chars().next() {
        Some('c') => format!("complex numbers (`{descr}`) have no dtype here; save the real and imaginary parts"),
        Some('O') => {
            "an array of Python objects is a pickle, which is never loaded; save an array of numbers".to_owned()
        }
        Some('U' | 'S') => format!("an array of strings (`{descr}`) is no tensor; save it as .json or .csv"),
        Some('M' | 'm') => {
            format!("dates and durations (`{descr}`) have no dtype here; save them as numbers (`astype('i8')`)")
        }
        _ => format!("the dtype `{descr}` is not known (f2, f4, f8, i1 to i8, u1 to u8 and b1 are)"),
    };
    FormatError::Unsupported { format: Format::Npy, place: Place::Byte(header.descr_at), what }
}

/// Reorders elements in Fortran order (first axis fastest) to row-major order. `data` holds exactly `shape`'s elements.
fn row_major(data: &[u8], size: usize, shape: &[usize]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    if data.is_empty() {
        return out;
    }
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = size;
    for &axis in shape {
        strides.push(stride);
        stride *= axis;
    }
    // An odometer over the indices, last axis fastest, that keeps the source offset up to date.
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    loop {
        out.extend_from_slice(&data[at..at + size]);
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return out;
            }
            axis -= 1;
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
}

/// `value` as an `.npy` file, byte for byte as NumPy writes it. bf16 becomes f32, exactly, because NumPy has no bf16.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, FormatError> {
    match as_tensor(value) {
        Some(tensor) => Ok(write_tensor(&tensor)),
        None => Err(FormatError::Unwritable {
            format: Format::Npy,
            what: format!("a {}", value.kind()),
            help: "it holds one tensor or number; .npz holds a record of tensors, .json any value",
        }),
    }
}

pub(crate) fn write_tensor(tensor: &TensorData) -> Vec<u8> {
    let descr = match tensor.dtype() {
        DType::F64 => "<f8",
        DType::F32 | DType::BF16 => "<f4",
        DType::F16 => "<f2",
        DType::I64 => "<i8",
        DType::I32 => "<i4",
        DType::U8 => "|u1",
        DType::Bool => "|b1",
    };
    let sizes: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
    let shape = match sizes.as_slice() {
        [one] => format!("({one},)"),
        sizes => format!("({})", sizes.join(", ")),
    };
    let mut dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    if let Some(first) = sizes.first() {
        dict.extend(std::iter::repeat_n(' ', GROWTH_DIGITS.saturating_sub(first.len())));
    }
    let mut file = MAGIC.to_vec();
    // Version 1 counts the header in 16 bits; a tensor of thousands of axes needs version 2.
    let long = dict.len() + ALIGNMENT > usize::from(u16::MAX);
    let text_at = if long { 12 } else { 10 };
    let padding = ALIGNMENT - (text_at + dict.len() + 1) % ALIGNMENT;
    dict.extend(std::iter::repeat_n(' ', padding % ALIGNMENT));
    dict.push('\n');
    if long {
        file.extend_from_slice(&[2, 0]);
        file.extend_from_slice(&(dict.len() as u32).to_le_bytes());
    } else {
        file.extend_from_slice(&[1, 0]);
        file.extend_from_slice(&(dict.len() as u16).to_le_bytes());
    }
    file.extend_from_slice(dict.as_bytes());
    match tensor.dtype() {
        DType::BF16 => file.extend(tensor.bytes().as_chunks::<2>().0.iter().flat_map(|&[low, high]| [0, 0, low, high])),
        _ => file.extend_from_slice(tensor.bytes()),
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dict: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend_from_slice(&(dict.len() as u16).to_le_bytes());
        file.extend_from_slice(dict.as_bytes());
        file.extend_from_slice(data);
        file
    }

    #[test]
    fn lying_shapes_are_refused_before_memory_is_taken() {
        let read = |shape: &str, data: &[u8]| {
            read(&file(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"), data))
                .unwrap_err()
                .to_string()
        };
        assert!(read("(4294967296, 4294967296)", b"").contains("larger than any memory"));
        assert!(read("(1000000000000,)", b"").contains("expected 8000000000000 bytes of elements"));
        assert!(read("(2,)", &[0; 15]).contains("expected 16 bytes of elements for <f8 of shape [2], found 15 bytes"));
        assert!(read("(2,)", &[0; 17]).contains("found 17 bytes"));
    }

    #[test]
    fn what_is_no_tensor_says_what_to_do() {
        let read = |descr: &str| {
            read(&file(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ()}}"), b""))
                .unwrap_err()
                .to_string()
        };
        assert!(read("<c16").contains("real and imaginary parts"));
        assert!(read("|O").contains("never loaded"));
        assert!(read("<U4").contains("strings"));
        assert!(read("<M8[ns]").contains("dates"));
        assert!(read("|f4").contains("dtype `|f4`"));
        assert!(read("").contains("dtype ``"));
        assert!(read("é").contains("dtype"));
    }

    #[test]
    fn brain_floats_are_read_and_written_as_the_same_numbers() {
        let tensor =
            read(&file("{'descr': '<V2', 'fortran_order': False, 'shape': (1,)}", &0x3fc0u16.to_le_bytes())).unwrap();
        assert_eq!((tensor.dtype(), tensor.get_f64(0)), (DType::BF16, Some(1.5)));
        let back = read(&write_tensor(&tensor)).unwrap();
        assert_eq!((back.dtype(), back.get_f64(0)), (DType::F32, Some(1.5)));
    }

    #[test]
    fn empty_and_scalar_tensors_survive() {
        for shape in [vec![], vec![0], vec![3, 0, 2]] {
            let count = shape.iter().product::<usize>();
            let tensor = TensorData::new(DType::I32, shape, vec![7; 4 * count]).unwrap();
            assert_eq!(read(&write_tensor(&tensor)), Ok(tensor));
        }
        let header = "{'descr': '<i4', 'fortran_order': True, 'shape': (0, 5)}";
        assert_eq!(read(&file(header, b"")).unwrap().shape(), [0, 5]);
    }

    #[test]
    fn a_tensor_of_very_many_axes_takes_the_second_version() {
        let tensor = TensorData::new(DType::U8, vec![1; 30_000], vec![9]).unwrap();
        assert_eq!(write_tensor(&tensor)[6], 2);
    }
}
