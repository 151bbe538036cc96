//! The virtual machine: runs register code.

mod assign;
mod batch;
mod bridge;
mod calling;
mod declared;
mod differentiate;
pub(crate) mod fault;
mod function_value;
pub(crate) mod fuse;
pub(crate) mod host;
pub(crate) mod index;
mod jacobian;
pub(crate) mod kept;
pub(crate) mod list;
pub(crate) mod machine;
pub(crate) mod operate;
mod portable;
mod profiled;
pub(crate) mod registers;
mod sequence;
pub(crate) mod sharing;
mod slow;
pub(crate) mod tasks;
pub(crate) mod text;
pub(crate) mod traced;
pub(crate) mod value;

pub(crate) use declared::name as declared_name;
