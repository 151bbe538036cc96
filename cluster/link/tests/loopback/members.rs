//! Members of one cluster talk to each other and know who is at the other end.

use std::time::Duration;

use nexus_link::{Credentials, Expect, LinkConfig, LinkError, Message, Subject};
use nexus_model::{NodeId, NodeRole};
use nexus_wire::{MessageType, ProtocolVersion, TraceContext};

use crate::support::{Cluster, GATED, HUGE, LOOPBACK, Log, PANIC, PATIENCE, Probe, ask, bind, serve, within};

#[tokio::test]
async fn both_ends_know_who_the_other_is() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (_node, address) = cluster.serve(1, &probe);
    let identity = cluster.client("ada", NodeRole::Submitter);
    let client = bind(Credentials::Member(identity.clone()));

    let peer = client.connect(&address, Expect::Node(NodeId(1))).await.unwrap();
    assert_eq!(ask(&peer, b"hello").await.unwrap(), b"hello");
    assert_eq!(peer.info().node(), Some(NodeId(1)));
    assert_eq!(peer.info().role(), Some(NodeRole::Voter));

    let seen = probe.last_peer();
    let ada = Subject::Client { name: "ada".to_owned(), role: NodeRole::Submitter, node: None };
    assert_eq!(seen.subject, Some(ada));
    assert_eq!(seen.node(), None);
    assert_eq!(seen.fingerprint, Some(identity.fingerprint()));
    assert_eq!(seen.address, client.local_address().unwrap());
    assert_eq!(seen.version, ProtocolVersion::CURRENT);
    assert!(peer.rtt() > Duration::ZERO);
}

#[tokio::test]
async fn nodes_dial_each_other_on_their_listening_sockets() {
    let cluster = Cluster::new("home");
    let (first_probe, second_probe) = (Probe::new(), Probe::new());
    let (first, first_address) = cluster.serve(1, &first_probe);
    let (second, second_address) = cluster.serve(2, &second_probe);

    let to_second = first.connect(&second_address, Expect::Node(NodeId(2))).await.unwrap();
    let to_first = second.connect(&first_address, Expect::Node(NodeId(1))).await.unwrap();
    assert_eq!(ask(&to_second, b"from one").await.unwrap(), b"from one");
    assert_eq!(ask(&to_first, b"from two").await.unwrap(), b"from two");
    assert_eq!(second_probe.last_peer().node(), Some(NodeId(1)));
    assert_eq!(second_probe.last_peer().address.to_string(), first_address);
    assert_eq!(first_probe.last_peer().node(), Some(NodeId(2)));
}

#[tokio::test]
async fn a_connection_is_made_once_and_again_after_its_end() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();

    let connect = || client.connect(&address, Expect::AnyNode);
    let (first, second) = tokio::join!(connect(), connect());
    ask(&first.unwrap(), b"").await.unwrap();
    let second = second.unwrap();
    ask(&second, b"").await.unwrap();
    assert_eq!(node.accepted().len(), 1);

    second.close();
    let third = connect().await.unwrap();
    assert!(second.is_closed() && !third.is_closed());
    ask(&third, b"").await.unwrap();
}

#[tokio::test]
async fn another_node_than_expected_is_refused() {
    let cluster = Cluster::new("home");
    let (_node, address) = cluster.serve(1, &Probe::new());
    let error = cluster.admin().connect(&address, Expect::Node(NodeId(2))).await.unwrap_err();
    assert!(matches!(error, LinkError::WrongNode { expected: NodeId(2), .. }), "{error:?}");
}

#[tokio::test]
async fn the_certificate_of_a_person_cannot_pose_as_a_node() {
    let cluster = Cluster::new("home");
    let person = cluster.client("eve", NodeRole::Admin);
    let (_node, address) = serve(LinkConfig::new(LOOPBACK, Credentials::Member(person)), &Probe::new());
    let error = cluster.admin().connect(&address, Expect::AnyNode).await.unwrap_err();
    assert!(matches!(error, LinkError::StrangerNode { .. }), "{error:?}");
}

#[tokio::test]
async fn deadlines_and_traces_travel_with_a_request() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (_node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();

    let trace = TraceContext::new([1; 16], [2; 8], 1);
    let message = Message { trace, ..Message::new(MessageType::REQUEST, "x") };
    let answer = peer.request(message, PATIENCE).await.unwrap();
    assert_eq!(answer.header.trace, trace);

    let short = Duration::from_millis(20);
    let error = peer.request(Message::new(MessageType::REQUEST, GATED), short).await.unwrap_err();
    assert!(matches!(error, LinkError::Deadline { .. }) && error.is_outcome_unknown(), "{error:?}");
    assert_eq!(error.code(), "NX0211");
    // The one that was given up does not stand in the way of others.
    assert_eq!(ask(&peer, b"next").await.unwrap(), b"next");
    probe.open_gate();
    probe.ended(3).await;
}

#[tokio::test]
async fn a_handler_that_panics_harms_only_its_own_request() {
    let cluster = Cluster::new("home");
    let (_node, address) = cluster.serve(1, &Probe::new());
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let error = ask(&peer, PANIC).await.unwrap_err();
    assert!(matches!(error, LinkError::Lost { .. }), "{error:?}");
    assert_eq!(ask(&peer, b"still there").await.unwrap(), b"still there");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_a_fault_and_not_a_silence() {
    let cluster = Cluster::new("home");
    let (_node, address) = cluster.serve(1, &Probe::new());
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let error = ask(&peer, HUGE).await.unwrap_err();
    assert!(matches!(&error, LinkError::Fault { reason, .. } if reason.contains("over the limit")), "{error:?}");
    let largest = vec![7; nexus_wire::limits::FRAME_BYTES_MAX];
    assert!(ask(&peer, &largest).await.unwrap() == largest);
    let error = ask(&peer, &vec![7; nexus_wire::limits::FRAME_BYTES_MAX + 1]).await.unwrap_err();
    assert!(matches!(error, LinkError::Frame(_)), "{error:?}");
}

#[tokio::test]
async fn neighbouring_versions_work_together_and_others_are_told_apart() {
    let cluster = Cluster::new("home");
    let ours = ProtocolVersion::CURRENT;
    for (major, minor, works) in
        [(ours.major, ours.minor + 1, true), (ours.major, ours.minor + 2, false), (9, 0, false)]
    {
        let log = Log::capture();
        let theirs = ProtocolVersion { major, minor };
        let config =
            |identity| LinkConfig { version: theirs, ..LinkConfig::new(LOOPBACK, Credentials::Member(identity)) };
        let (_node, new_address) = serve(config(cluster.node(1)), &Probe::new());
        let (_node, old_address) = cluster.serve(2, &Probe::new());
        let new_client = nexus_link::Link::bind(config(cluster.client("ada", NodeRole::Admin))).unwrap();

        let up = within(cluster.admin().connect(&new_address, Expect::AnyNode)).await;
        let down = within(new_client.connect(&old_address, Expect::AnyNode)).await;
        if works {
            assert_eq!(up.unwrap().info().version, theirs);
            assert_eq!(down.unwrap().info().version, ours);
            assert_eq!(log.lines(), [""; 0]);
            continue;
        }
        let up = up.unwrap_err();
        assert_eq!(up.to_string(), format!("the node at {new_address} speaks protocol {theirs}, we speak {ours}"));
        assert!(up.help().unwrap().contains("upgrade"));
        let down = down.unwrap_err();
        assert_eq!(down.to_string(), format!("the node at {old_address} speaks protocol {ours}, we speak {theirs}"));
        log.wait_for(&format!("the peer speaks protocol {ours}, this build speaks {theirs}")).await;
        log.wait_for(&format!("the peer speaks protocol {theirs}, this build speaks {ours}")).await;
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_said_so() {
    let silent = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let cluster = Cluster::new("home");
    let credentials = Credentials::Member(cluster.client("ada", NodeRole::Admin));
    let config = LinkConfig { connect_timeout: Duration::from_millis(50), ..LinkConfig::new(LOOPBACK, credentials) };
    let client = nexus_link::Link::bind(config).unwrap();
    let error = client.connect(&address, Expect::AnyNode).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("no node answers at {address}")), "{error}");
    assert_eq!(error.code(), "NX0203");
    assert!(error.help().unwrap().contains("nexus node start"));

    drop(silent);
    let hasty = cluster.admin();
    let start = std::time::Instant::now();
    let error = hasty.connect(&address, Expect::AnyNode).await.unwrap_err();
    assert!(matches!(error, LinkError::NoAnswer { .. }), "{error:?}");
    assert!(start.elapsed() < nexus_link::CONNECT_TIMEOUT, "a closed port is known at once");

    for (address, reason) in [("nowhere", "not an address"), ("192.0.2.1:4747", "listens on 127.0.0.1")] {
        let error = client.connect(address, Expect::AnyNode).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.code(), "NX0201");
    }
}

#[tokio::test]
async fn a_renewed_identity_is_used_from_the_next_connection_on() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (node, address) = cluster.serve(1, &probe);
    let client = cluster.admin();
    let old = client.connect(&address, Expect::AnyNode).await.unwrap();
    let renewed = cluster.node(1);
    node.renew(&renewed).unwrap();
    ask(&old, b"old connections stay").await.unwrap();
    old.close();
    let new = client.connect(&address, Expect::AnyNode).await.unwrap();
    assert_eq!(new.info().fingerprint, Some(renewed.fingerprint()));
}

#[tokio::test]
async fn links_work_over_ipv6_and_by_name() {
    let cluster = Cluster::new("home");
    let any = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    if std::net::UdpSocket::bind(any).is_err() {
        println!("not run: this machine has no IPv6");
        return;
    }
    let bind = |identity| nexus_link::Link::bind(LinkConfig::new(any, Credentials::Member(identity))).unwrap();
    let (node, client) = (bind(cluster.node(1)), bind(cluster.client("ada", NodeRole::Admin)));
    node.serve(Probe::new()).unwrap();
    let address = node.local_address().unwrap();
    let peer = client.connect(&address.to_string(), Expect::AnyNode).await.unwrap();
    assert_eq!(ask(&peer, b"six").await.unwrap(), b"six");

    let (_node, address) = cluster.serve(2, &Probe::new());
    let named = format!("localhost:{}", address.rsplit_once(':').unwrap().1);
    let admin = cluster.admin();
    let peer = admin.connect(&named, Expect::Node(NodeId(2))).await.unwrap();
    assert_eq!(ask(&peer, b"by name").await.unwrap(), b"by name");
}
