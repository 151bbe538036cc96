//! The file formats that programs read and write, as bytes ⇄ [`nexus_model::Value`].
//!
//! Pure: no file is opened here, so nothing is granted here either. Files come from strangers; every reader answers any
//! bytes at all with a value or an error that says where, what was expected and what was found, and checks each length
//! against the bytes that are there before it allocates.

mod csv;
mod element;
mod error;
mod format;
pub mod json;
mod npy;
mod npy_header;
mod npz;
mod png;
mod safetensors;
mod tensors;

pub use error::{FormatError, Place};
pub use format::{Format, read, write};
