//! What a person or a program reads: values, tables, diagnostics and the stable JSON.
//!
//! Everything here turns data into text; where the text goes is [`Console`]'s. Colours are always in the text and are
//! taken out again by the console where its stream is no terminal.

pub mod console;
pub mod diagnostic;
pub mod human;
pub mod json;
pub mod number;
pub mod paint;
pub mod table;
pub mod tensor;
pub mod units;

pub use console::Console;
