//! The tensor engine from outside: one test program, because linking it is the slow part.

mod accuracy;
mod compare;
mod decode;
mod fusion;
mod golden;
mod gpu;
mod inference;
mod limits;
mod properties;
