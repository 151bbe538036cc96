//! Who a certificate speaks for, and how that is written into it. Pure.
//!
//! A certificate carries one URI: `nexus://CLUSTER/node/7/worker` or `nexus://CLUSTER/client/ada/admin/7`, where the last
//! number is the node on whose machine the client's key was made, if any.

use std::fmt;

use nexus_model::{NodeId, NodeRole};

use crate::error::LinkError;

const NAME_CHARS_MAX: usize = 63;

/// The holder of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A member.
    Node {
        /// Its id.
        node: NodeId,
        /// Worker or voter.
        role: NodeRole,
    },
    /// A person or program.
    Client {
        /// The name for logs and job lists.
        name: String,
        /// What it may do.
        role: NodeRole,
        /// The node on whose machine its key was made.
        node: Option<NodeId>,
    },
}

impl Subject {
    /// What it may do.
    pub fn role(&self) -> NodeRole {
        match self {
            Subject::Node { role, .. } | Subject::Client { role, .. } => *role,
        }
    }

    /// The URI for a certificate of `cluster`.
    pub(crate) fn to_uri(&self, cluster: &str) -> Result<String, LinkError> {
        check_name(cluster)?;
        Ok(match self {
            Subject::Node { node, role } => format!("nexus://{cluster}/node/{}/{}", node.0, role.name()),
            Subject::Client { name, role, node } => {
                check_name(name)?;
                let of = node.map_or_else(String::new, |node| format!("/{}", node.0));
                format!("nexus://{cluster}/client/{name}/{}{of}", role.name())
            }
        })
    }

    /// The cluster and the subject of a URI that [`Subject::to_uri`] wrote; `None` for any other text.
    pub(crate) fn from_uri(uri: &str) -> Option<(String, Subject)> {
        let mut parts = uri.strip_prefix("nexus://")?.split('/');
        let cluster = parts.next().filter(|name| check_name(name).is_ok())?.to_owned();
        let subject = match parts.next()? {
            "node" => Subject::Node { node: node_id(parts.next()?)?, role: NodeRole::from_name(parts.next()?)? },
            "client" => {
                let name = parts.next().filter(|name| check_name(name).is_ok())?.to_owned();
                let role = NodeRole::from_name(parts.next()?)?;
                let node = match parts.next() {
                    Some(text) => Some(node_id(text)?),
                    None => None,
                };
                Subject::Client { name, role, node }
            }
            _ => return None,
        };
        parts.next().is_none().then_some((cluster, subject))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Node { node, role } => write!(f, "{node} ({})", role.name()),
            Subject::Client { name, role, .. } => write!(f, "{name} ({})", role.name()),
        }
    }
}

fn node_id(text: &str) -> Option<NodeId> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok().map(NodeId)).flatten()
}

/// Whether a cluster or client can have this name: 1 to 63 of `a-z A-Z 0-9 . _ -`.
pub fn check_name(name: &str) -> Result<(), LinkError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let good = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(allowed);
    good.then_some(()).ok_or_else(|| LinkError::Name { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read_back() {
        for (subject, uri) in [
            (Subject::Node { node: NodeId(7), role: NodeRole::Worker }, "nexus://home/node/7/worker"),
            (
                Subject::Client { name: "ada".to_owned(), role: NodeRole::Admin, node: None },
                "nexus://home/client/ada/admin",
            ),
            (
                Subject::Client { name: "ada".to_owned(), role: NodeRole::Submitter, node: Some(NodeId(2)) },
                "nexus://home/client/ada/submitter/2",
            ),
        ] {
            assert_eq!(subject.to_uri("home").unwrap(), uri);
            assert_eq!(Subject::from_uri(uri), Some(("home".to_owned(), subject)));
        }
    }

    #[test]
    fn other_uris_name_nobody() {
        for uri in [
            "",
            "https://home/node/7/worker",
            "nexus://home/node/7",
            "nexus://home/node/7/worker/8",
            "nexus://home/node/-7/worker",
            "nexus://home/node//worker",
            "nexus://home/node/7/root",
            "nexus:///node/7/worker",
            "nexus://home/client/a b/admin",
            "nexus://home/client/ada/admin/",
        ] {
            assert_eq!(Subject::from_uri(uri), None, "{uri}");
        }
    }

    #[test]
    fn names_that_could_be_mistaken_for_paths_are_refused() {
        for name in ["", "a/b", "ä", "a b", &"x".repeat(64)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("Mac-Studio_2.local").is_ok());
        let client = Subject::Client { name: "ada/admin".to_owned(), role: NodeRole::Viewer, node: None };
        assert!(client.to_uri("home").is_err());
    }
}
