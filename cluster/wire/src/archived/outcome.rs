//! Payloads, diagnostics, outcomes and costs.

use nexus_model::{
    BlobHash, Cost, Diagnostic, Failure, INLINE_BYTES_MAX, Label, Outcome, Payload, Severity, Span, TaskOutput,
};
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::{DurationV1, WireError, plain_enum, read_all};

/// [`Payload`].
#[derive(Debug, Archive, Serialize)]
#[repr(u8)]
pub enum PayloadV1<'a> {
    /// Here.
    Inline(#[rkyv(with = InlineAsBox)] &'a [u8]) = 0,
    /// Addressed.
    Blob {
        /// Content address; beside the payload, so that the usual small one does not carry its room.
        #[rkyv(with = InlineAsBox)]
        hash: &'a [u8; 32],
        /// Length.
        bytes: u64,
    } = 1,
}

impl<'a> From<&'a Payload> for PayloadV1<'a> {
    fn from(payload: &'a Payload) -> Self {
        match payload {
            Payload::Inline(bytes) => PayloadV1::Inline(bytes),
            Payload::Blob { hash, bytes } => PayloadV1::Blob { hash: &hash.0, bytes: *bytes },
        }
    }
}

impl TryFrom<&ArchivedPayloadV1<'_>> for Payload {
    type Error = WireError;

    fn try_from(form: &ArchivedPayloadV1<'_>) -> Result<Self, WireError> {
        match form {
            ArchivedPayloadV1::Inline(bytes) if bytes.len() > INLINE_BYTES_MAX => {
                Err(WireError::TooLarge { what: "inline payload", found: bytes.len(), most: INLINE_BYTES_MAX })
            }
            ArchivedPayloadV1::Inline(bytes) => Ok(Payload::Inline(bytes[..].into())),
            ArchivedPayloadV1::Blob { hash, bytes } => {
                Ok(Payload::Blob { hash: BlobHash(**hash), bytes: bytes.to_native() })
            }
        }
    }
}

/// A payload with its name.
#[derive(Debug, Archive, Serialize)]
pub struct NamedPayloadV1<'a> {
    #[rkyv(with = InlineAsBox)]
    pub(crate) name: &'a str,
    pub(crate) payload: PayloadV1<'a>,
}

impl TryFrom<&ArchivedNamedPayloadV1<'_>> for (String, Payload) {
    type Error = WireError;

    fn try_from(form: &ArchivedNamedPayloadV1<'_>) -> Result<Self, WireError> {
        Ok((form.name.to_string(), (&form.payload).try_into()?))
    }
}

/// [`Span`].
#[derive(Debug, Archive, Serialize)]
pub struct SpanV1 {
    start: u32,
    end: u32,
    line: u32,
    column: u32,
}

/// [`Label`].
#[derive(Debug, Archive, Serialize)]
pub struct LabelV1<'a> {
    span: SpanV1,
    #[rkyv(with = InlineAsBox)]
    text: &'a str,
}

impl<'a> From<&'a Label> for LabelV1<'a> {
    fn from(label: &'a Label) -> Self {
        let Span { start, end, line, column } = label.span;
        LabelV1 { span: SpanV1 { start, end, line, column }, text: &label.text }
    }
}

impl From<&ArchivedLabelV1<'_>> for Label {
    fn from(form: &ArchivedLabelV1<'_>) -> Self {
        let ArchivedSpanV1 { start, end, line, column } = &form.span;
        let span =
            Span { start: start.to_native(), end: end.to_native(), line: line.to_native(), column: column.to_native() };
        Label { span, text: form.text.to_string() }
    }
}

plain_enum!(
    /// [`Severity`].
    pub SeverityV1, ArchivedSeverityV1, Severity { Warning = 0, Error = 1 }
);

/// [`Diagnostic`].
#[derive(Debug, Archive, Serialize)]
pub struct DiagnosticV1<'a> {
    severity: SeverityV1,
    #[rkyv(with = InlineAsBox)]
    code: &'a str,
    #[rkyv(with = InlineAsBox)]
    message: &'a str,
    #[rkyv(with = InlineAsBox)]
    file: &'a str,
    primary: Option<LabelV1<'a>>,
    secondary: Vec<LabelV1<'a>>,
    #[rkyv(with = Map<InlineAsBox>)]
    help: Option<&'a str>,
}

impl<'a> From<&'a Diagnostic> for DiagnosticV1<'a> {
    fn from(diagnostic: &'a Diagnostic) -> Self {
        DiagnosticV1 {
            severity: diagnostic.severity.into(),
            code: &diagnostic.code,
            message: &diagnostic.message,
            file: &diagnostic.file,
            primary: diagnostic.primary.as_ref().map(Into::into),
            secondary: diagnostic.secondary.iter().map(Into::into).collect(),
            help: diagnostic.help.as_deref(),
        }
    }
}

impl From<&ArchivedDiagnosticV1<'_>> for Diagnostic {
    fn from(form: &ArchivedDiagnosticV1<'_>) -> Self {
        Diagnostic {
            severity: (&form.severity).into(),
            code: form.code.to_string(),
            message: form.message.to_string(),
            file: form.file.to_string(),
            primary: form.primary.as_ref().map(Into::into),
            secondary: form.secondary.iter().map(Into::into).collect(),
            help: form.help.as_ref().map(|help| help.to_string()),
        }
    }
}

/// [`Failure`].
#[derive(Debug, Archive, Serialize)]
pub struct FailureV1<'a> {
    #[rkyv(with = InlineAsBox)]
    code: &'a str,
    #[rkyv(with = InlineAsBox)]
    message: &'a str,
    diagnostic: Option<Box<DiagnosticV1<'a>>>,
    retryable: bool,
}

impl<'a> From<&'a Failure> for FailureV1<'a> {
    fn from(failure: &'a Failure) -> Self {
        FailureV1 {
            code: &failure.code,
            message: &failure.message,
            diagnostic: failure.diagnostic.as_deref().map(|diagnostic| Box::new(diagnostic.into())),
            retryable: failure.retryable,
        }
    }
}

impl From<&ArchivedFailureV1<'_>> for Failure {
    fn from(form: &ArchivedFailureV1<'_>) -> Self {
        Failure {
            code: form.code.to_string(),
            message: form.message.to_string(),
            diagnostic: form.diagnostic.as_ref().map(|diagnostic| Box::new((&**diagnostic).into())),
            retryable: form.retryable,
        }
    }
}

/// [`Outcome`].
#[derive(Debug, Archive, Serialize)]
#[repr(u8)]
pub enum OutcomeV1<'a> {
    /// It returned.
    Succeeded {
        /// What it returned.
        result: PayloadV1<'a>,
        /// What it put out.
        outputs: Vec<NamedPayloadV1<'a>>,
    } = 0,
    /// It did not.
    Failed(Box<FailureV1<'a>>) = 1,
    /// It was stopped.
    Cancelled = 2,
    /// It ran too long.
    TimedOut = 3,
}

impl<'a> From<&'a Outcome> for OutcomeV1<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        match outcome {
            Outcome::Succeeded(output) => OutcomeV1::Succeeded {
                result: (&output.result).into(),
                outputs: output
                    .outputs
                    .iter()
                    .map(|(name, payload)| NamedPayloadV1 { name, payload: payload.into() })
                    .collect(),
            },
            Outcome::Failed(failure) => OutcomeV1::Failed(Box::new(failure.into())),
            Outcome::Cancelled => OutcomeV1::Cancelled,
            Outcome::TimedOut => OutcomeV1::TimedOut,
        }
    }
}

impl TryFrom<&ArchivedOutcomeV1<'_>> for Outcome {
    type Error = WireError;

    fn try_from(form: &ArchivedOutcomeV1<'_>) -> Result<Self, WireError> {
        Ok(match form {
            ArchivedOutcomeV1::Succeeded { result, outputs } => {
                Outcome::Succeeded(TaskOutput { result: result.try_into()?, outputs: read_all(outputs)? })
            }
            ArchivedOutcomeV1::Failed(failure) => Outcome::Failed((&**failure).into()),
            ArchivedOutcomeV1::Cancelled => Outcome::Cancelled,
            ArchivedOutcomeV1::TimedOut => Outcome::TimedOut,
        })
    }
}

/// [`Cost`].
#[derive(Debug, Archive, Serialize)]
pub struct CostV1<'a> {
    wall: DurationV1,
    #[rkyv(with = InlineAsBox)]
    device: &'a str,
    stdout: Option<PayloadV1<'a>>,
    stderr: Option<PayloadV1<'a>>,
    exit_code: Option<i32>,
}

impl<'a> From<&'a Cost> for CostV1<'a> {
    fn from(cost: &'a Cost) -> Self {
        CostV1 {
            wall: cost.wall.into(),
            device: &cost.device,
            stdout: cost.stdout.as_ref().map(Into::into),
            stderr: cost.stderr.as_ref().map(Into::into),
            exit_code: cost.exit_code,
        }
    }
}

impl TryFrom<&ArchivedCostV1<'_>> for Cost {
    type Error = WireError;

    fn try_from(form: &ArchivedCostV1<'_>) -> Result<Self, WireError> {
        Ok(Cost {
            wall: (&form.wall).try_into()?,
            device: form.device.to_string(),
            stdout: form.stdout.as_ref().map(TryInto::try_into).transpose()?,
            stderr: form.stderr.as_ref().map(TryInto::try_into).transpose()?,
            exit_code: form.exit_code.as_ref().map(|code| code.to_native()),
        })
    }
}
