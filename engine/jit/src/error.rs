//! Why a unit was not compiled. Nothing has changed then; trying the same unit again does not help.

/// Why a unit was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// There is no code generator for this processor.
    #[error("no native code for this processor: {0}")]
    UnknownProcessor(String),
    /// A function is beyond the bounds of the code generator.
    #[error("the function is too large for native code")]
    TooLarge,
    /// The unit breaks a rule of its form: a defect of whoever made it.
    #[error("malformed code: {0}")]
    Malformed(String),
    /// The code generator refused it.
    #[error("the code generator refused it: {0}")]
    Refused(String),
}
