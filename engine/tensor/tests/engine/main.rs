//! The tensor engine from outside: one test program, because linking it is the slow part.

mod accuracy;
mod compare;
mod decode;
mod extremes;
mod fusion;
mod fusion_gpu;
mod golden;
mod gpu;
mod inference;
mod limits;
mod precise;
mod properties;
mod spectra;
