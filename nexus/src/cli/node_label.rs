//! `nexus node label`: what people say of a node, for jobs to ask for.

use std::collections::BTreeMap;
use std::str::FromStr;

use nexus_model::{Labels, NodeId};
use nexus_wire::{ClusterRequest, ClusterResponse, Request, Response};

use super::cluster::{self, Cluster, find_node, unexpected};
use super::codes;
use super::error::{CliError, Exit};
use crate::output::Console;
use crate::output::json::{LabelsDocument, document};

/// `zone=home`, or `zone-` to take it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelChange {
    name: String,
    value: Option<String>,
}

impl FromStr for LabelChange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let change = match (text.split_once('='), text.strip_suffix('-')) {
            (Some((name, value)), _) => {
                LabelChange { name: name.trim().to_owned(), value: Some(value.trim().to_owned()) }
            }
            (None, Some(name)) => LabelChange { name: name.trim().to_owned(), value: None },
            (None, None) => return Err("write it like zone=home, or zone- to take it away".to_owned()),
        };
        let checked = Labels::default().set(&change.name, change.value.as_deref());
        checked.map_err(|error| error.to_string())?;
        Ok(change)
    }
}

/// The labels of the nodes that have any.
pub(crate) async fn all(cluster: &impl Cluster) -> Result<BTreeMap<NodeId, Labels>, CliError> {
    match cluster.request(Request::Cluster(Box::new(ClusterRequest::ListLabels))).await? {
        Response::Cluster(answer) => match *answer {
            ClusterResponse::Labels(labels) => Ok(labels.into_iter().collect()),
            _ => Err(unexpected()),
        },
        _ => Err(unexpected()),
    }
}

/// Runs the verb.
pub(crate) async fn label(
    node: &str,
    changes: &[LabelChange],
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    for (place, change) in changes.iter().enumerate() {
        if changes[..place].iter().any(|other| other.name == change.name) {
            let message = format!("the label `{}` is given twice", change.name);
            return Err(CliError::new(Exit::Usage, codes::USAGE, message));
        }
    }
    let nodes = cluster::nodes(cluster).await?;
    let id = find_node(&nodes, node)?;
    if !changes.is_empty() {
        let changes = changes.iter().map(|change| (change.name.clone(), change.value.clone())).collect();
        let request = ClusterRequest::LabelNode { node: id, changes };
        let Response::Done = cluster.request(Request::Cluster(Box::new(request))).await? else {
            return Err(unexpected());
        };
    }
    let labels = all(cluster).await?.remove(&id).unwrap_or_default();
    let name = nodes.iter().find(|view| view.node == id).map_or(node, |view| view.name.as_str());
    if console.is_json() {
        let labels = labels.iter().collect();
        console.answer(&document(&LabelsDocument { node: name, id: id.0, labels }));
    } else if labels.is_empty() {
        console.say(&format!("{name} has no labels; jobs can ask for it with --require node={name}"));
    } else {
        console.answer(&format!("{labels}\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_given_with_a_value_and_taken_with_a_dash() {
        let change = |name: &str, value: Option<&str>| {
            Ok(LabelChange { name: name.to_owned(), value: value.map(str::to_owned) })
        };
        assert_eq!("zone=home".parse(), change("zone", Some("home")));
        assert_eq!("a-b=c-".parse(), change("a-b", Some("c-")));
        assert_eq!("zone-".parse(), change("zone", None));
        for text in ["zone", "=x", "-", "zone=", "node=x", "a b=c"] {
            assert!(text.parse::<LabelChange>().is_err(), "{text}");
        }
    }
}
