//! Tensors as people look at them: all of a small one, the corners of a large one.

use nexus_model::{DType, TensorData};

use super::number;

/// Vectors up to this length are shown whole.
const VECTOR_WHOLE_MAX: usize = 12;
/// Matrices up to so many rows and columns are shown whole.
const ROWS_WHOLE_MAX: usize = 12;
const COLUMNS_WHOLE_MAX: usize = 10;
/// Of longer axes, so many indices from the start and the end are shown.
const HEAD: usize = 3;
const TAIL: usize = 1;
/// Matrices inside a tensor of more axes: so many are shown.
const SLICES_MAX: usize = 3;

/// `tensor f32[4, 2]`.
pub fn kind(tensor: &TensorData) -> String {
    let sizes: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
    format!("tensor {}[{}]", tensor.dtype(), sizes.join(", "))
}

/// The elements of a tensor of at most one axis on one line, or that there are none. `None` for more axes.
pub fn line(tensor: &TensorData) -> Option<String> {
    if tensor.is_empty() {
        return Some("  empty".to_owned());
    }
    match *tensor.shape() {
        [] => Some(format!("  {}", cells(tensor, &[Some(0)])[0])),
        [len] => {
            let shown = shown(len, VECTOR_WHOLE_MAX, 5, 1);
            Some(cells(tensor, &shown).iter().map(|cell| padded(cell, 0)).collect())
        }
        _ => None,
    }
}

/// The elements of a tensor of two or more axes as lines of aligned columns.
pub fn block(tensor: &TensorData) -> Vec<String> {
    let shape = tensor.shape();
    let [outer @ .., rows, columns] = shape else { return Vec::new() };
    if tensor.is_empty() {
        return Vec::new();
    }
    let slices: usize = outer.iter().product();
    if outer.is_empty() {
        return matrix(tensor, 0, *rows, *columns);
    }
    let mut lines = Vec::new();
    for slice in 0..slices.min(SLICES_MAX) {
        lines.push(format!(" [{}, :, :]", position(slice, outer)));
        lines.extend(matrix(tensor, slice * rows * columns, *rows, *columns));
    }
    if slices > SLICES_MAX {
        lines.push(format!(" … {} more", slices - SLICES_MAX));
    }
    lines
}

/// The indices of the flat position `slice` in the axes `outer`.
fn position(mut slice: usize, outer: &[usize]) -> String {
    let mut indices: Vec<String> = Vec::with_capacity(outer.len());
    for &size in outer.iter().rev() {
        indices.push((slice % size).to_string());
        slice /= size;
    }
    indices.reverse();
    indices.join(", ")
}

fn matrix(tensor: &TensorData, first: usize, rows: usize, columns: usize) -> Vec<String> {
    let rows = shown(rows, ROWS_WHOLE_MAX, HEAD, TAIL);
    let columns_shown = shown(columns, COLUMNS_WHOLE_MAX, HEAD, TAIL);
    let flat: Vec<Option<usize>> = rows
        .iter()
        .flat_map(|row| columns_shown.iter().map(move |column| Some(first + (*row)? * columns + (*column)?)))
        .collect();
    let cells = cells(tensor, &flat);
    let widths: Vec<usize> = (0..columns_shown.len())
        .map(|column| cells.iter().skip(column).step_by(columns_shown.len()).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    cells
        .chunks(columns_shown.len())
        .map(|row| row.iter().zip(&widths).map(|(cell, width)| padded(cell, *width)).collect())
        .collect()
}

/// The indices of an axis or a list that are shown; `None` stands for those left out.
pub(super) fn shown(len: usize, whole_max: usize, head: usize, tail: usize) -> Vec<Option<usize>> {
    if len <= whole_max {
        return (0..len).map(Some).collect();
    }
    (0..head).map(Some).chain([None]).chain((len - tail..len).map(Some)).collect()
}

/// The texts of the elements at these flat indices; `…` for those left out.
fn cells(tensor: &TensorData, indices: &[Option<usize>]) -> Vec<String> {
    let text = |index: usize| match (tensor.dtype(), tensor.get_i64(index)) {
        (DType::Bool, Some(truth)) => (truth != 0).to_string(),
        (_, Some(whole)) => whole.to_string(),
        (_, None) => String::new(),
    };
    let floats: Vec<f64> = indices.iter().flatten().filter_map(|&index| tensor.get_f64(index)).collect();
    let mut floats = number::column(&floats).into_iter();
    indices
        .iter()
        .map(|index| match index {
            None => "…".to_owned(),
            Some(_) if tensor.dtype().is_float() => floats.next().unwrap_or_default(),
            Some(index) => text(*index),
        })
        .collect()
}

/// The width of a cell without its sign, for which every column has a place.
fn width(cell: &str) -> usize {
    cell.strip_prefix('-').unwrap_or(cell).chars().count()
}

/// A space, then the cell at the right end of its width and the place of a sign.
fn padded(cell: &str, width: usize) -> String {
    let unsigned = self::width(cell);
    let width = width.max(unsigned) + 1;
    format!(" {cell:>width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(shape: &[usize], numbers: impl IntoIterator<Item = f32>) -> TensorData {
        let bytes = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        TensorData::new(DType::F32, shape.to_vec(), bytes).unwrap()
    }

    #[test]
    fn small_matrices_are_shown_whole_with_places_for_signs() {
        let loadings = f32s(&[4, 2], [0.3614, 0.6566, -0.0849, 0.7302, 0.8567, -0.1734, 0.3583, -0.0755]);
        insta::assert_snapshot!(block(&loadings).join("\n"), @r"
          0.361  0.657
         -0.085  0.730
          0.857 -0.173
          0.358 -0.075
        ");
    }

    #[test]
    fn large_matrices_show_their_corners() {
        let ones = f32s(&[100, 100], std::iter::repeat_n(100.0, 10_000));
        insta::assert_snapshot!(block(&ones).join("\n"), @r"
          100  100  100  …  100
          100  100  100  …  100
          100  100  100  …  100
            …    …    …  …    …
          100  100  100  …  100
        ");
    }

    #[test]
    fn vectors_take_one_line() {
        assert_eq!(line(&f32s(&[4], [0.92461, 0.05306, 0.0171, 0.00521])).unwrap(), "  0.925  0.053  0.017  0.005");
        assert_eq!(line(&f32s(&[20], (0..20).map(|i| i as f32))).unwrap(), "  0  1  2  3  4  …  19");
        assert_eq!(line(&f32s(&[], [1.5])).unwrap(), "  1.5");
        assert_eq!(line(&f32s(&[0], [])).unwrap(), "  empty");
        let truths = TensorData::new(DType::Bool, vec![2], vec![1, 0]).unwrap();
        assert_eq!(line(&truths).unwrap(), "  true  false");
        assert_eq!(line(&f32s(&[1, 1], [1.0])), None);
    }

    #[test]
    fn more_axes_are_shown_matrix_by_matrix() {
        let cube = f32s(&[2, 2, 1, 2], (0..8).map(|i| i as f32 - 1.0));
        insta::assert_snapshot!(block(&cube).join("\n"), @r"
         [0, 0, :, :]
         -1  0
         [0, 1, :, :]
          1  2
         [1, 0, :, :]
          3  4
         … 1 more
        ");
    }

    #[test]
    fn empty_tensors_of_many_axes_have_no_lines() {
        assert!(block(&f32s(&[0, 3], [])).is_empty());
        assert!(block(&f32s(&[4, 0, 3], [])).is_empty());
        assert_eq!(kind(&f32s(&[4, 0, 3], [])), "tensor f32[4, 0, 3]");
    }

    proptest::proptest! {
        #[test]
        fn any_tensor_can_be_shown(
            shape in proptest::collection::vec(0usize..15, 0..4),
            bits in proptest::collection::vec(proptest::prelude::any::<u64>(), 1..8),
        ) {
            let count: usize = shape.iter().product();
            let bytes: Vec<u8> = bits.iter().cycle().take(count).flat_map(|bits| bits.to_le_bytes()).collect();
            for (dtype, size) in [(DType::F64, 8), (DType::F32, 4), (DType::F16, 2), (DType::BF16, 2), (DType::I64, 8), (DType::U8, 1)] {
                let bytes = bytes[..count * size].to_vec();
                let tensor = TensorData::new(dtype, shape.clone(), bytes).unwrap();
                let lines = block(&tensor);
                proptest::prop_assert_eq!(line(&tensor).is_none(), shape.len() > 1 && count > 0);
                proptest::prop_assert!(lines.len() <= 3 * (ROWS_WHOLE_MAX + 1) + 1);
            }
        }
    }
}
