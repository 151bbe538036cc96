//! `nexus login`: commands from a machine that is no node.

use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::error::CliError;
use super::node::JOIN_TOKEN_VARIABLE;
use super::world::World;
use crate::output::Console;
use crate::output::json::document;
use crate::output::paint::{NAME, paint};

/// Give commands to a cluster from a machine that is no node of it.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus login 192.168.1.20:4747 --token NXJ1.7Yk…")]
pub(crate) struct LoginArgs {
    /// Address of a node of the cluster
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The token that `nexus token create --role submitter` printed there
    #[arg(long, value_name = "TOKEN", env = JOIN_TOKEN_VARIABLE, hide_env_values = true)]
    token: String,
}

/// What somebody is after they logged in; also the document of `--json`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LoggedIn {
    /// The cluster.
    pub(crate) cluster: String,
    /// The name on the certificate.
    pub(crate) name: String,
    /// What it allows.
    pub(crate) role: &'static str,
}

/// Runs the verb.
pub(crate) async fn login(
    args: &LoginArgs,
    data: &Path,
    world: &impl World,
    console: &mut Console,
) -> Result<(), CliError> {
    let logged_in = world.login(data, &args.address, &args.token).await?;
    if console.is_json() {
        console.answer(&document(&logged_in));
    } else {
        let LoggedIn { cluster, name, role } = &logged_in;
        console.say(&format!("{} is a {role} of the cluster \"{cluster}\" now; try `nexus status`", paint(NAME, name)));
    }
    Ok(())
}
