//! A network of one namespace for each node, all of whose packets pass through this process.
//!
//! Node `i` lives in the namespace `node<i>` at 10.77.0.`i`. Its only neighbour is the namespace `port<i>`, in which the
//! addresses of all other nodes are local: what node `i` sends to node `j` arrives at a socket of [`crate::linux::relay`] there,
//! and leaves, unless the weather keeps it, from a socket in `port<j>` that has node `i`'s address. Nobody sees the relay.
//! The names are in a mount namespace of the campaign's own, so that everything is gone when it ends.

use std::fs::File;

use rustix::fd::AsFd;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::linux::error::CampaignError;
use crate::linux::system::tool;

/// Port of every node.
pub(crate) const PORT: u16 = 4747;

/// Address of a node, from 1.
pub(crate) fn address(node: usize) -> String {
    format!("10.77.0.{node}")
}

/// Namespace of a node.
pub(crate) fn namespace(node: usize) -> String {
    format!("node{node}")
}

/// Makes the namespaces of nodes 1 to `count`.
pub(crate) fn build(count: usize) -> Result<(), CampaignError> {
    for node in 1..=count {
        let (inner, outer) = (namespace(node), format!("port{node}"));
        let (wire, plug) = (format!("wire{node}"), format!("plug{node}"));
        for name in [&inner, &outer] {
            tool(&["ip", "netns", "add", name])?;
            tool(&["ip", "-n", name, "link", "set", "lo", "up"])?;
        }
        tool(&["ip", "-n", &inner, "link", "add", &wire, "type", "veth", "peer", "name", &plug, "netns", &outer])?;
        let own = address(node);
        tool(&["ip", "-n", &inner, "address", "add", &format!("{own}/24"), "dev", &wire])?;
        tool(&["ip", "-n", &inner, "link", "set", &wire, "up"])?;
        tool(&["ip", "-n", &outer, "link", "set", &plug, "up"])?;
        for other in (1..=count).filter(|other| *other != node) {
            tool(&["ip", "-n", &outer, "address", "add", &format!("{}/32", address(other)), "dev", "lo"])?;
        }
        tool(&["ip", "-n", &outer, "route", "add", &format!("{own}/32"), "dev", &plug])?;
    }
    Ok(())
}

/// Takes a node's interface away, or brings it back.
pub(crate) fn set_interface(node: usize, up: bool) -> Result<(), CampaignError> {
    let state = if up { "up" } else { "down" };
    tool(&["ip", "-n", &namespace(node), "link", "set", &format!("wire{node}"), state]).map(drop)
}

/// Runs `work` in the namespace `port<node>`, in a thread of its own: a thread that went there does not come back.
pub(crate) fn in_port<T: Send + 'static>(
    node: usize,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, CampaignError> {
    let failed =
        |error: &dyn ToString| CampaignError::setup(format!("work in the namespace port{node}"), error.to_string());
    let thread = std::thread::spawn(move || {
        let namespace = File::open(format!("/run/netns/port{node}"))?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        work()
    });
    thread.join().map_err(|_| failed(&"it panicked"))?.map_err(|error| failed(&error))
}
