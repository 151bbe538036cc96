//! Bounds and endings: back-pressure on streams, "busy" on too many requests, closing in order.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use nexus_link::{Credentials, Expect, HANDLERS_PER_PEER_MAX, LinkConfig, LinkError, Message};
use nexus_wire::MessageType;

use crate::support::{Cluster, GATED, LOOPBACK, Log, PATIENCE, Probe, ask, serve, within};

#[tokio::test]
async fn a_stream_carries_frames_both_ways_until_it_is_finished() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    probe.open_gate();
    let (_node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let (mut sender, mut receiver) = peer.open_stream(Message::new(MessageType::WORKER, "hello")).await.unwrap();
    for size in [0, 1, 47, 48, 1000, 100_000, 3 << 20] {
        sender.send(Message::new(MessageType::WORKER, vec![size as u8; size])).await.unwrap();
        let frame = receiver.next().await.unwrap().unwrap();
        assert_eq!((frame.header.message_type, frame.body.len()), (MessageType::WORKER, size));
    }
    sender.finish();
    assert_eq!(receiver.next().await.unwrap(), None);
    probe.ended(1).await;
    assert_eq!(*probe.stream_ends.lock().unwrap(), ["finished"]);
    assert!(sender.send(Message::new(MessageType::WORKER, "late")).await.is_err());
}

#[tokio::test]
async fn a_sender_waits_for_a_reader_that_does_not_read() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 64;
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (_node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let (mut sender, mut receiver) = peer.open_stream(Message::new(MessageType::WORKER, "")).await.unwrap();
    let mut taken = 0;
    while taken < PIECES {
        let mut sending = pin!(sender.send(Message::new(MessageType::WORKER, vec![0; PIECE])));
        if tokio::time::timeout(Duration::from_millis(200), &mut sending).await.is_err() {
            // Blocked, as it should be. Now the reader reads, and the piece that waited goes through.
            probe.open_gate();
            let drain = async { while let Ok(Some(_)) = receiver.next().await {} };
            tokio::select! {
                sent = within(sending) => sent.unwrap(),
                () = drain => panic!("the stream ended"),
            }
            break;
        }
        taken += 1;
    }
    assert!(taken * PIECE <= 20 << 20, "{taken} MiB were taken though nobody read");
}

#[tokio::test]
async fn a_message_that_was_cut_off_is_not_mistaken_for_a_whole_one() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (_node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let (mut sender, _receiver) = peer.open_stream(Message::new(MessageType::WORKER, "")).await.unwrap();
    probe.begun(1).await;
    // More than the windows hold, so that it cannot be sent at once; then its sending is given up.
    let mut piece = Message::new(MessageType::WORKER, vec![0; 8 << 20]);
    let torn = loop {
        let mut sending = pin!(sender.send(piece.clone()));
        let first = poll_fn(|context| Poll::Ready(sending.as_mut().poll(context))).await;
        match first {
            Poll::Ready(sent) => sent.unwrap(),
            Poll::Pending => break true,
        }
    };
    assert!(torn);
    piece.body.truncate(1);
    assert!(matches!(sender.send(piece).await, Err(LinkError::Lost { .. })));
    drop(sender);
    probe.open_gate();
    probe.ended(1).await;
    let ends = probe.stream_ends.lock().unwrap().clone();
    assert!(ends[0].contains("gave up the stream"), "{ends:?}");
    assert_eq!(ask(&peer, b"the connection lives").await.unwrap(), b"the connection lives");
}

#[tokio::test]
async fn too_many_requests_of_one_peer_are_told_busy_and_others_are_not() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (_node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let waiting: Vec<_> = (0..HANDLERS_PER_PEER_MAX)
        .map(|_| {
            let peer = peer.clone();
            tokio::spawn(async move { ask(&peer, GATED).await })
        })
        .collect();
    probe.begun(HANDLERS_PER_PEER_MAX).await;
    let error = ask(&peer, b"one more").await.unwrap_err();
    assert!(matches!(error, LinkError::Busy { retry_after, .. } if retry_after > Duration::ZERO), "{error:?}");

    let other = cluster.admin();
    let other = other.connect(&address, Expect::AnyNode).await.unwrap();
    assert_eq!(ask(&other, b"me too").await.unwrap(), b"me too");

    probe.open_gate();
    for request in waiting {
        assert_eq!(within(request).await.unwrap().unwrap(), GATED);
    }
    assert_eq!(ask(&peer, b"now").await.unwrap(), b"now");
}

#[tokio::test]
async fn closing_lets_requests_in_flight_end_and_begins_no_others() {
    let cluster = Cluster::new("home");
    let log = Log::capture();
    let probe = Probe::new();
    let (node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let in_flight = tokio::spawn({
        let peer = peer.clone();
        async move { ask(&peer, GATED).await }
    });
    let (_sender, mut receiver) = peer.open_stream(Message::new(MessageType::WORKER, "")).await.unwrap();
    probe.begun(2).await;
    probe.gate.add_permits(1);
    probe.begun(2).await;

    let closing = tokio::spawn({
        let node = node.clone();
        async move { node.close(PATIENCE).await }
    });
    // The gate is shut for one of the two; both have begun. New requests are turned away meanwhile.
    let error = loop {
        match ask(&peer, b"new").await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LinkError::Busy { .. }), "{error:?}");
    probe.open_gate();
    assert_eq!(within(in_flight).await.unwrap().unwrap(), GATED);
    // The stream's handler is told that the node stops, and its end reaches the peer.
    probe.ended(2).await;
    assert_eq!(*probe.stream_ends.lock().unwrap(), ["this node is stopping"]);
    assert!(!matches!(within(receiver.next()).await, Ok(Some(_))));
    within(closing).await.unwrap();

    assert!(matches!(within(peer.closed()).await, LinkError::Lost { reason, .. } if reason.contains("stopping")));
    assert!(matches!(node.connect(&address, Expect::AnyNode).await, Err(LinkError::Closed)));
    assert_eq!(log.lines(), [""; 0]);
    within(node.close(PATIENCE)).await;
}

#[tokio::test]
async fn closing_without_patience_breaks_off_what_is_in_flight() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let in_flight = tokio::spawn({
        let peer = peer.clone();
        async move { ask(&peer, GATED).await }
    });
    probe.begun(1).await;
    within(node.close(Duration::ZERO)).await;
    let error = within(in_flight).await.unwrap().unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    // The port is free again once the last handle is gone.
    drop(node);
    let again = async {
        while std::net::UdpSocket::bind(&address).is_err() {
            tokio::task::yield_now().await;
        }
    };
    within(again).await;
}

#[tokio::test]
async fn dropping_the_last_handle_closes_everything() {
    let cluster = Cluster::new("home");
    let (node, address) = cluster.serve(1, &Probe::new());
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    ask(&peer, b"").await.unwrap();
    drop(node);
    assert!(matches!(within(peer.closed()).await, LinkError::Lost { .. }));
}

#[tokio::test]
async fn peers_of_a_node_that_was_killed_know_it_when_it_is_back() {
    let cluster = Cluster::new("home");
    let identity = cluster.node(1);
    let config = |address| LinkConfig::new(address, Credentials::Member(identity.clone()));
    // Its own runtime, which is torn down without a word: what a `kill -9` looks like from outside.
    let machine = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let probe = Probe::new();
    let (node, address) = {
        let _inside = machine.enter();
        serve(config(LOOPBACK), &probe)
    };
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let in_flight = tokio::spawn({
        let peer = peer.clone();
        async move { ask(&peer, GATED).await }
    });
    probe.begun(1).await;
    within(tokio::task::spawn_blocking(move || machine.shutdown_timeout(PATIENCE))).await.unwrap();
    drop(node);
    let port: std::net::SocketAddr = address.parse().unwrap();
    within(async {
        while std::net::UdpSocket::bind(port).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!peer.is_closed());

    let (_again, _) = serve(config(port), &Probe::new());
    let start = Instant::now();
    assert!(matches!(ask(&peer, b"are you there?").await, Err(LinkError::Lost { .. })));
    assert!(within(in_flight).await.unwrap().unwrap_err().is_outcome_unknown());
    assert!(start.elapsed() < Duration::from_secs(5), "that is as long as the idle timeout");
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    assert_eq!(ask(&peer, b"welcome back").await.unwrap(), b"welcome back");
}
