//! Puts the actors of one process together: Omega with its children, the flow of the ledger's effects, and the attachment
//! of this process's worker to this process's scheduler.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::prelude::*;
use nexus_model::{NodeCapacity, NodeId, Vitals};
use tokio::sync::{mpsc, watch};

use crate::attachment::{self, Way};
use crate::control::{ControlPlane, LedgerEvent};
use crate::directory::Directory;
use crate::echo::Echo;
use crate::gateway::{Gateway, GatewayState};
use crate::leader_link::LeaderLink;
use crate::learning::Learner;
use crate::learning::sharing::{self, OptimizerKeeper};
use crate::liveness::Liveness;
use crate::omega::Omega;
use crate::progress::Progress;
use crate::qlogik::Qlogik;
use crate::scheduler::{FromLedger, Scheduler};
use crate::worker::{HandIn, Left, SayBeginning, Slots, TaskBeginning, TaskRunner, TasksEnded, Worker, WorkerState};

/// What this process is.
pub(crate) struct Plan {
    pub(crate) node: NodeId,
    pub(crate) address: String,
    pub(crate) capacity: NodeCapacity,
    pub(crate) gateway: Arc<GatewayState>,
    /// The data directory, where the timelines are that this node keeps.
    pub(crate) timelines: Option<PathBuf>,
    pub(crate) runner: TaskRunner,
    /// What an earlier process of this node had begun when it was killed.
    pub(crate) begun: Left,
    pub(crate) control: ControlPlane,
    pub(crate) events: mpsc::Receiver<LedgerEvent>,
    pub(crate) progress: Progress,
    pub(crate) liveness: Liveness,
    /// The way to the leader, where that may be another process.
    pub(crate) leader: Option<LeaderLink>,
    /// Whether this process takes no new tasks.
    pub(crate) drained: watch::Receiver<bool>,
    /// How this machine is, where it is measured.
    pub(crate) vitals: watch::Receiver<Option<Vitals>>,
}

/// How long a worker that stops has for what it runs and for its goodbye.
const LEAVE_PATIENCE: Duration = Duration::from_secs(15);

/// The running actors. Drop the crew (after `stop`) to join the slots.
pub(crate) struct Crew {
    pub(crate) directory: Arc<Directory>,
    pub(crate) worker_state: Arc<WorkerState>,
    learner: Option<Arc<Learner>>,
    omega: Addr<Omega>,
}

impl Crew {
    /// Starts everything. Must run inside an actix system. `on_give_up` hears of an actor that cannot be kept alive.
    pub(crate) fn start(plan: Plan, on_give_up: impl FnOnce(&'static str) + 'static) -> std::io::Result<Crew> {
        let directory = Arc::clone(&plan.gateway.directory);
        let learner = plan.runner.learner.clone();
        let slots = Slots::start(&plan.capacity, plan.runner, (hand_in(&directory), say_beginning(&directory)))?;
        let worker_state = Arc::new(WorkerState::new(slots, plan.begun));
        let mut omega = Omega::new(on_give_up);
        supervise_gateway(&mut omega, &directory, plan.gateway);
        if let Some(data) = plan.timelines {
            supervise_echo(&mut omega, &directory, data);
        }
        supervise_qlogik(&mut omega, &directory);
        let worker_parts = (Arc::clone(&worker_state), plan.vitals);
        supervise_worker(&mut omega, &directory, (plan.node, plan.address, plan.capacity), worker_parts);
        supervise_scheduler(
            &mut omega,
            &directory,
            (plan.node, plan.control.clone()),
            (plan.liveness, learner.clone()),
        );
        if let Some(learner) = &learner {
            supervise_optimizer(&mut omega, learner, plan.leader.clone());
        }
        actix::spawn(forward_events(plan.events, plan.progress, Arc::clone(&directory)));
        let way = Way { control: plan.control, leader: plan.leader, drained: plan.drained };
        actix::spawn(attachment::keep_attached(Arc::clone(&directory), way));
        Ok(Crew { directory, worker_state, learner, omega: omega.start() })
    }

    /// Down in order: nothing is started again, what runs is given up, the leader hears that this worker goes.
    pub(crate) async fn stop(&self) {
        // Omega gone is as good as standing down, and a worker that is gone has nothing to say.
        let _ = self.omega.send(crate::omega::StandDown).await;
        self.worker_state.slots.give_up();
        let state = Arc::clone(&self.worker_state);
        let left = async {
            let begun = tokio::task::spawn_blocking(move || state.slots.given_up()).await.unwrap_or_default();
            if let Some(worker) = self.directory.worker.get().await {
                let _ = worker.send(crate::worker::Leave(begun)).await;
            }
        };
        if tokio::time::timeout(LEAVE_PATIENCE, left).await.is_err() {
            tracing::warn!("the worker cannot be reached any more; its goodbye is left unsaid");
        }
        // Whoever waits for an actor that does not come back is let go.
        self.directory.close();
        if let Some(learner) = self.learner.clone() {
            // A panic in there was said already, and there is nothing to be done about it now.
            let _ = tokio::task::spawn_blocking(move || sharing::save(&learner)).await;
        }
    }
}

fn supervise_gateway(omega: &mut Omega, directory: &Arc<Directory>, state: Arc<GatewayState>) {
    let directory = Arc::clone(directory);
    omega.supervise(
        "gateway",
        Box::new(move |lifeline| directory.gateway.set(Gateway::new(Arc::clone(&state), lifeline).start())),
    );
}

fn supervise_worker(
    omega: &mut Omega,
    directory: &Arc<Directory>,
    (node, address, capacity): (NodeId, String, NodeCapacity),
    parts: (Arc<WorkerState>, watch::Receiver<Option<Vitals>>),
) {
    let directory = Arc::clone(directory);
    omega.supervise(
        "worker",
        Box::new(move |lifeline| {
            let worker = Worker::new(node, address.clone(), capacity.clone(), parts.clone(), lifeline);
            directory.worker.set(worker.start());
        }),
    );
}

fn supervise_echo(omega: &mut Omega, directory: &Arc<Directory>, data: PathBuf) {
    let directory = Arc::clone(directory);
    omega.supervise("echo", Box::new(move |lifeline| directory.echo.set(Echo::new(data.clone(), lifeline).start())));
}

fn supervise_qlogik(omega: &mut Omega, directory: &Arc<Directory>) {
    let directory = Arc::clone(directory);
    omega.supervise("qlogik", Box::new(move |lifeline| directory.qlogik.set(Qlogik::new(lifeline).start())));
}

fn supervise_scheduler(
    omega: &mut Omega,
    directory: &Arc<Directory>,
    (node, control): (NodeId, ControlPlane),
    (liveness, learner): (Liveness, Option<Arc<Learner>>),
) {
    let directory = Arc::clone(directory);
    omega.supervise(
        "scheduler",
        Box::new(move |lifeline| {
            let vacancy = directory.vacancy.clone();
            directory.scheduler.set(
                Scheduler::new(node, control.clone(), liveness.clone(), learner.clone(), vacancy, lifeline).start(),
            );
        }),
    );
}

fn supervise_optimizer(omega: &mut Omega, learner: &Arc<Learner>, leader: Option<LeaderLink>) {
    let learner = Arc::clone(learner);
    omega.supervise(
        "optimizer",
        Box::new(move |lifeline| {
            OptimizerKeeper::new(Arc::clone(&learner), leader.clone(), lifeline).start();
        }),
    );
}

/// How slots hand in what has ended.
fn hand_in(directory: &Arc<Directory>) -> HandIn {
    let directory = Arc::clone(directory);
    Box::new(move |tasks| deliver(&directory, || TasksEnded(tasks.clone())))
}

/// How slots say what is about to begin.
fn say_beginning(directory: &Arc<Directory>) -> SayBeginning {
    let directory = Arc::clone(directory);
    Box::new(move |attempt| deliver(&directory, || TaskBeginning(attempt)))
}

/// How slots reach the worker actor: again, if it is just being restarted.
fn deliver<M>(directory: &Directory, message: impl Fn() -> M)
where
    M: Message<Result = ()> + Send + 'static,
    Worker: Handler<M>,
    <Worker as Actor>::Context: ToEnvelope<Worker, M>,
{
    futures::executor::block_on(async {
        let mut place = directory.worker.get().await;
        while let Some(worker) = place {
            if worker.send(message()).await.is_ok() {
                return;
            }
            place = directory.worker.after(&worker).await;
        }
    });
}

/// Carries what happens in the ledger to those who wait for a job and to the scheduler, in order. A scheduler that is just
/// being restarted misses nothing: it begins with a look at the whole ledger.
async fn forward_events(mut events: mpsc::Receiver<LedgerEvent>, progress: Progress, directory: Arc<Directory>) {
    while let Some(event) = events.recv().await {
        if let LedgerEvent::Moved(moved) = &event {
            progress.moved_by(&moved.effects);
        }
        let Some(scheduler) = directory.scheduler.get().await else { return };
        if scheduler.send(FromLedger(event)).await.is_err() {
            tracing::debug!("the scheduler is being restarted and will look at the ledger");
        }
    }
}
