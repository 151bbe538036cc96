//! What a key stands for: the job that was submitted with it first, which need not be what is submitted now.

use nexus_model::{IndexRange, JobId};

use super::cluster::{self, Cluster};
use super::error::CliError;
use crate::output::paint::{WARNING, paint};
use crate::output::{Console, units};

/// Name and tasks of the job that has the key. Where it can be seen that it is another one, that is said: nothing was
/// submitted then.
pub(super) async fn held_by(
    job: JobId,
    name: String,
    tasks: IndexRange,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(String, IndexRange), CliError> {
    let view = cluster::job(cluster, job).await?;
    if view.name != name || view.tasks != tasks {
        let warning = paint(WARNING, "warning");
        let counted = |tasks: IndexRange| units::count(u64::from(tasks.len()), "task");
        console.say(&format!(
            "{warning}: the key is that of {job}, {} ({}): {name} ({}) was not submitted; give another --key for it",
            view.name,
            counted(view.tasks),
            counted(tasks),
        ));
    }
    Ok((view.name, view.tasks))
}
