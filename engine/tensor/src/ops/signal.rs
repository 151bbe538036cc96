//! Fourier transforms and windows.
//!
//! Spectra are complex, and complex results are records with the parts `re` and `im`; whatever takes a spectrum takes a
//! plain tensor too, as its real part. Convolutions and shifts are made of these in the operation library.

use super::infer::{self, Inferred, typed};
use super::params;
use super::signal_rules::{frequencies, infer_frequencies, infer_plane, infer_spectrum, plane, spectrum};
use super::windows::{infer_window, window};
use crate::op::OpDef;

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "signal.fft",
        params: params!(x: Any, n: Int = "none", axis: Int = "-1", norm: Str = "backward"),
        doc: "The discrete Fourier transform along an axis, as a record of the real part re and the imaginary part im. x \
              is a tensor or such a record; n cuts it or continues it with zeros. norm says where 1/n goes: \"backward\" \
              (into the inverse), \"forward\" (here) or \"ortho\" (its root into both). Any size is fast; f64 is \
              computed in f64, everything else in f32.",
        example: "signal.fft(tensor.arange(4)).re",
        infer: |a| infer_spectrum(a, |_, n| n),
        run: |ctx, a| spectrum(ctx, a, false),
    },
    OpDef {
        name: "signal.ifft",
        params: params!(x: Any, n: Int = "none", axis: Int = "-1", norm: Str = "backward"),
        doc: "The inverse of signal.fft, as a record of the parts re and im.",
        example: "signal.ifft(signal.fft(tensor.arange(4))).re",
        infer: |a| infer_spectrum(a, |_, n| n),
        run: |ctx, a| spectrum(ctx, a, true),
    },
    OpDef {
        name: "signal.rfft",
        params: params!(x: Tensor, n: Int = "none", axis: Int = "-1", norm: Str = "backward"),
        doc: "The Fourier transform of real numbers: its first n // 2 + 1 elements, which the others mirror, as a record \
              of re and im. About twice as fast as signal.fft.",
        example: "signal.rfft(tensor.arange(6)).im",
        infer: super::signal_rules::infer_real,
        run: super::signal_rules::real,
    },
    OpDef {
        name: "signal.irfft",
        params: params!(x: Any, n: Int = "none", axis: Int = "-1", norm: Str = "backward"),
        doc: "The inverse of signal.rfft: n real numbers, where n is twice the size of the axis less two if it is left \
              out. Imaginary parts that no real signal has (of the first element, and of the last for even n) are not \
              read.",
        example: "signal.irfft(signal.rfft(tensor.arange(6)))",
        infer: super::signal_rules::infer_real_inverse,
        run: super::signal_rules::real_inverse,
    },
    OpDef {
        name: "signal.fft2",
        params: params!(x: Any, axes: Ints = "[-2, -1]", norm: Str = "backward"),
        doc: "The Fourier transform along several axes, the last two if they are left out, as a record of re and im.",
        example: "signal.fft2(tensor.eye(2)).re",
        infer: infer_plane,
        run: |ctx, a| plane(ctx, a, false),
    },
    OpDef {
        name: "signal.ifft2",
        params: params!(x: Any, axes: Ints = "[-2, -1]", norm: Str = "backward"),
        doc: "The inverse of signal.fft2, as a record of re and im.",
        example: "signal.ifft2(signal.fft2(tensor.eye(2))).re",
        infer: infer_plane,
        run: |ctx, a| plane(ctx, a, true),
    },
    OpDef {
        name: "signal.fftfreq",
        params: params!(n: Int, spacing: Number = "1", dtype: DType = "f32"),
        doc: "The frequencies of the elements of signal.fft for n samples at that spacing, in cycles per unit: first 0 \
              and the positive ones, then the negative ones.",
        example: "signal.fftfreq(4, 0.5)",
        infer: |a| infer_frequencies(a, |n| n),
        run: |ctx, a| frequencies(ctx, a, |n| (n, n.div_ceil(2))),
    },
    OpDef {
        name: "signal.rfftfreq",
        params: params!(n: Int, spacing: Number = "1", dtype: DType = "f32"),
        doc: "The frequencies of the elements of signal.rfft for n samples at that spacing, in cycles per unit.",
        example: "signal.rfftfreq(4, 0.5)",
        infer: |a| infer_frequencies(a, |n| n / 2 + 1),
        run: |ctx, a| frequencies(ctx, a, |n| (n / 2 + 1, n / 2 + 1)),
    },
    OpDef {
        name: "signal.window",
        params: params!(kind: Str, n: Int, parameter: Number = "none", periodic: Bool = "false", dtype: DType = "f32"),
        doc: "A window of n weights: \"rectangular\", \"bartlett\", \"hann\", \"hamming\", \"blackman\", \
              \"blackman_harris\", \"nuttall\", \"flattop\"; with a parameter \"kaiser\" (beta), \"gaussian\" (the \
              standard deviation in samples), \"tukey\" (the share that is tapered). Symmetric, or with periodic one \
              period of a longer one, as spectra want it.",
        example: "signal.window(\"hann\", 5)",
        infer: infer_window,
        run: window,
    },
];

/// A spectrum of that dtype and shape before it is known.
pub(super) fn infer_parts(dtype: Option<nexus_model::DType>, shape: Option<infer::Dims>) -> Inferred {
    Ok(infer::record([("re", typed(dtype, shape.clone())), ("im", typed(dtype, shape))]))
}
