//! The codes of what can be wrong with a decision model or a question to it: `NX10xx`, each with what `nexus explain`
//! says of it.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub(crate) const $name: &str = $code;)+

        /// Every code with its explanation.
        pub const EXPLANATIONS: &[(&str, &str)] = &[$(($code, concat!($($doc, "\n"),+))),+];
    };
}

codes! {
    /// The text is not in the format that its name says: BIF (the interchange format of the public network repository) for
    /// `.bif`, TOML for `.toml`. The place that could not be read is marked. `docs/decisions.md` describes both.
    BAD_SYNTAX = "NX1001";
    /// A variable is declared twice, has no states, or two states of one name. Every variable has a name of its own and at
    /// least one state.
    BAD_VARIABLE = "NX1002";
    /// A name that nothing declares: a variable, or a state that the variable does not have. The states that it has are
    /// listed.
    UNKNOWN_NAME = "NX1003";
    /// A table does not fit its variables: too few or too many numbers, a row that is missing or given twice, a probability
    /// outside 0 to 1, or a row that does not sum to one. A row has a number for each state of the variable; there is a row
    /// for each combination of the parents' states. Sums that miss one by no more than 0.01 are taken for rounding and
    /// scaled, with a warning.
    BAD_TABLE = "NX1004";
    /// The arrows of the network run in a circle, so no order of cause and effect exists. Remove one arrow of the circle
    /// that the message names, or unroll it over time.
    CYCLE = "NX1005";
    /// The model is larger than is read or answered exactly. The message says how much memory an exact answer needs and
    /// how much it may take: raise the limit (`--memory`), ask for a sampled answer (`--method sampled`), or remove arrows
    /// between variables that hardly influence each other.
    TOO_LARGE = "NX1006";
    /// By the model the evidence cannot happen: its probability is zero. Two observations contradict each other, or a table
    /// says 0 where it should say a small number.
    IMPOSSIBLE_EVIDENCE = "NX1007";
    /// The question does not fit the model: a variable asked twice, evidence on a variable that is asked for, a likelihood
    /// that is not a number, or a number of samples that is zero.
    BAD_QUESTION = "NX1008";
    /// The decision model does not say something that a decision needs: no decision, no utility, an information arrow that
    /// would let a decision know its own consequences, or a risk tolerance that is zero.
    BAD_DECISION = "NX1009";
    /// Sampling gave no usable answer: no sample, or next to none, agrees with the evidence. Ask exactly, or for more
    /// samples.
    NO_SAMPLES = "NX1010";
    /// The criteria do not fit the alternatives: a score that is missing or not a number, a negative weight, or weights
    /// that are all zero.
    BAD_CRITERIA = "NX1011";
    /// The fuzzy system, or a rule of it, cannot be: a shape whose numbers are out of order, a scale that does not ascend,
    /// a word that a variable does not have, or a sentence that is not of the form `if ... is ... then ... is ...`.
    BAD_FUZZY = "NX1012";
    /// A symbolic rule cannot be: a statement that is not of the form `a = x`, joined with `and`, `or`, `not` and `=>`; a
    /// name or state that the model does not have; or a priority that is not listed. Rules that are read but too many and
    /// too entangled to judge are refused too.
    BAD_RULE = "NX1013";
    /// The data do not fit the model: no column is named like a variable, a state that the variable does not have, a line
    /// with too few or too many cells. A cell that is empty, `?` or `NA` is a value that was not observed.
    BAD_DATA = "NX1014";
    /// The circuit cannot be: a gate that does not exist, a qubit that it does not have, or more than 24 qubits.
    BAD_CIRCUIT = "NX1015";
}

/// What `nexus explain CODE` prints, if the code is one of this crate's.
pub fn explain(code: &str) -> Option<&'static str> {
    EXPLANATIONS.iter().find(|(known, _)| *known == code).map(|(_, text)| text.trim())
}
