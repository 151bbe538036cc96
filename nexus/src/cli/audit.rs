//! `nexus audit`: what people did to the cluster, and whether the record of it is whole.

use std::time::Duration;

use clap::Args;
use nexus_wire::{AuditEntry, AuditPage, AuditRequest, ClusterRequest, ClusterResponse, Request, Response};
use serde::Serialize;

use super::cluster::{Cluster, unexpected};
use super::codes;
use super::error::{CliError, Exit};
use super::jobs::now_ms;
use crate::output::json::document;
use crate::output::paint::{FAINT, NAME};
use crate::output::table::{Align, Cell, Table};
use crate::output::{Console, units};

/// Show what people did to the cluster: tokens, machines, voters, labels, stops
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Each entry's hash covers the entry before it. Write the last hash down elsewhere: whoever changes an entry later cannot
come to the same hash again.

Examples:
  nexus audit
  nexus audit --from 100
  nexus audit --json")]
pub(crate) struct AuditArgs {
    /// Begin with this number
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from: u64,
}

/// An entry as JSON.
#[derive(Debug, Serialize)]
struct EntryDocument<'a> {
    number: u64,
    at_ms: u64,
    by: &'a str,
    act: &'a str,
    hash: String,
}

/// `nexus audit --json`.
#[derive(Debug, Serialize)]
struct AuditDocument<'a> {
    entries: Vec<EntryDocument<'a>>,
    /// The hash before the first of them.
    before: String,
}

/// Runs the verb.
pub(crate) async fn audit(args: &AuditArgs, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let page = all(args.from, cluster).await?;
    if let Some(number) = page.first_broken() {
        let message = format!("entry {number} of the audit log is not what was written, or one before it is missing");
        let help = "compare with the hashes that were written down elsewhere, and with the logs of the other voters";
        return Err(CliError::new(Exit::ProgramFailed, codes::AUDIT_BROKEN, message).with_help(help));
    }
    if console.is_json() {
        let entries = page.entries.iter().map(|entry| EntryDocument {
            number: entry.number,
            at_ms: entry.at_ms,
            by: &entry.by,
            act: &entry.act,
            hash: hex(&entry.hash),
        });
        console.answer(&document(&AuditDocument { entries: entries.collect(), before: hex(&page.before) }));
    } else if let Some(last) = page.entries.last() {
        console.answer(&table(&page.entries, now_ms()));
        console.say(&format!("whole until entry {}, hash {}", last.number, hex(&last.hash)));
    } else {
        console.say("nobody has done anything to this cluster yet");
    }
    Ok(())
}

/// Every entry from a number on.
async fn all(from: u64, cluster: &impl Cluster) -> Result<AuditPage, CliError> {
    let mut all = read(from, cluster).await?;
    while let Some(last) = all.entries.last()
        && last.number < all.newest
    {
        let next = read(last.number.saturating_add(1), cluster).await?;
        if next.entries.is_empty() {
            break;
        }
        all.entries.extend(next.entries);
    }
    Ok(all)
}

async fn read(from: u64, cluster: &impl Cluster) -> Result<AuditPage, CliError> {
    let request = ClusterRequest::Audit(AuditRequest::Read { from });
    let Response::Cluster(answer) = cluster.request(Request::Cluster(Box::new(request))).await? else {
        return Err(unexpected());
    };
    let ClusterResponse::Audit(page) = *answer else { return Err(unexpected()) };
    Ok(page)
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn table(entries: &[AuditEntry], now_ms: u64) -> String {
    let mut table = Table::new(&[
        ("NUMBER", Align::Right),
        ("AGE", Align::Right),
        ("BY", Align::Left),
        ("ACT", Align::Left),
        ("HASH", Align::Left),
    ]);
    for entry in entries {
        let age = Duration::from_millis(now_ms.saturating_sub(entry.at_ms));
        table.row(vec![
            Cell::painted(NAME, entry.number.to_string()),
            Cell::new(units::age(age)),
            Cell::new(&entry.by),
            Cell::new(&entry.act),
            Cell::painted(FAINT, &hex(&entry.hash)[..12]),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_a_line_with_who_and_the_beginning_of_its_hash() {
        let entry = AuditEntry::after(&[0; 32], 7, 1_000, "ada (admin)".into(), "node forget node-2".into());
        let text = anstream::adapter::strip_str(&table(std::slice::from_ref(&entry), 61_000)).to_string();
        let line = text.lines().nth(1).expect("a line below the names of the columns");
        let wanted = format!("     7  1 min  ada (admin)  node forget node-2  {}", &hex(&entry.hash)[..12]);
        assert_eq!(line.trim_end(), wanted, "{text}");
    }
}
