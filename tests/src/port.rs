//! Ports of nodes that come back where they were.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below what systems give to those who ask for any port (from 32,768 on Linux, from 49,152 on macOS): no node of another
/// test can come by one of these while the node that it belongs to is down.
const PORTS: Range<u32> = 10_000..32_000;

/// Ports between the first choices of two processes whose numbers follow each other.
const APART: u32 = 32;

/// A UDP port of loopback that no other test takes while this lives, also while nothing listens there.
pub struct Port {
    /// Nodes listen on UDP only: the TCP port of the same number is the lock, which goes with the process.
    lock: TcpListener,
}

impl Port {
    /// One that is free.
    ///
    /// # Panics
    /// Where there is none.
    pub fn take() -> Port {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let count = PORTS.end - PORTS.start;
        let first = (std::process::id() % (count / APART)) * APART;
        let port = |_| {
            let number = PORTS.start + (first + TAKEN.fetch_add(1, Ordering::Relaxed)) % count;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(number).ok()?));
            let lock = TcpListener::bind(address).ok()?;
            UdpSocket::bind(address).ok().map(|_| Port { lock })
        };
        (0..count).find_map(port).expect("loopback has free ports")
    }

    /// As a node is told to listen, and others to find it.
    ///
    /// # Panics
    /// Never: it is bound.
    pub fn address(&self) -> String {
        self.lock.local_addr().expect("a bound socket has an address").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_stays_free_for_its_node() {
        let ports: Vec<Port> = (0..64).map(|_| Port::take()).collect();
        let mut addresses: Vec<String> = ports.iter().map(Port::address).collect();
        assert!(
            addresses.iter().all(|address| UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_err())
        );
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 64);
    }
}
