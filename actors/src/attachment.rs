//! Brings a worker and the leader's scheduler together, in one process or over a link, and again after either was lost.
//!
//! An attachment is a bounded channel each way. Whoever goes away drops its end; the other side notices and the
//! attachment is made anew with a hello.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_link::{FrameReceiver, FrameSender, IncomingStream, LinkError, Message, Peer, PeerInfo, RoundTrip};
use nexus_model::NodeId;
use nexus_wire::{
    LeaderMessage, MessageType, ProtocolVersion, Refusal, WorkerMessage, decode_leader_message, decode_worker_message,
    encode_leader_message, encode_worker_message,
};
use tokio::sync::{mpsc, watch};

use crate::codes;
use crate::control::ControlPlane;
use crate::directory::Directory;
use crate::leader_link::{Found, LeaderLink};
use crate::scheduler::{AttachWorker, DetachWorker, FromWorker, RIVAL_PATIENCE, WORKER_PORT};
use crate::worker::{AttachLeader, FromLeader, OUTBOX};

/// The pause before an attachment is tried again; doubled up to [`PAUSE_MAX`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A hello that was not refused within this time was taken.
const HELLO_JUDGED: Duration = Duration::from_secs(3);

const _: () = assert!(RIVAL_PATIENCE.as_millis() < HELLO_JUDGED.as_millis());

/// How one attachment went.
enum Attachment {
    /// It was made, and has ended.
    Ended,
    /// It was not made: whoever was asked does not lead, or does not yet know that it does.
    NotMade,
    /// The leader does not want it, and says why.
    Refused(String),
}

/// How this process's worker finds its leader, and whether it wants work.
pub(crate) struct Way {
    pub(crate) control: ControlPlane,
    /// Absent where the leader is in this process.
    pub(crate) leader: Option<LeaderLink>,
    /// While it is true the worker offers no slots.
    pub(crate) drained: watch::Receiver<bool>,
}

/// Keeps this process's worker attached to the leader, in this process or elsewhere, until the process stops.
pub(crate) async fn keep_attached(directory: Arc<Directory>, way: Way) {
    let Way { control, leader, mut drained } = way;
    let mut pause = FIRST_PAUSE;
    let mut said = false;
    loop {
        let found = match &leader {
            Some(leader) => leader.find().await,
            None => Ok(Found::Here),
        };
        let drains = *drained.borrow_and_update();
        let attachment = async {
            match found {
                Ok(Found::Here) => Ok(attach_here(&directory, drains).await),
                Ok(Found::There { node, peer }) => attach_there(&directory, &control, (node, &peer), drains).await,
                Err(error) => Err(error),
            }
        };
        let attached = tokio::select! {
            attached = attachment => attached,
            // Another hello says what is offered now.
            Ok(()) = drained.changed() => continue,
        };
        if directory.worker.get().await.is_none() {
            return;
        }
        match attached {
            Ok(Attachment::Ended) => {
                tracing::info!("the leader has changed or is gone; going on with what is here");
                (pause, said) = (FIRST_PAUSE, false);
            }
            Ok(Attachment::NotMade) => {}
            Ok(Attachment::Refused(reason)) => {
                if !std::mem::replace(&mut said, true) {
                    tracing::error!(reason, "the leader refuses this machine; trying again until it does not");
                }
                pause = PAUSE_MAX;
            }
            Err(error) if !said => {
                tracing::warn!(%error, "no leader can be reached; trying again until one can");
                said = true;
            }
            Err(error) => tracing::debug!(%error, "no leader can be reached yet"),
        }
        // Another leader ends the pause: an idle worker costs more than an attempt.
        let other = control.leader().map(|(node, _)| node).unwrap_or(NodeId(0));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = control.until_other_leader(other) => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One attachment to the scheduler of this process, until it lets go.
async fn attach_here(directory: &Directory, drains: bool) -> Attachment {
    let (port, from_worker) = mpsc::channel(OUTBOX);
    let Some(worker) = directory.worker.get().await else { return Attachment::NotMade };
    if worker.send(AttachLeader { port }).await.is_err() {
        return Attachment::NotMade;
    }
    let (leader_port, mut from_leader) = mpsc::channel(WORKER_PORT);
    let deliver = async move {
        while let Some(messages) = from_leader.recv().await {
            if worker.send(FromLeader(messages)).await.is_err() {
                return;
            }
        }
    };
    match serve(directory, Source::Here { messages: from_worker, drains }, leader_port, deliver).await {
        Served::Attached => Attachment::Ended,
        Served::NotAttached | Served::Refused(_) => Attachment::NotMade,
    }
}

/// One attachment over a link, from hello until the leader lets go or another one leads.
async fn attach_there(
    directory: &Directory,
    control: &ControlPlane,
    (leader, peer): (NodeId, &Peer),
    drains: bool,
) -> Result<Attachment, LinkError> {
    let (port, mut from_worker) = mpsc::channel(OUTBOX);
    let Some(worker) = directory.worker.get().await else { return Ok(Attachment::NotMade) };
    if worker.send(AttachLeader { port }).await.is_err() {
        return Ok(Attachment::NotMade);
    }
    let Some(hello) = from_worker.recv().await else { return Ok(Attachment::NotMade) };
    let Some(opening) = worker_frame(&offering(hello, drains)) else { return Ok(Attachment::NotMade) };
    let (mut sender, mut receiver) = peer.open_stream(opening).await?;
    let begun = Instant::now();
    tracing::debug!(leader = peer.address(), "said hello to the leader");
    let up = async {
        while let Some(message) = from_worker.recv().await {
            let Some(message) = worker_frame(&known_to(peer.info().version, message)) else { return };
            if sender.send(message).await.is_err() {
                return;
            }
        }
    };
    let down = async {
        while let Ok(Some(frame)) = receiver.next().await {
            if frame.header.message_type == MessageType::FAULT {
                return Some(String::from_utf8_lossy(&frame.body).into_owned());
            }
            match decode_leader_message(&frame.body) {
                Ok(message) => {
                    if worker.send(FromLeader(vec![message])).await.is_err() {
                        return None;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the leader sent a message that cannot be read");
                    return None;
                }
            }
        }
        None
    };
    let refused = tokio::select! {
        // Whoever is refused finds its own way closed as well; why comes first.
        biased;
        refused = down => refused,
        () = up => None,
        () = control.until_other_leader(leader) => None,
    };
    if let Some(reason) = refused {
        return Ok(Attachment::Refused(reason));
    }
    // The leader says nothing to a hello that it takes; one that it refuses is over at once.
    Ok(if begun.elapsed() > HELLO_JUDGED { Attachment::Ended } else { Attachment::NotMade })
}

/// The leader's side of an attachment over a link: runs until either side goes.
pub(crate) async fn serve_worker(directory: &Directory, peer: &PeerInfo, stream: IncomingStream) {
    let IncomingStream { body, mut sender, receiver, round_trip, .. } = stream;
    let hello = match decode_worker_message(&body) {
        Ok(hello) => hello,
        Err(error) => {
            tracing::warn!(peer = %peer.address, %error, "a worker's hello cannot be read");
            return;
        }
    };
    if let WorkerMessage::Hello { node, .. } = &hello
        && peer.node() != Some(*node)
    {
        tracing::warn!(peer = %peer.address, claimed = %node, "a worker claims to be another node; refused");
        return;
    }
    let (leader_port, from_leader) = mpsc::channel(WORKER_PORT);
    let deliver = send_all(&mut sender, from_leader);
    let source = Source::There { hello: Some(hello), receiver: Box::new(receiver), round_trip };
    if let Served::Refused(refusal) = serve(directory, source, leader_port, deliver).await
        && refusal.code == codes::IDENTITY_COPIED
    {
        let help = refusal.help.map(|help| format!(": {help}")).unwrap_or_default();
        let fault = Message::new(MessageType::FAULT, format!("{}{help}", refusal.message).into_bytes());
        // Who has gone need not be told.
        let _ = sender.send(fault).await;
        sender.finish();
    }
}

async fn send_all(sender: &mut FrameSender, mut batches: mpsc::Receiver<Vec<LeaderMessage>>) {
    while let Some(messages) = batches.recv().await {
        for message in messages {
            let body = match encode_leader_message(&message) {
                Ok(body) => body,
                Err(error) => {
                    tracing::error!(%error, "a message to a worker cannot be sent; its attachment ends");
                    return;
                }
            };
            if sender.send(Message::new(MessageType::LEADER, body)).await.is_err() {
                return;
            }
        }
    }
}

fn worker_frame(message: &WorkerMessage) -> Option<Message> {
    match encode_worker_message(message) {
        Ok(body) => Some(Message::new(MessageType::WORKER, body)),
        Err(error) => {
            tracing::error!(%error, "a message to the leader cannot be sent; the attachment ends");
            None
        }
    }
}

/// A hello without slots where the node drains: what it holds it ends, and nothing new comes.
fn offering(message: WorkerMessage, drains: bool) -> WorkerMessage {
    match message {
        WorkerMessage::Hello { node, address, mut capacity, holding } if drains => {
            capacity.slots = 0;
            WorkerMessage::Hello { node, address, capacity, holding }
        }
        message => message,
    }
}

/// A message without what a leader of this version could not read.
fn known_to(version: ProtocolVersion, message: WorkerMessage) -> WorkerMessage {
    match message {
        WorkerMessage::Heartbeat { running, .. } if version < WorkerMessage::VITALS => {
            WorkerMessage::Heartbeat { running, vitals: None }
        }
        message => message,
    }
}

/// Where a worker's messages come from.
enum Source {
    Here { messages: mpsc::Receiver<WorkerMessage>, drains: bool },
    There { hello: Option<WorkerMessage>, receiver: Box<FrameReceiver>, round_trip: RoundTrip },
}

impl Source {
    async fn next(&mut self) -> Option<WorkerMessage> {
        match self {
            Source::Here { messages, drains } => messages.recv().await.map(|message| offering(message, *drains)),
            Source::There { hello, receiver, .. } => {
                if let Some(hello) = hello.take() {
                    return Some(hello);
                }
                let frame = receiver.next().await.ok()??;
                decode_worker_message(&frame.body)
                    .inspect_err(|error| tracing::warn!(%error, "a worker sent a message that cannot be read"))
                    .ok()
            }
        }
    }

    /// The link's round-trip time; a worker of the leader's own node has none.
    fn round_trip(&self) -> Option<Duration> {
        match self {
            Source::Here { .. } => None,
            Source::There { round_trip, .. } => Some(round_trip.smoothed()),
        }
    }
}

/// What became of an attachment at the leader.
enum Served {
    /// It was made, and has ended.
    Attached,
    /// Nobody was there to make it.
    NotAttached,
    /// The leader does not want it.
    Refused(Refusal),
}

/// Attaches a worker to the scheduler and carries messages both ways until either end goes.
async fn serve(
    directory: &Directory,
    mut source: Source,
    port: mpsc::Sender<Vec<LeaderMessage>>,
    deliver: impl Future<Output = ()>,
) -> Served {
    let Some(scheduler) = directory.scheduler.get().await else { return Served::NotAttached };
    let Some(WorkerMessage::Hello { node, address, capacity, holding }) = source.next().await else {
        return Served::NotAttached;
    };
    let attach = AttachWorker { node, address, capacity, holding, port };
    let session = match scheduler.send(attach).await {
        Ok(Ok(session)) => session,
        Ok(Err(refusal)) => {
            if refusal.code == codes::NO_LEADER {
                // Whoever has just become the leader learns of it a moment after its worker; it asks again.
                tracing::debug!(%node, reason = %refusal, "a worker was refused");
            } else {
                tracing::warn!(%node, reason = %refusal, "a worker was refused");
            }
            return Served::Refused(refusal);
        }
        Err(_) => return Served::NotAttached,
    };
    let receive = async {
        while let Some(message) = source.next().await {
            let round_trip = source.round_trip();
            if scheduler.send(FromWorker { node, session, message, round_trip }).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = receive => {}, () = deliver => {} }
    detach(&scheduler, node, session).await;
    Served::Attached
}

async fn detach(scheduler: &actix::Addr<crate::scheduler::Scheduler>, node: NodeId, session: u64) {
    // A scheduler that is gone has no attachments.
    let _ = scheduler.send(DetachWorker { node, session }).await;
}
