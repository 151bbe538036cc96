//! Those who are not members: other clusters, machines that join, members that are not wanted any more.

use std::sync::Arc;
use std::time::Duration;

use nexus_link::{ANONYMOUS_CONNECTIONS_MAX, Credentials, Expect, Identity, Key, LinkError, Message, Subject, Token};
use nexus_model::{NodeId, NodeRole};
use nexus_wire::MessageType;

use crate::support::{Cluster, Log, PATIENCE, Probe, YEAR, ask, bind, within};

fn joining(cluster: &Cluster) -> Credentials {
    Credentials::Joining { authority_fingerprint: cluster.authority.fingerprint() }
}

#[tokio::test]
async fn members_of_another_cluster_of_the_same_name_are_refused_at_both_ends() {
    let log = Log::capture();
    let (ours, theirs) = (Cluster::new("home"), Cluster::new("home"));
    let probe = Probe::new();
    let (_node, address) = ours.serve(1, &probe);

    // The dialler sees the stranger first. That it is refused, too, is seen with one that trusts both.
    let error = theirs.admin().connect(&address, Expect::AnyNode).await.unwrap_err();
    assert!(matches!(error, LinkError::StrangerNode { .. }), "{error:?}");
    assert!(error.to_string().contains("was not issued by this cluster"));
    assert!(error.help().unwrap().contains("token"));
    log.wait_for("refused a peer").await;

    let key = Key::generate().unwrap();
    let subject = Subject::Client { name: "mallory".to_owned(), role: NodeRole::Admin, node: None };
    let forged = theirs.authority.sign(&key.signing_request().unwrap(), &subject, YEAR).unwrap();
    let forged = Identity::new(key, &forged, ours.authority.certificate_pem()).unwrap();
    let mallory = bind(Credentials::Member(Arc::new(forged)));
    let error = mallory.connect(&address, Expect::AnyNode).await.unwrap_err();
    assert!(matches!(error, LinkError::StrangerSelf { .. }), "{error:?}");
    assert_eq!(error.code(), "NX0205");
    log.wait_for("UnknownIssuer").await;

    assert_eq!(log.lines().len(), 2, "{:#?}", log.lines());
    assert_eq!(probe.requests(), 0);
}

#[tokio::test]
async fn a_machine_with_a_token_can_join_and_do_nothing_else() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (_node, address) = cluster.serve(1, &probe);
    let token = Token::parse(&Token::create(cluster.authority.fingerprint()).unwrap().to_string()).unwrap();
    let machine = bind(Credentials::Joining { authority_fingerprint: token.authority_fingerprint() });
    let peer = machine.connect(&address, Expect::AnyNode).await.unwrap();

    let error = ask(&peer, b"let me see").await.unwrap_err();
    assert!(matches!(&error, LinkError::Fault { reason, .. } if reason.contains("only join")), "{error:?}");
    let (_sender, mut receiver) = peer.open_stream(Message::new(MessageType::JOIN, "")).await.unwrap();
    assert_eq!(receiver.next().await.unwrap().unwrap().header.message_type, MessageType::FAULT);
    assert_eq!(probe.requests(), 0);

    let answer = peer.request(Message::new(MessageType::JOIN, token.to_string()), PATIENCE).await.unwrap();
    assert_eq!(answer.body, token.to_string().as_bytes());
    assert!(probe.last_peer().is_anonymous());
    assert_eq!(probe.last_peer().role(), None);

    let large = Message::new(MessageType::JOIN, vec![0; 100 << 10]);
    let error = peer.request(large, PATIENCE).await.unwrap_err();
    assert!(matches!(&error, LinkError::Fault { reason, .. } if reason.contains("over the limit")), "{error:?}");
    assert_eq!(probe.requests(), 1);
}

#[tokio::test]
async fn a_token_of_another_cluster_is_refused_by_the_machine_that_has_it() {
    let (ours, theirs) = (Cluster::new("home"), Cluster::new("home"));
    let probe = Probe::new();
    let (_node, address) = theirs.serve(1, &probe);
    let error = bind(joining(&ours)).connect(&address, Expect::AnyNode).await.unwrap_err();
    assert!(matches!(error, LinkError::StrangerNode { .. }), "{error:?}");
    assert_eq!(probe.requests(), 0);
}

#[tokio::test]
async fn machines_without_a_certificate_cannot_take_all_connections() {
    let cluster = Cluster::new("home");
    let (node, address) = cluster.serve(1, &Probe::new());
    let mut machines = Vec::new();
    for _ in 0..ANONYMOUS_CONNECTIONS_MAX {
        let machine = bind(joining(&cluster));
        machine.connect(&address, Expect::AnyNode).await.unwrap();
        machines.push(machine);
    }
    assert_eq!(node.accepted().len(), ANONYMOUS_CONNECTIONS_MAX);
    let error = bind(joining(&cluster)).connect(&address, Expect::AnyNode).await.unwrap_err();
    assert!(matches!(error, LinkError::Busy { .. }), "{error:?}");
    cluster.admin().connect(&address, Expect::AnyNode).await.unwrap();
}

#[tokio::test]
async fn a_joined_machine_is_a_member() {
    let cluster = Cluster::new("home");
    let (_node, address) = cluster.serve(1, &Probe::new());
    let key = Key::generate().unwrap();
    let subject = Subject::Node { node: NodeId(2), role: NodeRole::Worker };
    let certificate = cluster.authority.sign(&key.signing_request().unwrap(), &subject, YEAR).unwrap();
    let identity = Identity::new(key, &certificate, cluster.authority.certificate_pem()).unwrap();
    let worker = bind(Credentials::Member(Arc::new(identity)));
    let peer = worker.connect(&address, Expect::Node(NodeId(1))).await.unwrap();
    ask(&peer, b"here I am").await.unwrap();
}

#[tokio::test]
async fn who_is_not_admitted_is_told_why() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (_node, address) = cluster.serve(1, &probe);
    *probe.not_admitted.lock().unwrap() = Some("node-2 was forgotten; join again".to_owned());
    let worker = bind(Credentials::Member(cluster.node(2)));
    let error = worker.connect(&address, Expect::AnyNode).await.unwrap_err();
    assert!(matches!(&error, LinkError::Refused { reason, .. } if reason.contains("join again")), "{error:?}");
    *probe.not_admitted.lock().unwrap() = None;
    worker.connect(&address, Expect::AnyNode).await.unwrap();
}

#[tokio::test]
async fn a_forgotten_node_loses_its_connections() {
    let cluster = Cluster::new("home");
    let (node, address) = cluster.serve(1, &Probe::new());
    let worker = bind(Credentials::Member(cluster.node(2)));
    let admin = cluster.admin();
    let forgotten = worker.connect(&address, Expect::AnyNode).await.unwrap();
    let stays = admin.connect(&address, Expect::AnyNode).await.unwrap();
    ask(&stays, b"").await.unwrap();
    ask(&forgotten, b"").await.unwrap();

    assert_eq!(node.disconnect(|peer| peer.node() == Some(NodeId(2)), "node-2 was forgotten"), 1);
    let reason = within(forgotten.closed()).await;
    assert!(matches!(&reason, LinkError::Refused { reason, .. } if reason == "node-2 was forgotten"), "{reason:?}");
    ask(&stays, b"").await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_is_about_clocks() {
    let cluster = Cluster::new("home");
    let log = Log::capture();
    let (_node, address) = cluster.serve(1, &Probe::new());
    let subject = Subject::Client { name: "ada".to_owned(), role: NodeRole::Admin, node: None };
    let identity = cluster.authority.identity(Key::generate().unwrap(), &subject, Duration::ZERO).unwrap();
    // Certificates count in seconds: the end of the one in which it was made must have passed.
    let client = bind(Credentials::Member(Arc::new(identity)));
    let error = loop {
        if let Err(error) = client.connect(&address, Expect::AnyNode).await.map(|peer| peer.close()) {
            break error;
        }
    };
    assert!(matches!(error, LinkError::Clock { .. }), "{error:?}");
    assert!(error.help().unwrap().contains("clocks"));
    log.wait_for("certificate expired").await;
}
