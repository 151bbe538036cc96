//! `nexus token`: tokens with which machines join.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use nexus_model::NodeRole;
use nexus_wire::{Request, Response};
use serde::Serialize;

use super::argument::duration;
use super::cluster::{Cluster, unexpected};
use super::error::CliError;
use super::jobs::now_ms;
use crate::output::json::document;
use crate::output::{Console, units};

/// Make tokens with which machines join and people log in.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Debug, Clone, Subcommand)]
enum TokenVerb {
    /// Make a token; it works once, for a while
    #[command(
        after_help = "Examples:\n  nexus token create --role worker\n  nexus token create --role submitter --ttl 1h --json"
    )]
    Create {
        /// What its user may become
        #[arg(long, value_name = "ROLE", default_value = "worker", value_parser = role())]
        role: NodeRole,
        /// How long it works, like 15m
        #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
        ttl: Duration,
    },
}

fn role() -> impl TypedValueParser<Value = NodeRole> {
    PossibleValuesParser::new(NodeRole::ALL.map(NodeRole::name))
        .map(|name| NodeRole::from_name(&name).expect("only names of roles are accepted"))
}

/// `nexus token create --json`.
#[derive(Debug, Serialize)]
struct TokenDocument<'a> {
    token: &'a str,
    role: &'a str,
    expires_at_ms: u64,
    ttl_ms: u64,
}

/// Runs the verb.
pub(crate) async fn token(args: &TokenArgs, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let TokenVerb::Create { role, ttl } = args.verb;
    let Response::Token { token, role, expires_at_ms } = cluster.request(Request::CreateToken { role, ttl }).await?
    else {
        return Err(unexpected());
    };
    let ttl = Duration::from_millis(expires_at_ms.saturating_sub(now_ms()));
    if console.is_json() {
        let ttl_ms = ttl.as_millis() as u64;
        console.answer(&document(&TokenDocument { token: &token, role: role.name(), expires_at_ms, ttl_ms }));
        return Ok(());
    }
    console.answer(&format!("{token}\n"));
    let address = match cluster.request(Request::GetStatus).await {
        Ok(Response::Status(status)) => {
            status.nodes.iter().find(|node| node.node == status.node).map(|node| node.address.clone())
        }
        // The hint is a courtesy; the token is already printed.
        Ok(_) | Err(_) => None,
    };
    let address = address.unwrap_or_else(|| "ADDRESS".to_owned());
    match role {
        NodeRole::Worker | NodeRole::Voter => {
            console.say(&format!("Add a machine:  nexus node start --join {address} --token {token}"));
        }
        NodeRole::Admin | NodeRole::Operator | NodeRole::Submitter | NodeRole::Viewer => {
            console.say(&format!("Add a person:  nexus login {address} --token {token}"));
        }
    }
    console.say(&format!("({}, {}, once)", role.name(), units::duration(ttl)));
    Ok(())
}
