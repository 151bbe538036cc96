//! Sources that are quick, slow, old, lost and lying.

use std::rc::Rc;

use futures::stream;
use nexus_blobs::BlobStore;

use super::*;

/// A blob and the hashes of its pieces, as the store of a node that has it gives them.
struct Blob {
    hash: BlobHash,
    bytes: Vec<u8>,
    outline: Vec<u8>,
}

fn blob(pieces: usize) -> Rc<Blob> {
    let bytes: Vec<u8> = (0..pieces * PIECE_BYTES - 77).map(|at| (at / 999) as u8).collect();
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path(), 0).unwrap();
    let hash = store.put(&bytes).unwrap();
    let outline = store.outline(&hash).unwrap().to_bytes();
    Rc::new(Blob { hash, bytes, outline })
}

/// A node that has the blob.
#[derive(Clone)]
struct Node {
    blob: Rc<Blob>,
    /// Pieces that it was asked for.
    asked: Rc<RefCell<Vec<u64>>>,
    /// After so many pieces it is lost.
    lost_after: usize,
    is_lying: bool,
    is_old: bool,
    is_stuck: bool,
}

fn node(blob: &Rc<Blob>) -> Node {
    Node {
        blob: Rc::clone(blob),
        asked: Rc::default(),
        lost_after: usize::MAX,
        is_lying: false,
        is_old: false,
        is_stuck: false,
    }
}

impl Source for Node {
    fn name(&self) -> String {
        "fake".to_owned()
    }

    async fn outline(&self, _: BlobHash) -> Result<Vec<u8>, Failure> {
        if self.is_old { Err(Failure::TooOld) } else { Ok(self.blob.outline.clone()) }
    }

    async fn piece(&self, _: BlobHash, offset: u64) -> Result<Vec<u8>, Failure> {
        tokio::task::yield_now().await;
        if self.asked.borrow().len() >= self.lost_after {
            return Err(Failure::Lost(refusal(codes::NO_LEADER, "the way is gone".to_owned())));
        }
        let number = offset / PIECE_BYTES as u64;
        self.asked.borrow_mut().push(number);
        if self.is_stuck {
            std::future::pending::<()>().await;
        }
        let mut bytes = self.blob.bytes.chunks(PIECE_BYTES).nth(number as usize).unwrap().to_vec();
        bytes[5] ^= u8::from(self.is_lying);
        Ok(bytes)
    }

    async fn rest(&self, _: BlobHash, _: u64, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        bytes.clone_from(&self.blob.bytes);
        Ok(())
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn fetch(blob: &Blob) -> Fetch {
    Fetch::new(blob.hash, blob.bytes.len() as u64)
}

fn all(nodes: &[Node]) -> impl Stream<Item = Option<Node>> + use<> {
    stream::iter(nodes.iter().cloned().map(Some).collect::<Vec<_>>())
}

#[test]
fn two_nodes_share_a_blob_and_bring_no_piece_twice_but_the_last() {
    let blob = blob(12);
    let nodes = [node(&blob), node(&blob)];
    let fetch = fetch(&blob);
    run(fetch.from(all(&nodes)));
    let asked = nodes.each_ref().map(|node| node.asked.borrow().len());
    assert!(asked.iter().all(|asked| *asked >= 3), "both bring some: {asked:?}");
    assert!(asked.iter().sum::<usize>() <= 12 + 2 * LANES, "{asked:?}");
    assert_eq!(fetch.into_bytes(), blob.bytes);
}

#[test]
fn what_is_here_when_a_node_is_lost_is_not_fetched_again() {
    let blob = blob(10);
    let fetch = fetch(&blob);
    let lost = Node { lost_after: 6, ..node(&blob) };
    assert!(!run(fetch.from(all(std::slice::from_ref(&lost)))), "it may come back");
    assert!(!fetch.is_complete());
    let back = node(&blob);
    assert!(run(fetch.from(all(std::slice::from_ref(&back)))));
    let [mut before, after] = [&lost, &back].map(|node| node.asked.borrow().clone());
    before.extend(&after);
    before.sort_unstable();
    assert_eq!(before, (0..10).collect::<Vec<_>>(), "each piece once");
    assert_eq!(fetch.into_bytes(), blob.bytes);
}

#[test]
fn a_node_that_sends_something_else_is_noticed_at_its_first_piece_and_others_bring_the_rest() {
    let blob = blob(9);
    let lying = Node { is_lying: true, ..node(&blob) };
    let fetch_of_liar = fetch(&blob);
    assert!(run(fetch_of_liar.from(all(std::slice::from_ref(&lying)))), "it was there, and there is no use in it");
    assert!(lying.asked.borrow().len() <= LANES, "{:?}", lying.asked.borrow());
    assert!(fetch_of_liar.into_refusal().message.contains("has the hash"));
    let both = fetch(&blob);
    run(both.from(all(&[lying, node(&blob)])));
    assert_eq!(both.into_bytes(), blob.bytes);
}

#[test]
fn a_node_that_is_stuck_holds_up_nobody() {
    let blob = blob(7);
    let fetch = fetch(&blob);
    run(fetch.from(all(&[Node { is_stuck: true, ..node(&blob) }, node(&blob)])));
    assert_eq!(fetch.into_bytes(), blob.bytes);
}

#[test]
fn nodes_that_cannot_be_reached_may_have_it_and_those_without_it_do_not() {
    let blob = blob(3);
    let unreached = fetch(&blob);
    assert!(!run(unreached.from(stream::iter([None::<Node>]))));
    assert!(unreached.into_refusal().message.contains("no other node can be reached"));
    assert!(run(fetch(&blob).from(stream::empty::<Option<Node>>())));
}

#[test]
fn a_node_of_the_protocol_before_gives_it_as_a_whole() {
    let blob = blob(3);
    let fetch = fetch(&blob);
    let old = Node { is_old: true, ..node(&blob) };
    run(fetch.from(all(std::slice::from_ref(&old))));
    assert_eq!(fetch.into_bytes(), blob.bytes);
    assert!(old.asked.borrow().is_empty());
}
