//! The codes of what a command can find wrong before or beside a program and a node: `NX05xx`.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub(crate) const $name: &str = $code;)+

        const EXPLANATIONS: &[(&str, &str)] = &[$(($code, concat!($($doc, "\n"),+))),+];
    };
}

codes! {
    /// The command line could not be understood: an unknown verb or option, a missing or misspelt value. Each verb's
    /// --help shows examples.
    USAGE = "NX0501";
    /// A file that was named on the command line does not exist, is a folder, or may not be read.
    UNREADABLE_FILE = "NX0502";
    /// A program is text in UTF-8; the file is not.
    NOT_TEXT = "NX0503";
    /// An input file is damaged or of a format that is not read here. Inputs are .npy, .npz, .safetensors, .csv or .json.
    BAD_INPUT = "NX0504";
    /// What a command makes could not be written: where --output or --html says, or not in that format, or to stdout because
    /// its disk is full.
    BAD_OUTPUT = "NX0505";
    /// The command was interrupted with Ctrl-C.
    INTERRUPTED = "NX0506";
    /// There is no explanation for this code: codes look like MC0203 or NX0405.
    NO_SUCH_CODE = "NX0507";
    /// The job or task has not ended, so it has no result yet. `nexus job wait ID` waits for it.
    NO_RESULT_YET = "NX0508";
    /// The job ended without success; `nexus job show ID` says why, `nexus job logs ID` what it printed.
    JOB_FAILED = "NX0509";
    /// The job was cancelled before it ended.
    JOB_CANCELLED = "NX0510";
    /// A task ran longer than its --timeout in each of its attempts.
    TASK_TIMED_OUT = "NX0511";
    /// The task had not ended when the deadline of its job was over (`--deadline`), so it was ended then.
    JOB_OVERDUE = "NX0518";
    /// There is nothing at this address of the web page; the message names what there is.
    NO_SUCH_PAGE = "NX0519";
    /// The cluster did not answer the web page in time, or has no leader. `nexus status` shows which nodes are down.
    PAGE_WAITS = "NX0520";
    /// `nexus node start --join` without an address found no node of the local network that it could join: none is there,
    /// none is of the token's cluster, or there is no token. `--join ADDRESS` needs no finding.
    NOBODY_TO_JOIN = "NX0521";
    /// `nexus node stop` told a node of this machine to stop, and its process was still there half a minute later. It goes on
    /// stopping; its log says what it waits for.
    STILL_THERE = "NX0522";
    /// The node gave an answer that this command does not understand. Are both of the same version?
    UNEXPECTED_ANSWER = "NX0512";
    /// The settings cannot be used as they are; the message names the file and the key.
    BAD_CONFIG = "NX0513";
    /// The file of a graph of tasks (`nexus submit job.toml`) cannot be used as it is; the message names the task and what
    /// is wrong. Nothing was submitted.
    BAD_GRAPH = "NX0515";
    /// The name or id fits no node, or several.
    WHICH_NODE = "NX0514";
    /// Nothing was learned yet of that program, job or hash on this kind of machine. `nexus run FILE --optimize` learns.
    NOTHING_LEARNED = "NX0541";
    /// A program of `nexus optimizer bench` failed; the message says why. This is a defect worth a report.
    BENCH_FAILED = "NX0542";
    /// `nexus doctor` found something that does not work; each finding says what to do.
    DOCTOR = "NX0516";
    /// The address of a node's web page cannot be had: another program has the port, or the machine has no such address.
    NO_WEB_PAGE = "NX0517";
    /// Programs are not in the one layout that `nexus mcode fmt` gives them.
    NOT_FORMATTED = "NX0531";
    /// The library has nothing of this name, and no text that mentions it.
    NO_SUCH_ENTRY = "NX0532";
    /// The editor that `nexus lsp` spoke with has gone, or sent what is no message of the language server protocol.
    EDITOR_GONE = "NX0533";
    /// An entry of the audit log is not what was written, or one before it is missing: the chain of hashes does not close.
    AUDIT_BROKEN = "NX0543";
    /// The folder, the vxor.toml or the component of an external module cannot be used as it is; the message says what is wrong
    /// and where. Nothing was added.
    BAD_MODULE = "NX0551";
    /// No external module of this name is installed here.
    NO_SUCH_MODULE = "NX0552";
    /// An external module asks for something (the network, a variable, a folder) that it was not allowed with --allow.
    MODULE_NOT_ALLOWED = "NX0553";
    /// The external module has no such function, or the function takes other arguments. Nothing was started.
    BAD_MODULE_CALL = "NX0554";
    /// A call of an external module gave no value: it could not be started, ended, took too long, used up its fuel or memory,
    /// answered something else than its vxor.toml says, or says itself that it failed.
    MODULE_FAILED = "NX0555";
    /// What is installed of an external module is not what was added, or its disk failed. Adding it again mends it.
    MODULE_DAMAGED = "NX0556";
    /// Where `nexus service` has its file is one that somebody else wrote, or a link. It is left alone; `nexus service install
    /// --force` overwrites it.
    FOREIGN_SERVICE = "NX0571";
    /// systemd or launchd did not do what `nexus service` asked of it; the message has its words. The file of the service is
    /// written where it was to be installed, and still there where it was to go; the same command tries again.
    SERVICE_REFUSED = "NX0572";
    /// There is nobody here to keep a service: the system has neither systemd nor launchd, or the user has no home folder.
    NO_SERVICE_HERE = "NX0573";
    /// A path or a name cannot stand in the file of a service: it has control characters, or is not UTF-8. Nothing was written.
    NOT_A_SERVICE = "NX0574";
    /// A formula of `nexus math` could not be read; the message says where and why. Formulas are written as
    /// 2x^2 + sin(pi*x)/3, or in LaTeX.
    BAD_FORMULA = "NX0561";
    /// `nexus math` has no answer: no method here finds one, or none was found in time. This does not say that there is none.
    NO_MATH_ANSWER = "NX0562";
}

/// What `nexus explain CODE` prints, if the code is one of the command line's.
pub(crate) fn explain(code: &str) -> Option<&'static str> {
    EXPLANATIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, text)| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_given_once_and_explained() {
        let mut codes: Vec<_> = EXPLANATIONS.iter().map(|(code, _)| code).collect();
        codes.dedup();
        assert_eq!(codes.len(), EXPLANATIONS.len());
        assert!(explain("nx0508").is_some_and(|text| text.contains("nexus job wait")));
        assert_eq!(explain("NX9999"), None);
    }
}
