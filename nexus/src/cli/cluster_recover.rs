//! `nexus cluster`: its emergency stop, and `recover`: when the majority of the voters is lost for good, one that is left goes
//! on alone.

use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use super::world::World;
use crate::output::Console;
use crate::output::json::document;

/// Stop all work at once, give it out again, or bring a cluster back whose majority is lost.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    pub(crate) verb: ClusterVerb,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ClusterVerb {
    /// Emergency stop: every running task is stopped and goes back to the queue, and nothing is given out until `resume`
    #[command(after_help = "Examples:\n  nexus cluster stop-all\n  nexus cluster resume")]
    StopAll,
    /// Give work out again after `stop-all`
    #[command(after_help = "Examples:\n  nexus cluster resume")]
    Resume,
    /// Make the stopped node of this data folder the only voter; shows what it has, and changes nothing without --yes
    #[command(after_help = "\
Examples:
  nexus cluster recover          on each voter that is left: the one with the highest last entry has the most
  nexus cluster recover --yes    on that one, once
  nexus node start               and go on; the others join again with an empty folder and a new token")]
    Recover {
        /// Do it: what only the lost voters had is given up
        #[arg(long)]
        yes: bool,
    },
}

/// What a stopped node has; also the document of `--json`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RecoverySurvey {
    pub(crate) node: u64,
    pub(crate) cluster: String,
    /// Index of the last entry in its log.
    pub(crate) last_entry: u64,
    /// Index of the last entry that it knows to be accepted.
    pub(crate) committed: u64,
    pub(crate) term: u64,
    pub(crate) voters: Vec<u64>,
    /// Whether it is the only voter now.
    pub(crate) recovered: bool,
}

/// `nexus cluster recover`.
pub(crate) fn recover(yes: bool, data: &Path, world: &impl World, console: &mut Console) -> Result<(), CliError> {
    let survey = world.recover(data, false)?;
    if survey.voters.as_slice() == [survey.node] {
        let message = format!("node-{} is the only voter already: nobody else is needed", survey.node);
        return Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help("`nexus node start` starts it"));
    }
    let survey = if yes { world.recover(data, true)? } else { survey };
    if console.is_json() {
        console.answer(&document(&survey));
    } else {
        console.answer(&shown(&survey));
    }
    Ok(())
}

fn shown(survey: &RecoverySurvey) -> String {
    let RecoverySurvey { node, cluster, last_entry, committed, term, voters, recovered } = survey;
    let others: Vec<String> =
        voters.iter().filter(|voter| *voter != node).map(|voter| format!("node-{voter}")).collect();
    let others = others.join(", ");
    let has = format!(
        "node-{node} of cluster \"{cluster}\" has the log up to entry {last_entry} (term {term}); \
         up to {committed} it knows to be accepted\n"
    );
    let next = match recovered {
        true => format!(
            "it is the only voter now; {others} are given up\n\
             Go on:  nexus node start, then nexus token create for each machine that joins again with an empty folder\n"
        ),
        false => format!(
            "what was accepted after entry {last_entry} and is on {others} only would be lost, and they are shut out \
             for ever\n\
             Do it only if no majority of the voters can be brought back:  nexus cluster recover --yes\n"
        ),
    };
    has + &next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_lost_is_said_before_anything_is_done() {
        let survey = RecoverySurvey {
            node: 2,
            cluster: "studio".to_owned(),
            last_entry: 120,
            committed: 118,
            term: 4,
            voters: vec![1, 2, 3],
            recovered: false,
        };
        insta::assert_snapshot!(shown(&survey), @r#"
        node-2 of cluster "studio" has the log up to entry 120 (term 4); up to 118 it knows to be accepted
        what was accepted after entry 120 and is on node-1, node-3 only would be lost, and they are shut out for ever
        Do it only if no majority of the voters can be brought back:  nexus cluster recover --yes
        "#);
        let done = shown(&RecoverySurvey { recovered: true, ..survey });
        assert!(done.contains("node-1, node-3 are given up"), "{done}");
    }
}
