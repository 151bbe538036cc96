//! The command line of the campaign, and what it leads to.

use std::path::PathBuf;

use crate::linux::error::CampaignError;
use crate::linux::run::{Plan, run};
use crate::linux::{report, sandbox, system};

/// How it is called.
pub(crate) const USAGE: &str =
    "campaign [--kills N] [--seed N] [--voters 3,5] [--binary FILE] [--folder FOLDER] [--report FILE]";

/// The command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// kill -9 in all, shared out among the runs.
    kills: u64,
    /// Of the first run; the next has the next.
    seed: u64,
    /// Sizes of clusters, one run each.
    voters: Vec<usize>,
    binary: PathBuf,
    /// Disks, logs and what commands write.
    folder: PathBuf,
    report: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, CampaignError> {
        let mut options = Options {
            kills: 500,
            seed: 1,
            voters: vec![3, 5],
            binary: nexus_tests::binary::beside_this(),
            folder: std::env::temp_dir().join("nexus-campaign"),
            report: None,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| CampaignError::Usage(format!("`{name}` has no value")))?;
            let number = || -> Result<u64, CampaignError> {
                value.parse().map_err(|_| CampaignError::Usage(format!("`{name} {value}`: write a number")))
            };
            match name.as_str() {
                "--kills" => options.kills = number()?,
                "--seed" => options.seed = number()?,
                "--voters" => options.voters = sizes(&value)?,
                "--binary" => options.binary = value.into(),
                "--folder" => options.folder = value.into(),
                "--report" => options.report = Some(value.into()),
                _ => return Err(CampaignError::Usage(format!("`{name}` is not known"))),
            }
        }
        Ok(options)
    }

    /// Runs the campaign.
    #[expect(clippy::print_stdout, reason = "the program's own output")]
    pub(crate) fn perform(self) -> Result<(), CampaignError> {
        if !self.binary.exists() {
            let message =
                format!("{} is missing: build it with `cargo build --release -p nexus`", self.binary.display());
            return Err(CampaignError::Usage(message));
        }
        sandbox::enter()?;
        // Names of earlier runs must not be mixed with this one's.
        let made = if self.folder.exists() { std::fs::remove_dir_all(&self.folder) } else { Ok(()) };
        made.map_err(|error| CampaignError::setup(format!("empty {}", self.folder.display()), error))?;
        let (mut outcomes, mut left) = (Vec::new(), self.kills);
        for (index, &voters) in self.voters.iter().enumerate() {
            let kills = left.div_ceil((self.voters.len() - index) as u64);
            let plan = Plan { seed: self.seed + index as u64, voters, kills };
            println!("{voters} voters, seed {}, until {kills} processes are killed", plan.seed);
            let folder = self.folder.join(format!("voters{voters}"));
            std::fs::create_dir_all(&folder).map_err(|error| CampaignError::setup("make a folder", error))?;
            let outcome = run(plan, &self.binary, &folder)?;
            left = left.saturating_sub(outcome.kills);
            outcomes.push(outcome);
            for number in 1..=voters {
                system::tool(&["umount", &folder.join(format!("disk{number}")).display().to_string()])?;
                system::tool(&["ip", "netns", "delete", &format!("node{number}")])?;
                system::tool(&["ip", "netns", "delete", &format!("port{number}")])?;
            }
        }
        let text = report::report(&outcomes, &self.command());
        println!("\n{text}");
        match &self.report {
            Some(path) => std::fs::write(path, text)
                .map_err(|error| CampaignError::setup(format!("write {}", path.display()), error)),
            None => Ok(()),
        }
    }

    /// What does the same again.
    fn command(&self) -> String {
        let voters: Vec<String> = self.voters.iter().map(usize::to_string).collect();
        format!(
            "cargo run --release -p nexus-tests --bin campaign -- --kills {} --seed {} --voters {}",
            self.kills,
            self.seed,
            voters.join(",")
        )
    }
}

fn sizes(text: &str) -> Result<Vec<usize>, CampaignError> {
    let sizes: Option<Vec<usize>> =
        text.split(',').map(|size| size.parse().ok().filter(|size| [3, 5, 7].contains(size))).collect();
    sizes.ok_or_else(|| CampaignError::Usage(format!("`--voters {text}`: write 3, 5 or 7, or several of them")))
}
