//! What stops a running program. The place is known only to the machine, which adds it when the fault leaves.

use nexus_model::{LimitHit, LimitKind};
use nexus_tensor::TensorError;

use crate::codes::Code;
use crate::hir::FunctionId;

/// A result inside the machine. Faults are rare and boxed, so that results stay small.
pub(crate) type Outcome<T> = Result<T, Box<Fault>>;

/// Why the program stops.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// The limit that was hit, for the caller that reports limits.
    pub(crate) limit: Option<LimitHit>,
    /// Function and instruction inside calls that a library function made, innermost first.
    pub(crate) places: Vec<(FunctionId, usize)>,
}

impl Fault {
    /// A fault without help.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Box<Fault> {
        Box::new(Fault { code, message: message.into(), help: None, limit: None, places: Vec::new() })
    }

    /// What to write instead.
    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Fault> {
        self.help = Some(help.into());
        self
    }

    /// A value of another kind was needed.
    pub(crate) fn kind(what: &str, expected: &str, found: &super::value::Value) -> Box<Fault> {
        Fault::new(Code::WrongTypeRunning, format!("{what} needs {expected}, found {}", found.describe()))
    }

    /// A limit was hit.
    pub(crate) fn limit(hit: LimitHit) -> Box<Fault> {
        let (code, help) = match hit.kind {
            LimitKind::Wall => (
                Code::LimitWall,
                "a looser level gives more time, where the role allows it: `nexus submit --limits low`",
            ),
            LimitKind::Memory => (Code::LimitMemory, "work in slices, or use a smaller dtype"),
            LimitKind::LoopIterations => (Code::LimitLoops, "tensor operations replace loops over elements"),
            LimitKind::Recursion => (Code::LimitRecursion, "a recursion needs an end; a loop needs no recursion"),
            LimitKind::TensorElements => {
                (Code::LimitElements, "work in slices, or ask for a more generous level of limits")
            }
            LimitKind::Output => (Code::LimitOutput, "return values, or use `output(\"name\", value)` for data"),
        };
        let mut fault = Fault::new(code, hit.to_string()).help(help);
        fault.limit = Some(hit);
        fault
    }

    /// The run was cancelled.
    pub(crate) fn cancelled() -> Box<Fault> {
        Fault::new(Code::Cancelled, "the run was cancelled")
    }

    /// The machine itself is wrong.
    pub(crate) fn internal(what: &str) -> Box<Fault> {
        Fault::new(Code::Internal, format!("the virtual machine met an impossible state: {what}"))
            .help("this is a defect of nexus; please report it with the program")
    }

    /// What a library function said.
    pub(crate) fn tensor(error: TensorError) -> Box<Fault> {
        let help = error.help();
        let code = match error {
            TensorError::Limit(hit) => return Fault::limit(hit),
            TensorError::Cancelled => return Fault::cancelled(),
            TensorError::OutOfMemory { .. } => Code::LimitMemory,
            TensorError::Shapes { .. } => Code::ShapesRunning,
            TensorError::Index { .. } => Code::IndexOutOfRange,
            TensorError::Argument { .. } | TensorError::DType { .. } => Code::WrongTypeRunning,
            TensorError::DivisionByZero => Code::DivisionByZero,
            TensorError::NotFinite { .. } => Code::NotFinite,
            _ => Code::OperationFailed,
        };
        Fault::new(code, error.to_string()).help(help)
    }
}
