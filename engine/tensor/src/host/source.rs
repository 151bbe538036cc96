//! Where an elementwise program reads: a view of a tensor with the output's shape, a piece of it at a time.

use smallvec::SmallVec;

use super::HostTensor;
use crate::buffer::Scratch;
use crate::element::with_width;
use crate::random::Philox;
use crate::shape::{Shape, Strides, collapse, for_each_offset};
use crate::{Context, TensorError};

/// Elements that a program passes through all its steps before it takes the next: eight tiles of f32 fit the
/// first-level cache.
pub(crate) const TILE: usize = 1024;

/// A loop that draws random elements: `out` from block `first` of call `call` on.
pub(crate) type Draw = fn(Philox, u64, u64, &mut [u8]);

/// An operand of a program.
#[derive(Debug)]
pub(crate) struct Source {
    kind: Kind,
    /// Bytes of an element.
    pub(crate) size: usize,
}

#[derive(Debug)]
enum Kind {
    /// Elements in the order of the output, from this byte of the buffer on.
    Packed { view: HostTensor, start: usize },
    /// One element for all.
    Number { bytes: [u8; 8] },
    /// Rows that repeat or have gaps between them: collapsed axes, the last with step 0 or 1.
    Rows { view: HostTensor, shape: Shape, strides: Strides },
    /// What the output holds before it is written.
    Old,
    /// Random elements, `per_block` from each block.
    Random { generator: Philox, call: u64, per_block: usize, draw: Draw },
}

impl Source {
    /// `tensor` broadcast to `shape`. Packs a view whose last axis has gaps.
    pub(crate) fn new(ctx: &Context, tensor: HostTensor, shape: &[usize]) -> Result<Source, TensorError> {
        let size = tensor.dtype.size();
        if *tensor.shape == *shape && tensor.is_packed() {
            let start = tensor.offset * size;
            return Ok(Source { kind: Kind::Packed { view: tensor, start }, size });
        }
        if tensor.len() == 1 && tensor.rank() <= shape.len() {
            let start = tensor.offset * size;
            let mut bytes = [0; 8];
            bytes[..size].copy_from_slice(&tensor.buffer.as_slice::<u8>()[start..start + size]);
            return Ok(Source { kind: Kind::Number { bytes }, size });
        }
        let view = tensor.broadcast_to(shape)?;
        let (walk, [strides]) = collapse(shape, [&view.strides]);
        if matches!(strides.last(), Some(0 | 1)) {
            return Ok(Source { kind: Kind::Rows { view, shape: walk, strides }, size });
        }
        Source::new(ctx, super::copy::pack(ctx, &tensor)?, shape)
    }

    /// What the output holds already.
    pub(crate) const fn old(size: usize) -> Source {
        Source { kind: Kind::Old, size }
    }

    /// Random elements of `size` bytes, as operation `call` of the context draws them.
    pub(crate) const fn random(generator: Philox, call: u64, size: usize, per_block: usize, draw: Draw) -> Source {
        Source { kind: Kind::Random { generator, call, per_block, draw }, size }
    }

    /// The bytes of the one element of a number.
    pub(crate) const fn number(&self) -> Option<[u8; 8]> {
        match self.kind {
            Kind::Number { bytes } => Some(bytes),
            _ => None,
        }
    }

    /// Whether it is what the output holds before it is written.
    pub(crate) const fn is_old(&self) -> bool {
        matches!(self.kind, Kind::Old)
    }

    /// Whether all elements can be had without a copy.
    pub(crate) const fn is_direct(&self) -> bool {
        matches!(self.kind, Kind::Packed { .. })
    }

    /// Elements `first..first + count` where they lie in the order of the output.
    fn direct(&self, first: usize, count: usize) -> Option<&[u8]> {
        match &self.kind {
            Kind::Packed { view, start } => {
                let from = start + first * self.size;
                Some(&view.buffer.as_slice::<u8>()[from..from + count * self.size])
            }
            Kind::Rows { view, shape, strides } => {
                let (&inner, outer) = shape.split_last()?;
                let (&step, outer_strides) = strides.split_last()?;
                let column = first % inner;
                if step != 1 || column + count > inner {
                    return None;
                }
                let mut row = 0;
                for_each_offset(outer, [outer_strides], first / inner, 1, |[o]| row = o);
                let from = ((view.offset as isize + row) as usize + column) * self.size;
                Some(&view.buffer.as_slice::<u8>()[from..from + count * self.size])
            }
            _ => None,
        }
    }
}

/// Reads a source tile by tile, for one thread.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    source: &'a Source,
    tile: Scratch,
    /// Elements of a number that the tile holds already.
    filled: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(source: &'a Source) -> Self {
        Reader { source, tile: Scratch::new(), filled: 0 }
    }

    /// Makes elements `first..first + count` of the output's order ready; `old` is what the output holds there.
    pub(crate) fn load(&mut self, first: usize, count: usize, old: &[u8]) {
        let size = self.source.size;
        if self.source.direct(first, count).is_some() || self.filled >= count {
            return;
        }
        self.tile.grow(count * size);
        let tile = &mut self.tile.bytes_mut()[..count * size];
        match &self.source.kind {
            Kind::Number { bytes } => {
                repeat(&bytes[..size], tile);
                self.filled = count;
            }
            Kind::Old => tile.copy_from_slice(&old[..count * size]),
            Kind::Random { generator, call, per_block, draw } => {
                debug_assert_eq!(first % per_block, 0, "tiles begin with a block");
                draw(*generator, *call, (first / per_block) as u64, tile);
            }
            Kind::Rows { view, shape, strides } => gather(view, shape, strides, first, tile),
            Kind::Packed { .. } => {}
        }
    }

    /// The elements that [`Reader::load`] made ready.
    pub(crate) fn bytes(&self, first: usize, count: usize) -> &[u8] {
        match self.source.direct(first, count) {
            Some(bytes) => bytes,
            None => &self.tile.bytes()[..count * self.source.size],
        }
    }
}

/// Fills `out` with copies of `element`.
fn repeat(element: &[u8], out: &mut [u8]) {
    match *element {
        [a] => out.fill(a),
        [a, b] => bytemuck::cast_slice_mut::<u8, u16>(out).fill(u16::from_ne_bytes([a, b])),
        [a, b, c, d] => bytemuck::cast_slice_mut::<u8, u32>(out).fill(u32::from_ne_bytes([a, b, c, d])),
        _ => out.chunks_exact_mut(element.len()).for_each(|slot| slot.copy_from_slice(element)),
    }
}

/// Copies rows of a view, from element `first` of the walk on, into `tile`.
fn gather(view: &HostTensor, shape: &[usize], strides: &[isize], first: usize, tile: &mut [u8]) {
    let (&inner, outer) = shape.split_last().expect("collapse keeps one axis");
    let (&step, outer_strides) = strides.split_last().expect("as many strides as axes");
    with_width!(view.dtype, T => {
        let data = view.buffer.as_slice::<T>();
        let mut rest = bytemuck::cast_slice_mut::<u8, T>(tile);
        let mut column = first % inner;
        let rows = (column + rest.len()).div_ceil(inner);
        for_each_offset(outer, [outer_strides], first / inner, rows, |[o]| {
            let start = (view.offset as isize + o) as usize;
            let count = (inner - column).min(rest.len());
            let (now, later) = std::mem::take(&mut rest).split_at_mut(count);
            if step == 1 {
                now.copy_from_slice(&data[start + column..start + column + count]);
            } else {
                now.fill(data[start]);
            }
            rest = later;
            column = 0;
        });
    });
}

/// Readers of a program's sources.
pub(crate) type Readers<'a> = SmallVec<[Reader<'a>; 4]>;
