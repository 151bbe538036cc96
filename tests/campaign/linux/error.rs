//! Why a campaign ends before its end.

use std::path::PathBuf;

/// Either the campaign itself does not work here, or a promise was broken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CampaignError {
    /// The command line is wrong.
    #[error("{0}\n  = help: {usage}", usage = crate::linux::options::USAGE)]
    Usage(String),
    /// A tool of the system said no.
    #[error("cannot {action}: {said}\n  = help: the campaign needs Linux, root, iproute2, util-linux and e2fsprogs")]
    Setup {
        /// What was tried.
        action: String,
        /// What came back.
        said: String,
    },
    /// A node did what it must not, or did not what it must.
    #[error("BROKEN PROMISE: {promise}\n{found}\n  = help: the nodes' words are in {}", folder.display())]
    Broken {
        /// Which promise.
        promise: &'static str,
        /// What was seen.
        found: String,
        /// Where the logs are.
        folder: PathBuf,
    },
}

impl CampaignError {
    /// Something of the system that did not work.
    pub(crate) fn setup(action: impl Into<String>, said: impl ToString) -> Self {
        CampaignError::Setup { action: action.into(), said: said.to_string() }
    }
}
