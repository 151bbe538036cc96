//! Carries packets between the nodes' namespaces, as the weather allows.
//!
//! For each sender, its port and each receiver there is a socket beside the receiver that has the sender's address, made
//! when the first packet comes. A thread beside each socket reads; one thread sends what was delayed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::linux::chance::Chance;
use crate::linux::error::CampaignError;
use crate::linux::network::{PORT, address, in_port};
use crate::linux::weather::Weather;

/// Packets that may be on their way late; what comes on top is lost, as on a real line.
const LATE_MAX: usize = 20_000;
/// Sockets of senders that are no nodes' own (a node that joins, a client): above what the campaign ever has.
const FLOWS_MAX: usize = 4_096;
/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// What passed, and what did not.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) carried: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) doubled: AtomicU64,
    pub(crate) delayed: AtomicU64,
}

/// A packet that waits: when it is due, its number, its bytes, where it leaves from and goes to.
struct Late {
    due: Instant,
    number: u64,
    bytes: Vec<u8>,
    from: Arc<UdpSocket>,
    to: SocketAddr,
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Late {}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Late {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

#[derive(Default)]
struct LateQueue {
    packets: Mutex<BinaryHeap<Reverse<Late>>>,
    changed: Condvar,
    numbers: AtomicU64,
}

/// The sender's node and port, and the receiver.
type Flow = (usize, u16, usize);

/// The relay. It runs until the process ends.
pub(crate) struct Relay {
    weather: Arc<Weather>,
    pub(crate) traffic: Traffic,
    flows: Mutex<BTreeMap<Flow, Arc<UdpSocket>>>,
    late: LateQueue,
}

impl Relay {
    /// Connects nodes 1 to `count`.
    pub(crate) fn start(count: usize, weather: Arc<Weather>, chance: &mut Chance) -> Result<Arc<Self>, CampaignError> {
        let traffic = Traffic::default();
        let relay = Arc::new(Relay { weather, traffic, flows: Mutex::default(), late: LateQueue::default() });
        let sender = Arc::clone(&relay);
        std::thread::spawn(move || sender.send_late());
        for to in 1..=count {
            for from in (1..=count).filter(|from| *from != to) {
                relay.open((from, PORT, to), chance.fork())?;
            }
        }
        Ok(relay)
    }

    /// A socket beside the receiver with the sender's address, and a thread that carries what the receiver answers.
    fn open(self: &Arc<Self>, flow: Flow, chance: Chance) -> Result<Arc<UdpSocket>, CampaignError> {
        let (from, port, to) = flow;
        let name = format!("{}:{port}", address(from));
        let socket = Arc::new(in_port(to, move || UdpSocket::bind(&name))?);
        self.flows.lock().unwrap_or_else(PoisonError::into_inner).insert(flow, Arc::clone(&socket));
        let (relay, reading) = (Arc::clone(self), Arc::clone(&socket));
        std::thread::spawn(move || relay.read(flow, &reading, chance));
        Ok(socket)
    }

    /// Reads what `to` sends to the address of `from` at `port`.
    fn read(self: &Arc<Self>, (from, port, to): Flow, socket: &UdpSocket, mut chance: Chance) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            match socket.recv_from(&mut buffer) {
                // Who answers is the sender now, and the address that it wrote to is the receiver's.
                Ok((bytes, source)) => {
                    self.carry((to, source.port(), from), port, &buffer[..bytes], &mut chance);
                }
                // The receiver's port was closed when something came for it: its node is down.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }

    /// Brings a packet of `flow` to the port `at` of its receiver.
    fn carry(self: &Arc<Self>, flow: Flow, at: u16, bytes: &[u8], chance: &mut Chance) {
        let (from, _, to) = flow;
        let way = self.weather.between(from, to);
        if way.is_cut || chance.happens(way.lost) {
            self.traffic.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Some(socket) = self.socket(flow, chance) else { return };
        let Ok(goal) = format!("{}:{at}", address(to)).parse::<SocketAddr>() else { return };
        let copies = if chance.happens(way.doubled) { 2 } else { 1 };
        self.traffic.doubled.fetch_add(copies - 1, Ordering::Relaxed);
        for _ in 0..copies {
            let wait = chance.between(way.delay, way.delay + way.jitter);
            if wait.is_zero() {
                self.traffic.carried.fetch_add(1, Ordering::Relaxed);
                // A packet that cannot be sent is lost, as packets are.
                let _ = socket.send_to(bytes, goal);
            } else {
                self.delay(wait, bytes.to_vec(), Arc::clone(&socket), goal);
            }
        }
    }

    fn socket(self: &Arc<Self>, flow: Flow, chance: &mut Chance) -> Option<Arc<UdpSocket>> {
        let known = {
            let flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
            if !flows.contains_key(&flow) && flows.len() >= FLOWS_MAX {
                return None;
            }
            flows.get(&flow).cloned()
        };
        known.or_else(|| self.open(flow, chance.fork()).ok())
    }

    fn delay(&self, wait: Duration, bytes: Vec<u8>, from: Arc<UdpSocket>, to: SocketAddr) {
        let mut packets = self.late.packets.lock().unwrap_or_else(PoisonError::into_inner);
        if packets.len() >= LATE_MAX {
            self.traffic.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let number = self.late.numbers.fetch_add(1, Ordering::Relaxed);
        packets.push(Reverse(Late { due: Instant::now() + wait, number, bytes, from, to }));
        self.traffic.delayed.fetch_add(1, Ordering::Relaxed);
        self.late.changed.notify_one();
    }

    fn send_late(&self) {
        let mut packets = self.late.packets.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            packets = match packets.peek().map(|Reverse(late)| late.due) {
                Some(due) if due <= now => {
                    if let Some(Reverse(late)) = packets.pop() {
                        self.traffic.carried.fetch_add(1, Ordering::Relaxed);
                        let _ = late.from.send_to(&late.bytes, late.to);
                    }
                    packets
                }
                Some(due) => {
                    let waited = self.late.changed.wait_timeout(packets, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.late.changed.wait(packets).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}
