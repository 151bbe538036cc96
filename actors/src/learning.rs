//! The learning optimiser of a process: what every program that runs here asks for its strategy, and tells what it took.
//!
//! What decides is `nexus-optimizer`; this room has what that lacks: a machine (`site`), the way from a strategy to a
//! run (`application`), results that can be compared (`sameness`), a file (`state_file`), and the actor that writes
//! it and tells other nodes (`sharing`). It runs nothing: the worker does.

pub(crate) mod application;
pub(crate) mod load;
pub(crate) mod sameness;
pub(crate) mod sharing;
pub(crate) mod site;
pub(crate) mod state_file;
pub(crate) mod trial;
pub(crate) mod work;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_model::{JobId, NodeId, Value};
use nexus_optimizer::{
    Candidate, Choice, Comparison, Experience, Features, Key, Machine, Optimizer, OptimizerConfig, RunOutcome,
    Strategy, StrategyError, Work,
};
use nexus_wire::limits::{EXPERIENCE_BYTES_MAX, EXPERIENCE_NODES_MAX};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub use self::application::Application;
pub(crate) use self::load::Load;
pub use self::site::{machine, measure, measure_products};
pub use self::state_file::{Saved, StateFile, StateFileError};
pub use self::trial::{Sample, Trial};
pub use self::work::work_of;

/// Events that are kept to be told again to a file that another process wrote meanwhile; beyond that the oldest are left
/// to what this process alone knew.
const EVENTS_MAX: usize = 2_000;

/// Nodes whose experience a leader passes on; each takes up to a mebibyte of its memory.
const NODES_MAX: usize = 32;

/// The file of the optimiser in a data directory: of a node, and of the programs that its user runs without one.
pub fn file(data: &Path) -> PathBuf {
    data.join("optimizer.json")
}

/// The name under which the work of a program's text is remembered: what the scheduler asks by.
pub(crate) fn text_name(text: &str) -> String {
    format!("text-{}", &blake3::hash(text.as_bytes()).to_hex()[..24])
}

/// What the name of an input begins with that brings a strategy.
const STRATEGY: &str = "strategy:";

/// A strategy as an input of a job: where it runs, it is known from then on.
pub fn brought(strategy: &Strategy) -> (String, Value) {
    (format!("{STRATEGY}{}", strategy.strategy_id), Value::String(strategy.to_toml()))
}

/// The strategies among the inputs of a job, which are taken out of them; an error names the input.
pub(crate) fn unpack_strategies(inputs: &mut Vec<(String, Value)>) -> Result<Vec<Strategy>, (String, String)> {
    let brought = inputs.extract_if(.., |(name, _)| name.starts_with(STRATEGY)).map(|(name, value)| {
        let Value::String(text) = value else { return Err((name, "it is no text".to_owned())) };
        Strategy::from_toml(&text).map_err(|error| (name, error.to_string()))
    });
    brought.collect()
}

/// Something that an optimiser learned from.
#[derive(Debug, Clone)]
enum Event {
    Recorded(Box<Choice>, RunOutcome),
    Measured(Box<Choice>, Features),
    Checked(Box<Choice>, Duration, Comparison),
    Named(String, Key),
    Heard(u64, Vec<Experience>),
}

impl Event {
    fn tell(self, optimizer: &mut Optimizer) {
        match self {
            Event::Recorded(choice, outcome) => optimizer.record(&choice, outcome),
            Event::Measured(choice, features) => optimizer.measured(&choice, features),
            Event::Checked(choice, took, comparison) => optimizer.checked(&choice, took.as_secs_f64(), comparison),
            Event::Named(name, key) => optimizer.name(&name, key),
            // What was sound when it came in is sound now.
            Event::Heard(node, experience) => drop(optimizer.hear(node, &experience)),
        }
    }
}

#[derive(Debug)]
struct State {
    optimizer: Optimizer,
    chance: StdRng,
    /// What the file does not know yet, where there is one.
    events: VecDeque<Event>,
    is_kept: bool,
    last: Option<Choice>,
    observed: Option<Observed>,
    /// What other nodes told this one as their leader, the newest first.
    others: VecDeque<(NodeId, Vec<u8>)>,
    /// Why the last writing of the file failed, where it did.
    unsaved: Option<String>,
    /// Strategies that the file does not know yet.
    own_strategies: Vec<Strategy>,
}

/// What a run that was chosen for was seen to do: by these counters a strategy's fields can be told apart.
#[derive(Debug, Clone)]
pub struct Observed {
    /// How it was carried out.
    pub application: Application,
    /// Wall time of the run itself.
    pub took: Duration,
    /// Operations, passes over memory, threads.
    pub work: nexus_tensor::Work,
    /// The most bytes of tensors at once.
    pub peak_bytes: u64,
    /// What native code did.
    pub native: nexus_mcode::NativeProfile,
    /// What fusion did.
    pub fusion: nexus_mcode::FusionProfile,
    /// What was done to the program's code.
    pub optimiser: nexus_mcode::OptimiserCounts,
}

/// The optimiser of this process; shared by its slots.
#[derive(Debug)]
pub struct Learner {
    state: Mutex<State>,
    /// Held while the disk works, in which time choices go on.
    file: Mutex<Option<StateFile>>,
    machine: Machine,
    load: Arc<Load>,
    /// Runs that are under way.
    running: AtomicUsize,
}

/// A run that is under way.
#[derive(Debug)]
pub(crate) struct Entered<'a>(&'a AtomicUsize);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Learner {
    /// With what is in the file of `config`, where it names one; without, nothing is kept. A file that is damaged or of
    /// a newer version is set aside; the second value says so.
    pub fn open(config: OptimizerConfig, machine: Machine, seed: u64) -> (Learner, Option<String>) {
        let mut warning = None;
        let (optimizer, file) = match &config.model_path {
            Some(path) => {
                let mut file = StateFile::new(path);
                let (optimizer, told) = file.load(config);
                warning = told;
                (optimizer, Some(file))
            }
            None => (Optimizer::new(config), None),
        };
        let chance = StdRng::seed_from_u64(seed);
        let state = State {
            optimizer,
            chance,
            events: VecDeque::new(),
            is_kept: file.is_some(),
            last: None,
            observed: None,
            others: VecDeque::new(),
            unsaved: None,
            own_strategies: Vec::new(),
        };
        let (load, running) = (Arc::new(Load::now()), AtomicUsize::new(0));
        (Learner { state: Mutex::new(state), file: Mutex::new(file), machine, load, running }, warning)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine that it learns about.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// How to run this work: as `named`, or as was learned. On the processor only, where the caller asks for it. A run that
    /// takes longer than `within` is stopped.
    pub fn choose(
        &self,
        work: &Work,
        named: Option<&str>,
        processor_only: bool,
        within: Option<Duration>,
    ) -> Result<Choice, StrategyError> {
        let now = Machine { busy_threads: self.busy_threads(), ..self.machine.clone() };
        let machine = match processor_only {
            true => &Machine { gpu: None, has_cuda: false, has_ane: false, ..now },
            false => &now,
        };
        let State { optimizer, chance, last, .. } = &mut *self.state();
        let choice = match named {
            Some(id) => optimizer.ask_for(work, machine, id)?,
            None => {
                let within_s = within.map_or(f64::INFINITY, |within| within.as_secs_f64());
                optimizer.choose_within(work, machine, within_s, chance)
            }
        };
        *last = Some(choice.clone());
        Ok(choice)
    }

    /// Learns what a run took.
    pub fn record(&self, choice: &Choice, outcome: RunOutcome) {
        self.state().take(Event::Recorded(Box::new(choice.clone()), outcome));
    }

    /// Learns what a run was seen to do, the first time that its work ran.
    pub fn measured(&self, choice: &Choice, features: impl FnOnce() -> Features) {
        let mut state = self.state();
        if !state.optimizer.is_measured(choice) {
            state.take(Event::Measured(Box::new(choice.clone()), features()));
        }
    }

    /// How long the baseline may run to compare its results with those of a run, now.
    pub(crate) fn check_within(&self, choice: &Choice, took: Duration, has_failed: bool) -> Option<Duration> {
        let within_s = self.state().optimizer.check_within_s(choice, took.as_secs_f64(), has_failed);
        within_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// Learns how a comparison of results ended, after a run that took so long.
    pub fn checked(&self, choice: &Choice, took: Duration, comparison: Comparison) {
        self.state().take(Event::Checked(Box::new(choice.clone()), took, comparison));
    }

    /// Counts a run for as long as what is returned lives: those that are chosen for meanwhile share the machine with it.
    pub(crate) fn enter(&self) -> Entered<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Entered(&self.running)
    }

    /// What other processes do on the machine, for who measures it.
    pub(crate) fn load(&self) -> Arc<Load> {
        Arc::clone(&self.load)
    }

    /// Threads that others keep busy: other processes, and other runs of this one.
    fn busy_threads(&self) -> f64 {
        let running = self.running.load(Ordering::Relaxed);
        self.load.threads() + running as f64
    }

    /// Remembers a piece of work under a name: a job's, a program's.
    pub fn name(&self, name: &str, key: Key) {
        let mut state = self.state();
        if state.optimizer.named(name) != Some(key) {
            state.take(Event::Named(name.to_owned(), key));
        }
    }

    /// Remembers the work of a choice under the names of its job and of its program's text.
    pub(crate) fn name_work(&self, choice: &Choice, job: JobId, text_name: &str) {
        self.name(&format!("job-{}", job.0), choice.key);
        self.name(text_name, choice.key);
    }

    /// The choice that was made last.
    pub fn last(&self) -> Option<Choice> {
        self.state().last.clone()
    }

    /// Notes what a run was seen to do.
    pub(crate) fn observe(&self, observed: Observed) {
        self.state().observed = Some(observed);
    }

    /// What the run that ended last was seen to do, of those that came to their end.
    pub fn observed(&self) -> Option<Observed> {
        self.state().observed.clone()
    }

    /// Adds a strategy to choose from; it is kept with what is learned.
    pub fn register(&self, strategy: Strategy) -> Result<(), StrategyError> {
        let mut state = self.state();
        state.optimizer.register(strategy.clone())?;
        state.own_strategies.push(strategy);
        Ok(())
    }

    /// Knows a strategy that came with a job from now on. The error says why it does not.
    pub(crate) fn learn_of(&self, strategy: &Strategy) -> Result<(), StrategyError> {
        let known = self.with(|optimizer, _| optimizer.strategies().get(&strategy.strategy_id).cloned());
        match known {
            Some(known) if known == *strategy => Ok(()),
            Some(known) => Err(StrategyError::Taken(known.strategy_id)),
            None => self.register(strategy.clone()),
        }
    }

    /// What every strategy is predicted to take for this work; changes nothing.
    pub fn predict(&self, work: &Work) -> Vec<Candidate> {
        self.state().optimizer.predict(work, &self.machine)
    }

    /// Median and 80 % interval of the best known strategy for the work that was remembered under a name.
    pub fn predicted(&self, name: &str) -> Option<[Duration; 3]> {
        let state = self.state();
        let recalled = state.optimizer.recall(&state.optimizer.named(name)?, &self.machine)?;
        let best = recalled.best?;
        let prediction = recalled.candidates.iter().find(|c| c.strategy_id == best)?.prediction?;
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
        Some([time(prediction.median_s)?, time(prediction.low_s)?, time(prediction.high_s)?])
    }

    /// What this process saw itself, for other nodes.
    pub fn experience(&self) -> Vec<Experience> {
        self.state().optimizer.experience()
    }

    /// What this process saw itself, as bytes for other nodes: as much as one message holds, the most used first.
    pub(crate) fn told(&self) -> Vec<u8> {
        as_told(self.experience())
    }

    /// Takes what another node told as bytes.
    pub(crate) fn hear_told(&self, node: NodeId, told: &[u8]) -> Result<(), String> {
        let experience: Vec<Experience> = serde_json::from_slice(told).map_err(|error| error.to_string())?;
        self.hear(node.0, experience)
    }

    /// Takes what `node` told the leader `here`; what the leader and the others told, for it: those that are gone as well, as
    /// far as this node heard them, or heard of them.
    pub(crate) fn exchange(&self, here: NodeId, node: NodeId, told: &[u8]) -> Result<Vec<(NodeId, Vec<u8>)>, String> {
        self.hear_told(node, told)?;
        let own = self.told();
        let mut state = self.state();
        state.others.retain(|(known, _)| *known != node);
        state.others.push_front((node, told.to_vec()));
        state.others.truncate(NODES_MAX);
        let told = |known: u64| state.others.iter().any(|(there, _)| there.0 == known);
        let gone = state.optimizer.heard(|known| known != here.0 && !told(known));
        let others: Vec<(NodeId, Vec<u8>)> = state.others.iter().filter(|(known, _)| *known != node).cloned().collect();
        drop(state);
        let gone = gone.into_iter().map(|(known, experience)| (NodeId(known), as_told(experience)));
        Ok(std::iter::once((here, own)).chain(others).chain(gone).take(EXPERIENCE_NODES_MAX).collect())
    }

    /// Takes what another node saw. `Err` says what is unsound; nothing was taken then.
    pub fn hear(&self, node: u64, experience: Vec<Experience>) -> Result<(), String> {
        let mut state = self.state();
        state.optimizer.hear(node, &experience).map_err(|error| error.to_string())?;
        state.keep(Event::Heard(node, experience));
        Ok(())
    }

    /// Looks something up in what was learned.
    pub fn with<T>(&self, look: impl FnOnce(&Optimizer, &Machine) -> T) -> T {
        look(&self.state().optimizer, &self.machine)
    }

    /// Writes what was learned to the file. Blocks on the disk; does nothing where nothing is new or there is no file.
    pub fn save(&self) -> Result<(), StateFileError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file.as_mut() else { return Ok(()) };
        let (mut optimizer, told) = {
            let mut state = self.state();
            if state.events.is_empty() {
                drop(state);
                return self.refresh(file);
            }
            (state.optimizer.clone(), std::mem::take(&mut state.events))
        };
        let saved = file.save(&mut optimizer, |theirs| told.iter().cloned().for_each(|event| event.tell(theirs)));
        let mut state = self.state();
        state.unsaved = saved.as_ref().err().map(ToString::to_string);
        match saved {
            // The file has them now: who takes one away there means it.
            Ok(Saved::Own) => state.own_strategies.clear(),
            Ok(Saved::Joined) => {
                // What happened meanwhile is not in the file yet, and goes on counting here.
                state.events.iter().cloned().for_each(|event| event.tell(&mut optimizer));
                state.take_over(optimizer);
            }
            Err(error) => {
                let since = std::mem::replace(&mut state.events, told);
                since.into_iter().for_each(|event| state.keep(event));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes over what another process wrote to the file meanwhile: a strategy that was registered, say.
    fn refresh(&self, file: &mut StateFile) -> Result<(), StateFileError> {
        let config = self.state().optimizer.config().clone();
        if let Some(mut theirs) = file.refresh(&config)? {
            let mut state = self.state();
            state.events.iter().cloned().for_each(|event| event.tell(&mut theirs));
            state.take_over(theirs);
        }
        Ok(())
    }

    /// Why what was learned is not in the file, where the last writing failed.
    pub fn unsaved(&self) -> Option<String> {
        self.state().unsaved.clone()
    }
}

/// Experience as bytes for other nodes: as much as one message holds, the most used first.
fn as_told(mut experience: Vec<Experience>) -> Vec<u8> {
    experience.sort_by_key(|told| std::cmp::Reverse(told.evidence.runs));
    let mut text = String::from("[");
    for one in experience {
        let one = serde_json::to_string(&one).expect("experience is numbers and names");
        if text.len() + one.len() + 2 > EXPERIENCE_BYTES_MAX {
            break;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&one);
    }
    text.push(']');
    text.into_bytes()
}

impl State {
    /// Takes what is known to all processes together in place of what this one knew.
    fn take_over(&mut self, optimizer: Optimizer) {
        self.optimizer = optimizer;
        for strategy in &self.own_strategies {
            // One of that name that came with the file is the same for whoever asks.
            let _ = self.optimizer.register(strategy.clone());
        }
    }

    fn take(&mut self, event: Event) {
        self.keep(event.clone());
        event.tell(&mut self.optimizer);
    }

    fn keep(&mut self, event: Event) {
        if !self.is_kept {
            return;
        }
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
