//! What a message may hold. The same check is made before encoding and after decoding, so that no node is sent what it
//! would refuse, and none keeps what it should have refused.
//!
//! These are the bounds that make a message safe to hold and to compute with. Whether it makes sense (an empty command,
//! too many tasks) is for the gateway to say, in words for its user.

use std::time::Duration;

use nexus_model::{
    Cost, Diagnostic, Failure, INLINE_BYTES_MAX, IndexRange, JobSpec, Label, Limits, NodeCapacity, Outcome, Payload,
    Program, TaskOutput,
};

use super::WireError;

/// Most bytes of a name, a path, an address, a code or a token: the longest path of our platforms.
pub const NAME_BYTES_MAX: usize = 4 << 10;
/// Most bytes of a text for people (a message, a hint, a label) or of a certificate.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// The longest length of time, 100 years: can be added to a reading of any clock.
pub const DURATION_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// What has bounds.
pub trait Bounded {
    /// Whether everything in it is within its bounds.
    fn check_bounds(&self) -> Result<(), WireError>;
}

impl<T: Bounded> Bounded for [T] {
    fn check_bounds(&self) -> Result<(), WireError> {
        self.iter().try_for_each(Bounded::check_bounds)
    }
}

impl<T: Bounded> Bounded for Option<T> {
    fn check_bounds(&self) -> Result<(), WireError> {
        self.iter().try_for_each(Bounded::check_bounds)
    }
}

/// A name, a path, an address, a code or a token.
pub(super) fn name(what: &'static str, text: &str) -> Result<(), WireError> {
    bytes(what, text.len(), NAME_BYTES_MAX)
}

/// A text for people, or a certificate.
pub(super) fn text(what: &'static str, text: &str) -> Result<(), WireError> {
    bytes(what, text.len(), TEXT_BYTES_MAX)
}

/// Some number of bytes.
pub(super) fn bytes(what: &'static str, found: usize, most: usize) -> Result<(), WireError> {
    if found > most { Err(WireError::TooLarge { what, found, most }) } else { Ok(()) }
}

/// A length of time, where there is one.
pub(super) fn duration(what: &'static str, duration: Option<Duration>) -> Result<(), WireError> {
    match duration {
        Some(found) if found > DURATION_MAX => Err(WireError::TooLong { what, found }),
        _ => Ok(()),
    }
}

impl Bounded for IndexRange {
    fn check_bounds(&self) -> Result<(), WireError> {
        if self.end < self.start { Err(WireError::Range(*self)) } else { Ok(()) }
    }
}

impl Bounded for JobSpec {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("job's name", &self.name)?;
        name("user's name", &self.user)?;
        match &self.program {
            Program::MCode { file, source: _ } => name("program's file name", file)?,
            Program::Command { argv: _, env: _, cwd } => name("working directory", cwd.as_deref().unwrap_or_default())?,
        }
        self.tasks.check_bounds()?;
        self.arguments.iter().try_for_each(|(argument, _)| name("argument's name", argument))?;
        for input in &self.inputs {
            name("input's name", &input.name)?;
            input.payload.check_bounds()?;
        }
        self.limits.check_bounds()?;
        self.conditions.check_bounds()?;
        self.selection.check_bounds()?;
        duration("timeout", self.timeout)
    }
}

impl Bounded for Limits {
    fn check_bounds(&self) -> Result<(), WireError> {
        duration("wall-clock limit", self.wall)
    }
}

impl Bounded for Payload {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            Payload::Inline(content) => bytes("inline payload", content.len(), INLINE_BYTES_MAX),
            Payload::Blob { hash: _, bytes: _ } => Ok(()),
        }
    }
}

impl Bounded for Outcome {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            Outcome::Succeeded(TaskOutput { result, outputs }) => {
                result.check_bounds()?;
                outputs.iter().try_for_each(|(output, payload)| {
                    name("output's name", output)?;
                    payload.check_bounds()
                })
            }
            Outcome::Failed(failure) => failure.check_bounds(),
            Outcome::Cancelled | Outcome::TimedOut => Ok(()),
        }
    }
}

impl Bounded for Failure {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("failure's code", &self.code)?;
        text("failure's message", &self.message)?;
        self.diagnostic.iter().try_for_each(|diagnostic| diagnostic.check_bounds())
    }
}

impl Bounded for Diagnostic {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("diagnostic's code", &self.code)?;
        text("diagnostic's message", &self.message)?;
        name("diagnostic's file name", &self.file)?;
        self.primary.check_bounds()?;
        self.secondary.check_bounds()?;
        text("diagnostic's help", self.help.as_deref().unwrap_or_default())
    }
}

impl Bounded for Label {
    fn check_bounds(&self) -> Result<(), WireError> {
        IndexRange::new(self.span.start, self.span.end).check_bounds()?;
        text("diagnostic's label", &self.text)
    }
}

impl Bounded for Cost {
    fn check_bounds(&self) -> Result<(), WireError> {
        duration("attempt's wall-clock time", Some(self.wall))?;
        name("device's name", &self.device)?;
        self.stdout.check_bounds()?;
        self.stderr.check_bounds()
    }
}

impl Bounded for NodeCapacity {
    fn check_bounds(&self) -> Result<(), WireError> {
        self.devices.iter().try_for_each(|device| name("device's name", &device.name))
    }
}
