//! PNG images: written, not read.
//!
//! A tensor of u8 with the axes [rows, columns] is a grey image, [rows, columns, 3] one in red, green and blue, and
//! [rows, columns, 4] one with opacity too. Floats are taken as 0.0 to 1.0. The format is the PNG Specification, third
//! edition (W3C); rows are stored unfiltered.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use nexus_model::{DType, TensorData, Value};

use crate::error::FormatError;
use crate::format::Format;
use crate::tensors::as_tensor;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Rows and columns that an image may have: the format's own bound.
const SIDE_MAX: usize = i32::MAX as usize;

/// The bytes of an image file.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, FormatError> {
    let tensor = &as_tensor(value).ok_or_else(|| unwritable(format!("a {}", value.kind())))?;
    let (rows, columns, channels) = match *tensor.shape() {
        [rows, columns] => (rows, columns, 1),
        [rows, columns, channels @ (3 | 4)] => (rows, columns, channels),
        _ => return Err(refused(tensor)),
    };
    if rows == 0 || columns == 0 || rows > SIDE_MAX || columns > SIDE_MAX {
        return Err(refused(tensor));
    }
    let samples = samples(tensor)?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let mut add = |bytes: &[u8]| {
        packed
            .write_all(bytes)
            .map_err(|error| FormatError::Container { format: Format::Png, message: error.to_string() })
    };
    for row in samples.chunks_exact(columns * channels) {
        // Each row begins with the kind of its filter: none.
        add(&[0])?;
        add(row)?;
    }
    let packed =
        packed.finish().map_err(|error| FormatError::Container { format: Format::Png, message: error.to_string() })?;
    let mut header = Vec::with_capacity(13);
    header.extend((columns as u32).to_be_bytes());
    header.extend((rows as u32).to_be_bytes());
    let colour = match channels {
        1 => 0,
        3 => 2,
        _ => 6,
    };
    // Eight bits a sample; the only compression, filter and order that there are.
    header.extend([8, colour, 0, 0, 0]);
    let mut file = SIGNATURE.to_vec();
    chunk(&mut file, *b"IHDR", &header);
    for part in packed.chunks(1 << 30) {
        chunk(&mut file, *b"IDAT", part);
    }
    chunk(&mut file, *b"IEND", &[]);
    Ok(file)
}

fn refused(tensor: &TensorData) -> FormatError {
    unwritable(format!("a tensor {}{:?}", tensor.dtype(), tensor.shape()))
}

fn unwritable(what: String) -> FormatError {
    let help =
        "an image is a tensor u8, or f32 from 0 to 1, of rows and columns, and 3 or 4 channels where it has colours";
    FormatError::Unwritable { format: Format::Png, what, help }
}

/// A byte a sample.
fn samples(tensor: &TensorData) -> Result<Vec<u8>, FormatError> {
    if tensor.dtype() == DType::U8 {
        return Ok(tensor.bytes().to_vec());
    }
    if !tensor.dtype().is_float() {
        return Err(refused(tensor));
    }
    let sample = |index| {
        let value = tensor.get_f64(index).unwrap_or(0.0);
        // NaN becomes black.
        (value.clamp(0.0, 1.0) * 255.0).round() as u8
    };
    Ok((0..tensor.len()).map(sample).collect())
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let from = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = crc32fast::hash(&file[from..]);
    file.extend(sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dtype: DType, shape: &[usize], bytes: Vec<u8>) -> Result<Vec<u8>, FormatError> {
        write(&Value::Tensor(TensorData::new(dtype, shape.to_vec(), bytes).expect("the bytes fit")))
    }

    #[test]
    fn a_grey_image_has_the_bytes_of_the_specification() {
        let file = written(DType::U8, &[2, 3], vec![0, 1, 2, 3, 4, 255]).unwrap();
        assert!(file.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x03\0\0\0\x02\x08\0\0\0\0"));
        assert!(file.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"), "the checksum of an empty IEND is known");
        let at = file.windows(4).position(|w| w == b"IDAT").unwrap();
        let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
        let mut rows = Vec::new();
        let mut unpacked = flate2::read::ZlibDecoder::new(&file[at + 4..at + 4 + length]);
        std::io::Read::read_to_end(&mut unpacked, &mut rows).unwrap();
        assert_eq!(rows, [0, 0, 1, 2, 0, 3, 4, 255]);
    }

    #[test]
    fn floats_are_shades_and_other_shapes_are_refused() {
        let shades: Vec<u8> = [0.5f32, -1.0, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(written(DType::F32, &[1, 1, 3], shades).is_ok());
        for shape in [&[6][..], &[1, 3, 2], &[0, 3], &[1, 1, 1, 6]] {
            let bytes = vec![0; shape.iter().product()];
            assert!(written(DType::U8, shape, bytes).unwrap_err().to_string().contains("png cannot hold"), "{shape:?}");
        }
        assert!(write(&Value::Int(1)).is_err());
    }
}
