//! The campaign in namespaces of its own: what it mounts, names and starts is gone when it ends, however it ends.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::linux::error::CampaignError;
use crate::linux::system::tool;

/// Tells the process inside from the one that starts it.
const INSIDE: &str = "NEXUS_CAMPAIGN_INSIDE";

/// Starts this program again inside, with the same arguments. Returns only inside.
pub(crate) fn enter() -> Result<(), CampaignError> {
    if std::env::var_os(INSIDE).is_some() {
        // Names of network namespaces that nobody else sees.
        std::fs::create_dir_all("/run/netns").map_err(|error| CampaignError::setup("make /run/netns", error))?;
        return tool(&["mount", "-t", "tmpfs", "campaign", "/run/netns"]).map(drop);
    }
    let own = std::env::current_exe().map_err(|error| CampaignError::setup("find this program", error))?;
    let error = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "--"])
        .arg(own)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(CampaignError::setup("run `unshare`", error))
}

/// A file system of so many MiB in a file, mounted at `place`: a disk that is small enough to be filled.
pub(crate) fn mount_disk(image: &Path, place: &Path, mebibytes: u64) -> Result<(), CampaignError> {
    let failed = |error: std::io::Error| CampaignError::setup(format!("make {}", image.display()), error);
    let file = std::fs::File::create(image).map_err(failed)?;
    file.set_len(mebibytes << 20).map_err(failed)?;
    std::fs::create_dir_all(place).map_err(failed)?;
    let (image, place) = (image.display().to_string(), place.display().to_string());
    tool(&["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", &image])?;
    tool(&["mount", "-o", "loop", &image, &place]).map(drop)
}
