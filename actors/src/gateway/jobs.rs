//! Requests about jobs.

use std::time::Duration;

use actix::Addr;
use nexus_ledger::{Command, ExplainFacts, Ledger, MACHINES_KEY, Reply};
use nexus_model::{
    IndexRange, Input, JobId, JobSpec, LimitLevel, Limits, NodeId, NodeRole, Program, Reuse, TaskId, TaskState,
};
use nexus_wire::archived::Bounded;
use nexus_wire::limits::{JOBS_PER_PAGE_MAX, TASKS_PAGE_BYTES, WAIT_MAX};
use nexus_wire::{Refusal, Response, TaskDetail};

use super::GatewayState;
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::liveness::Alive;
use crate::roles::{Caller, is_node};
use crate::scheduler::{ExplainPlacement, Foresee, Scheduler, Settle};
use crate::telemetry;

impl GatewayState {
    pub(super) async fn submit(
        &self,
        control: &ControlPlane,
        caller: &Caller,
        spec: Box<JobSpec>,
        key: Option<String>,
    ) -> Result<Response, Refusal> {
        let mut spec = checked(spec)?;
        let key = match key {
            Some(key) => Some(owned(control, caller, key).await?),
            None => None,
        };
        match spec.part_of() {
            Some(task) => adopt(control, caller, &mut spec, task).await?,
            None => own(caller, &mut spec),
        }
        check_copies(control, &spec).await?;
        let asked = key.clone().filter(|_| spec.part_of().is_none()).map(|key| (key, spec.clone()));
        let _under_way = self.directory.vacancy.enter();
        let accepted = match self.vacancy_for(control, &spec).await {
            None => control.propose(Command::SubmitJob { spec, key, at_ms: now_ms() }).await?,
            Some((scheduler, node)) => {
                let accepted = control.propose(Command::SubmitPlaced { spec, key, node, at_ms: now_ms() }).await;
                let job = match &accepted {
                    Ok(Reply::Job(job)) => Some(*job),
                    Ok(_) | Err(_) => None,
                };
                if scheduler.send(Settle(job)).await.is_err() {
                    tracing::debug!("the scheduler began anew while a job was accepted for a slot that it kept");
                }
                accepted?
            }
        };
        match accepted {
            Reply::Job(job) => {
                if let Some((key, asked)) = asked {
                    check_same(control, job, &key, &asked).await?;
                }
                telemetry::accepted(job);
                Ok(Response::Submitted(job))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// A node with a free slot for the only task of a job, where nothing waits and every member can read that both come in
    /// one entry.
    async fn vacancy_for(&self, control: &ControlPlane, spec: &JobSpec) -> Option<(Addr<Scheduler>, NodeId)> {
        let is_simple = spec.tasks.len() == 1 && spec.conditions.is_none() && spec.reuse == Reuse::Never;
        if !is_simple || !self.directory.vacancy.is_for_one() || !control.leads() || !control.places_at_once().await {
            return None;
        }
        let scheduler = self.directory.scheduler.get().await?;
        let node = scheduler.send(Foresee(spec.clone())).await.ok()??;
        Some((scheduler, node))
    }

    pub(super) async fn list_jobs(
        &self,
        control: &ControlPlane,
        limit: u32,
        before: Option<JobId>,
    ) -> Result<Response, Refusal> {
        let limit = limit.clamp(1, JOBS_PER_PAGE_MAX);
        control.read(|ledger| Response::Jobs(ledger.jobs(limit as usize, before))).await
    }

    pub(super) async fn show_job(&self, control: &ControlPlane, job: JobId) -> Result<Response, Refusal> {
        let view = control.read(|ledger| ledger.job(job)).await?;
        view.map(|view| Response::Job(Box::new(view))).ok_or_else(|| no_such_job(job))
    }

    pub(super) async fn list_tasks(
        &self,
        control: &ControlPlane,
        job: JobId,
        range: IndexRange,
        detail: TaskDetail,
    ) -> Result<Response, Refusal> {
        let tasks = control.read(|ledger| ledger.tasks(job, range, detail, TASKS_PAGE_BYTES)).await?;
        tasks.map(Response::Tasks).ok_or_else(|| no_such_job(job))
    }

    pub(super) async fn wait_job(
        &self,
        control: &ControlPlane,
        job: JobId,
        seen: u32,
        patience: Duration,
    ) -> Result<Response, Refusal> {
        let deadline = tokio::time::Instant::now() + patience.min(WAIT_MAX);
        let mut moved = self.progress.watch(job);
        let mut first = true;
        loop {
            let view = match first {
                // A leader that was just elected has to make sure that it knows everything.
                true => control.read(|ledger| ledger.job(job)).await?,
                false => control.read_local(|ledger| ledger.job(job)).await,
            };
            first = false;
            let view = view.ok_or_else(|| no_such_job(job))?;
            if view.state.is_final() || view.ended() != seen {
                return Ok(Response::Job(Box::new(view)));
            }
            let changed = tokio::time::timeout_at(deadline, moved.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Ok(Response::Job(Box::new(view)));
            }
        }
    }

    pub(super) async fn cancel_job(&self, control: &ControlPlane, job: JobId) -> Result<Response, Refusal> {
        control.propose(Command::CancelJob { job, at_ms: now_ms() }).await?;
        self.show_job(control, job).await
    }
}

impl GatewayState {
    pub(super) async fn explain_job(
        &self,
        control: &ControlPlane,
        job: JobId,
        task: Option<u32>,
    ) -> Result<Response, Refusal> {
        let members: Vec<NodeId> = control.read(|ledger| ledger.members().map(|(node, _)| node).collect()).await?;
        let alive = members.into_iter().filter_map(|node| Some((node, self.liveness.of(node)?)));
        let alive: Vec<(NodeId, Alive)> = alive.collect();
        let held = alive.iter().filter_map(|(node, alive)| {
            let held_by = &alive.vitals.as_ref()?.held_by;
            (!held_by.is_empty()).then(|| (*node, held_by.join(", ")))
        });
        let facts =
            ExplainFacts { now_ms: now_ms(), held: held.collect(), up: alive.iter().map(|(node, _)| *node).collect() };
        let (said, is_known, has_somewhere) = control
            .read(|ledger| {
                (ledger.explain(job, task, &facts), ledger.job(job).is_some(), ledger.has_somewhere(job, &facts))
            })
            .await?;
        match (said, task) {
            (Some(mut said), _) => {
                said.extend(self.copies_of(control, job).await?);
                if has_somewhere {
                    said.extend(self.placement(control, job).await?);
                }
                Ok(Response::Explanation(said))
            }
            (None, Some(task)) if is_known => Err(refusal(codes::NO_SUCH_TASK, format!("{job} has no task {task}"))),
            (None, _) => Err(no_such_job(job)),
        }
    }

    /// What a job asks for that no machine has.
    pub(super) async fn unmet_needs(&self, control: &ControlPlane, job: JobId) -> Result<Response, Refusal> {
        let unmet = control.read(|ledger| ledger.unmet_needs(job)).await?;
        unmet.map(Response::Explanation).ok_or_else(|| no_such_job(job))
    }

    /// What became of the copies of the job's results, where machines that had some went.
    async fn copies_of(&self, control: &ControlPlane, job: JobId) -> Result<Vec<String>, Refusal> {
        control.read(|ledger| self.copies.sentences(job, &|node| name(ledger, node))).await
    }

    /// Why the scheduler placed the job's tasks as it did; nothing where it does not know.
    async fn placement(&self, control: &ControlPlane, job: JobId) -> Result<Vec<String>, Refusal> {
        let Some(scheduler) = self.directory.scheduler.get().await else { return Ok(Vec::new()) };
        // A scheduler that is just being restarted has forgotten the reasons.
        let Ok(Some(explanation)) = scheduler.send(ExplainPlacement(job)).await else { return Ok(Vec::new()) };
        control.read(|ledger| explanation.sentences(&|node| name(ledger, node))).await
    }
}

/// What people call a node.
fn name(ledger: &Ledger, node: NodeId) -> String {
    ledger.member(node).map_or_else(|| node.to_string(), |member| member.name.clone())
}

/// Gives a part of a task what that task may use. Only the node that runs the task may hand on parts of it.
async fn adopt(control: &ControlPlane, caller: &Caller, spec: &mut JobSpec, task: TaskId) -> Result<(), Refusal> {
    let range = IndexRange::new(task.index, task.index + 1);
    let known = control
        .read(|ledger| {
            (ledger.spec(task.job).cloned(), ledger.tasks(task.job, range, TaskDetail::State, TASKS_PAGE_BYTES))
        })
        .await?;
    let runs = |node: NodeId| {
        let tasks = known.1.iter().flatten();
        let under_way = |state| matches!(state, TaskState::Assigned | TaskState::Running);
        tasks.into_iter().any(|view| view.node == Some(node) && under_way(view.state))
    };
    let asks = match caller {
        Caller::Member { role, node: Some(node), .. } if is_node(*role) => runs(*node),
        Caller::Anonymous | Caller::Member { .. } => false,
    };
    let Some(whole) = known.0.filter(|whole| asks && whole.program == spec.program && whole.part_of().is_none()) else {
        let message = format!("calls of task {task} are handed on by the node that runs it, and by nobody else");
        return Err(refusal(codes::NOT_ALLOWED, message));
    };
    spec.user.clone_from(&whole.user);
    spec.limits = whole.limits.clone();
    spec.priority = whole.priority;
    Ok(())
}

/// Whether this can be accepted as it is.
pub(super) fn checked(spec: Box<JobSpec>) -> Result<Box<JobSpec>, Refusal> {
    spec.check().map_err(|error| refusal(codes::BAD_SUBMISSION, error.to_string()))?;
    spec.check_bounds().map_err(|error| refusal(codes::BAD_SUBMISSION, error.to_string()))?;
    Ok(spec)
}

/// Refuses a job that asks for more copies of its results than the cluster has machines: nobody is waited for who was
/// never there.
pub(super) async fn check_copies(control: &ControlPlane, spec: &JobSpec) -> Result<(), Refusal> {
    if spec.selection.copies <= 1 {
        return Ok(());
    }
    let Some(message) = control.read(|ledger| ledger.unmet_copies(spec)).await? else { return Ok(()) };
    let help = Some("ask for fewer with --copies, or add machines with `nexus token create`".to_owned());
    Err(Refusal { help, ..refusal(codes::BAD_SUBMISSION, message) })
}

/// Puts a job into the name on the certificate, and within the limits of its role.
pub(super) fn own(caller: &Caller, spec: &mut JobSpec) {
    if let Caller::Member { role, name, .. } = caller {
        if !name.is_empty() {
            spec.user.clone_from(name);
        }
        if *role != NodeRole::Admin {
            spec.limits = spec.limits.within(&Limits::level(LimitLevel::Medium));
        }
    }
}

/// Whether the job of a key is the submission that gave it now: nobody wants the results of another one.
async fn check_same(control: &ControlPlane, job: JobId, key: &str, asked: &JobSpec) -> Result<(), Refusal> {
    let differs = control.read_local(|ledger| ledger.spec(job).and_then(|known| difference(known, asked))).await;
    let Some(what) = differs else { return Ok(()) };
    let key = key.strip_prefix(MACHINES_KEY).unwrap_or(key);
    let message = format!("the key `{key}` stands for {job}, which is another submission: {what}");
    let help = format!("give another key, or none; `nexus job show {}` shows what has this one", job.0);
    Err(Refusal { help: Some(help), ..refusal(codes::KEY_TAKEN, message) })
}

/// What makes one submission other work than an earlier one. When it runs, where and with how many attempts is not compared:
/// that follows from when it is asked for.
fn difference(known: &JobSpec, asked: &JobSpec) -> Option<&'static str> {
    let program = match (&known.program, &asked.program) {
        (Program::MCode { source: a, .. }, Program::MCode { source: b, .. }) => a == b,
        (a, b) => a == b,
    };
    let same = [
        (program, "its program differs"),
        (known.tasks == asked.tasks && known.is_array == asked.is_array, "it has other tasks"),
        (arguments_of(known) == arguments_of(asked), "its arguments differ"),
        (given_inputs(known, asked) == given_inputs(asked, asked), "its inputs differ"),
        (known.seed == asked.seed, "its seed differs"),
    ];
    same.into_iter().find(|(is_same, _)| !is_same).map(|(_, what)| what)
}

/// The inputs of a job but those that `asked` takes from others: these are filled in when they are there.
fn given_inputs<'a>(spec: &'a JobSpec, asked: &JobSpec) -> Vec<&'a Input> {
    let is_taken = |input: &Input| asked.conditions.takes.iter().any(|taken| taken.name == input.name);
    spec.inputs.iter().filter(|input| !is_taken(input)).collect()
}

/// The arguments as text, in the order of their names: NaN is what was given, too.
fn arguments_of(spec: &JobSpec) -> Vec<String> {
    let mut arguments: Vec<String> = spec.arguments.iter().map(|argument| format!("{argument:?}")).collect();
    arguments.sort_unstable();
    arguments
}

/// A key as it is kept: the machines' where somebody asks on a machine of the cluster, and else the caller's own.
async fn owned(control: &ControlPlane, caller: &Caller, key: String) -> Result<String, Refusal> {
    if key.starts_with(MACHINES_KEY) {
        let message = "an idempotency key that begins with a zero byte is nobody's to give".to_owned();
        return Err(refusal(codes::BAD_SUBMISSION, message));
    }
    let Caller::Member { node: Some(node), .. } = *caller else { return Ok(key) };
    let is_machine = |ledger: &Ledger| {
        let is_known = ledger.protocol() >= Command::BEGUN;
        is_known && ledger.member(node).is_some_and(|member| member.is_machine())
    };
    Ok(if control.read_local(is_machine).await { format!("{MACHINES_KEY}{key}") } else { key })
}

pub(super) fn no_such_job(job: JobId) -> Refusal {
    Refusal {
        help: Some("`nexus jobs` lists the jobs".to_owned()),
        ..refusal(codes::NO_SUCH_JOB, format!("there is no {job}"))
    }
}

pub(super) fn unexpected(reply: &Reply) -> Refusal {
    tracing::error!(?reply, "the ledger gave an answer that does not fit the command");
    refusal(codes::BAD_MESSAGE, "the ledger gave an answer that does not fit".to_owned())
}
