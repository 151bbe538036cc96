//! Any bytes at all, and valid files with bytes changed or cut off, give a value or an error: never a panic, never a
//! hang, and no more memory than the bytes can justify.

use nexus_formats::{Format, read, write};
use nexus_model::{DType, TensorData, Value};
use proptest::prelude::*;
use proptest::sample::Index;

fn tensors() -> impl Strategy<Value = TensorData> {
    (proptest::sample::select(DType::ALL.as_slice()), proptest::collection::vec(0usize..4, 0..4)).prop_flat_map(
        |(dtype, shape)| {
            let bytes = TensorData::byte_count(dtype, &shape).expect("small shapes");
            let byte = if dtype == DType::Bool { 0u8..2 } else { 0..255 };
            proptest::collection::vec(byte, bytes).prop_map(move |bytes| {
                TensorData::new(dtype, shape.clone(), bytes).expect("as many bytes as the shape takes")
            })
        },
    )
}

fn records() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-z]{1,6}", tensors(), 0..4)
        .prop_map(|fields| Value::Record(fields.into_iter().map(|(n, t)| (n, Value::Tensor(t))).collect()))
}

/// bf16 has no place in `.npy`, where it becomes f32.
fn has_bf16(value: &Value) -> bool {
    match value {
        Value::Tensor(tensor) => tensor.dtype() == DType::BF16,
        Value::Record(fields) => fields.iter().any(|(_, field)| has_bf16(field)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        for format in Format::ALL {
            let _ = read(format, &bytes);
        }
    }

    #[test]
    fn any_npy_header_gives_a_value_or_an_error(dict in "[-{}()':,<>|=LTFa-z0-9 ]{0,80}", data in proptest::collection::vec(any::<u8>(), 0..32)) {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend_from_slice(&(dict.len() as u16).to_le_bytes());
        file.extend_from_slice(dict.as_bytes());
        file.extend_from_slice(&data);
        let _ = read(Format::Npy, &file);
    }

    #[test]
    fn any_text_gives_a_value_or_an_error(text in "[-\\[\\]{}\",:.0-9a-zE\n ]{0,120}") {
        let _ = read(Format::Csv, text.as_bytes());
        let _ = read(Format::Json, text.as_bytes());
    }

    #[test]
    fn damaged_files_give_a_value_or_an_error(value in records(), at in any::<Index>(), byte in any::<u8>(), cut in any::<Index>()) {
        for format in [Format::Npz, Format::Safetensors, Format::Json] {
            let mut file = write(format, &value).unwrap();
            let _ = read(format, &file[..cut.index(file.len())]);
            let at = at.index(file.len());
            file[at] = byte;
            let _ = read(format, &file);
        }
    }

    #[test]
    fn tensors_survive_npy_bit_for_bit(tensor in tensors()) {
        prop_assume!(tensor.dtype() != DType::BF16);
        let value = Value::Tensor(tensor);
        prop_assert_eq!(read(Format::Npy, &write(Format::Npy, &value).unwrap()).unwrap(), value);
    }

    #[test]
    fn records_survive_the_archives_bit_for_bit(value in records()) {
        if !has_bf16(&value) {
            prop_assert_eq!(&read(Format::Npz, &write(Format::Npz, &value).unwrap()).unwrap(), &value);
        }
        let Value::Record(mut back) = read(Format::Safetensors, &write(Format::Safetensors, &value).unwrap()).unwrap()
            else { panic!("an archive is a record") };
        // Safetensors orders by alignment, not by name.
        back.sort_by(|a, b| a.0.cmp(&b.0));
        prop_assert_eq!(Value::Record(back), value);
    }
}
