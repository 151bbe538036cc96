//! What a key stands for: the job that was submitted with it first, which need not be what is submitted now; and what becomes
//! of a submission without an answer.

use std::time::Duration;

use nexus_model::{IndexRange, JobId};
use nexus_wire::Refusal;

use super::cluster::{self, Cluster};
use super::codes;
use super::error::{CliError, Exit};
use super::jobs::now_ms;
use crate::output::paint::one_line;
use crate::output::units;

/// What a cluster says of a key that another submission has.
const KEY_OF_ANOTHER: &str = "NX0115";

/// Refuses what is seen to be another submission than that of the key's job, where a leader of an earlier version did not: nothing
/// was submitted then.
pub(super) async fn held_by(job: JobId, name: &str, tasks: IndexRange, cluster: &impl Cluster) -> Result<(), CliError> {
    let view = cluster::job(cluster, job).await?;
    if view.name == name && view.tasks == tasks {
        return Ok(());
    }
    let counted = |tasks: IndexRange| units::count(u64::from(tasks.len()), "task");
    let age = Duration::from_millis(now_ms().saturating_sub(view.submitted_at_ms));
    let message = format!(
        "the key is that of {job}, {} ({}), submitted {} ago: {} ({}) was not submitted",
        one_line(&view.name),
        counted(view.tasks),
        units::duration(age),
        one_line(name),
        counted(tasks),
    );
    let help = format!("give another --key for it, or see the job with `nexus job show {}`", job.0);
    Err(CliError::new(Exit::Usage, KEY_OF_ANOTHER, message).with_help(help))
}

/// The error of a submission that was refused or got no answer: whether it may have been accepted, and how to go on.
pub(super) fn not_submitted(refusal: Refusal, is_keyed: bool) -> CliError {
    let more = match (refusal.code.as_str(), is_keyed) {
        // No answer in time, on the way here or at the leader.
        ("NX0105" | "NX0211" | "NX0415", false) => {
            "whether it was accepted is not known: `nexus jobs` shows it if so; with --key NAME a submission can be repeated \
             and is one job"
        }
        ("NX0105" | "NX0211" | "NX0415" | "NX0106", true) => {
            "whether it was accepted is not known; submit it again with the same --key: that is one job"
        }
        // Without a key nothing is asked for twice, so that no attempt came through.
        ("NX0106", false) => "nothing was submitted",
        _ => return refusal.into(),
    };
    let error = CliError::from(refusal);
    let help = error.help.iter().map(String::as_str).chain([more]).collect::<Vec<_>>().join("; ");
    error.with_help(help)
}

/// The error of a submission that the user left before the answer came.
pub(super) fn interrupted(is_keyed: bool) -> CliError {
    let help = match is_keyed {
        false => "whether it was accepted is not known: `nexus jobs` shows it if so",
        true => "whether it was accepted is not known; submit it again with the same --key: that is one job",
    };
    interrupted_before(help)
}

/// The error of a command that the user left; what became of what it asked for.
pub(super) fn interrupted_before(what: &str) -> CliError {
    CliError::new(Exit::Cancelled, codes::INTERRUPTED, "interrupted").with_help(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_no_answer_is_told_whether_a_repetition_is_safe() {
        let refusal = |code: &str| Refusal {
            code: code.to_owned(),
            message: "m".to_owned(),
            help: Some("2 of 3 voters must be up".to_owned()),
            retry_after: None,
            leader: None,
        };
        let help = |code, is_keyed| not_submitted(refusal(code), is_keyed).help.unwrap();
        assert!(help("NX0105", false).contains("up; whether it was accepted is not known: `nexus jobs`"));
        assert!(help("NX0211", false).contains("--key NAME"));
        assert!(help("NX0106", true).contains("again with the same --key"));
        assert_eq!(help("NX0106", false), "2 of 3 voters must be up; nothing was submitted");
        assert_eq!(help("NX0102", false), "2 of 3 voters must be up");
    }

    #[test]
    fn who_leaves_before_the_answer_is_told_so_too() {
        let help = |is_keyed| interrupted(is_keyed).help.unwrap();
        assert_eq!(interrupted(false).exit, Exit::Cancelled);
        assert!(help(false).contains("is not known: `nexus jobs`") && help(true).contains("the same --key"));
    }
}
