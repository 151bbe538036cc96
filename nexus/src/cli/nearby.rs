//! `nexus node start --join` without an address: which nodes of the local network there are, and at which of their
//! addresses the cluster of a token can be joined.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use super::world::World;
use crate::output::json::{ErrorFacts, document};
use crate::output::paint::{FAINT, GOOD, NAME};
use crate::output::table::{Align, Cell, Table};
use crate::output::{Console, units};

/// How long nodes are looked for. They are asked at once and after one and two seconds; who is there answers within a
/// tenth of a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);
/// Digits of an authority's fingerprint that people are shown.
const DIGITS_SHOWN: usize = 12;

/// A node that was seen.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NearbyNode {
    /// Its name.
    pub(crate) node: String,
    /// The name of its cluster.
    pub(crate) cluster: String,
    /// Where it listens.
    pub(crate) addresses: Vec<String>,
    /// Fingerprint of its cluster's authority.
    pub(crate) authority: String,
    /// Whether the token is for that cluster; null without a token.
    pub(crate) fits_token: Option<bool>,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nearby {
    /// By cluster and name.
    pub(crate) nodes: Vec<NearbyNode>,
    /// Answers that could not be used.
    pub(crate) left_out: usize,
}

/// The list, with why nothing came of it.
#[derive(Debug, Serialize)]
struct NearbyDocument<'a> {
    found: &'a [NearbyNode],
    left_out: usize,
    error: ErrorFacts,
}

/// The addresses at which the cluster of `token` can be joined: those of its nodes on the local network.
///
/// # Errors
/// Without a token, and where no such node was seen; either way what was seen is shown.
pub(crate) fn addresses(
    token: Option<&str>,
    data: &Path,
    world: &impl World,
    console: &mut Console,
) -> Result<Vec<String>, CliError> {
    let nearby = world.nearby(data, token, || {
        if !console.is_json() {
            console.say("looking for nodes on the local network");
        }
    })?;
    let fitting = nearby.nodes.iter().filter(|node| node.fits_token == Some(true));
    let addresses: Vec<String> = fitting.flat_map(|node| node.addresses.iter().cloned()).collect();
    if addresses.is_empty() {
        return Err(nothing_to_join(&nearby, token.is_some(), console));
    }
    if !console.is_json() {
        console.say_raw(&table(&nearby));
    }
    Ok(addresses)
}

/// Shows what was seen, and says what is missing.
fn nothing_to_join(nearby: &Nearby, has_token: bool, console: &mut Console) -> CliError {
    let seen = !nearby.nodes.is_empty();
    let (exit, message, help) = match (seen, has_token) {
        (true, false) => (
            Exit::Usage,
            "joining a cluster needs a token of it".to_owned(),
            "make one on a node of the cluster with `nexus token create --role worker`, then add --token TOKEN here",
        ),
        (true, true) => (
            Exit::Unreachable,
            format!("the token is for another cluster than {}", if nearby.nodes.len() == 1 { "this" } else { "these" }),
            "give the address of a node of the token's cluster (--join ADDRESS), or a token of one of the clusters above",
        ),
        (false, _) => (
            Exit::Unreachable,
            format!("no node was found on the local network within {}", units::duration(PATIENCE)),
            "nodes announce themselves where they listen on more than this machine (`nexus node start --listen ADDRESS`); \
             where the network or a firewall stops multicast (UDP port 5353), give the address: --join ADDRESS",
        ),
    };
    let error = CliError::new(exit, codes::NOBODY_TO_JOIN, message).with_help(help);
    if console.is_json() {
        let facts = ErrorFacts::new(&error.code, &error.message, error.help.as_deref());
        console.answer(&document(&NearbyDocument { found: &nearby.nodes, left_out: nearby.left_out, error: facts }));
        return error.told();
    }
    match has_token {
        false if seen => console.answer(&table(nearby)),
        _ => console.say_raw(&table(nearby)),
    }
    error
}

fn table(nearby: &Nearby) -> String {
    let mut text = String::new();
    if !nearby.nodes.is_empty() {
        let columns = ["NODE", "CLUSTER", "AUTHORITY", "TOKEN", "ADDRESS"];
        let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
        for node in &nearby.nodes {
            table.row(vec![
                Cell::painted(NAME, &node.node),
                Cell::new(&node.cluster),
                Cell::painted(FAINT, node.authority.get(..DIGITS_SHOWN).unwrap_or_default()),
                match node.fits_token {
                    Some(true) => Cell::painted(GOOD, "fits"),
                    Some(false) => Cell::new("of another cluster"),
                    None => Cell::nothing(),
                },
                Cell::new(node.addresses.join(" ")),
            ]);
        }
        text.push_str(&table.render());
    }
    if nearby.left_out > 0 {
        text.push_str(&format!("{} that no node gives\n", units::count(nearby.left_out as u64, "answer")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::tests::pages;

    fn node(name: &str, cluster: &str, fits_token: Option<bool>) -> NearbyNode {
        let address = format!("192.168.1.{}:4747", name.len());
        NearbyNode {
            node: name.to_owned(),
            cluster: cluster.to_owned(),
            addresses: vec![address],
            authority: "0123456789abcdef".repeat(4),
            fits_token,
        }
    }

    #[test]
    fn without_a_token_what_was_seen_is_the_answer_and_the_token_is_asked_for() {
        let seen = Nearby { nodes: vec![node("studio", "home", None), node("box", "lab", None)], left_out: 2 };
        let (mut console, out, _) = pages(false);
        let error = nothing_to_join(&seen, false, &mut console);
        assert_eq!((error.exit, error.message.as_str()), (Exit::Usage, "joining a cluster needs a token of it"));
        assert!(error.help.is_some_and(|help| help.contains("nexus token create")));
        insta::assert_snapshot!(anstream::adapter::strip_str(&out.text()).to_string(), @r"
        NODE    CLUSTER  AUTHORITY     TOKEN  ADDRESS
        studio  home     0123456789ab  —      192.168.1.6:4747
        box     lab      0123456789ab  —      192.168.1.3:4747
        2 answers that no node gives
        ");
    }

    #[test]
    fn another_clusters_token_and_an_empty_network_are_told_apart() {
        let (mut console, out, err) = pages(false);
        let seen = Nearby { nodes: vec![node("studio", "home", Some(false))], left_out: 0 };
        let error = nothing_to_join(&seen, true, &mut console);
        assert_eq!(
            (error.exit, error.message.as_str()),
            (Exit::Unreachable, "the token is for another cluster than this")
        );
        assert!(out.text().is_empty() && err.text().contains("of another cluster"), "{}", err.text());
        let error = nothing_to_join(&Nearby::default(), false, &mut console);
        assert_eq!(error.message, "no node was found on the local network within 4 s");
        assert!(error.help.is_some_and(|help| help.contains("--listen") && help.contains("5353")));
    }

    #[test]
    fn the_document_has_the_list_and_the_error() {
        let (mut console, out, _) = pages(true);
        let seen = Nearby { nodes: vec![node("studio", "home", Some(false))], left_out: 1 };
        assert!(nothing_to_join(&seen, true, &mut console).is_told);
        let authority = "0123456789abcdef".repeat(4);
        let start = format!(
            "{{\"found\":[{{\"node\":\"studio\",\"cluster\":\"home\",\"addresses\":[\"192.168.1.6:4747\"],\
             \"authority\":\"{authority}\",\"fits_token\":false}}],\"left_out\":1,\"error\":{{\"code\":\"NX0521\","
        );
        assert!(out.text().starts_with(&start), "{}", out.text());
    }
}
