//! One run: a cluster of so many voters, users, faults in the order of the seed, and every promise looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::linux::bell::Bell;
use crate::linux::book::{Book, Counts};
use crate::linux::chance::Chance;
use crate::linux::error::CampaignError;
use crate::linux::fault::Fault;
use crate::linux::fleet::Fleet;
use crate::linux::injection::Injection;
use crate::linux::promises::{Look, look};
use crate::linux::workload::{Site, submit_all_the_time};

/// Who submits at the same time.
const USERS: usize = 2;
/// Between the end of one fault and the next.
const CALM: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(900));
/// Finished jobs that are looked at after each fault, beside those that the users look at themselves.
const LOOKS: usize = 6;
/// How long everything that was accepted may take to end when the faults are over.
const END_PATIENCE: Duration = Duration::from_secs(240);
/// Keys that are submitted once more at the end.
const REPEATS: usize = 60;

/// What a run is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) voters: usize,
    /// It ends after the fault with which this number is reached.
    pub(crate) kills: u64,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) kills: u64,
    pub(crate) faults: BTreeMap<Fault, u64>,
    /// What faults told, by kind and word.
    pub(crate) told: BTreeMap<(Fault, &'static str), u64>,
    pub(crate) counts: Counts,
    /// Submissions that were never acknowledged because the run ended.
    pub(crate) unknown: usize,
    /// Times from the end of a fault to the whole cluster's service.
    pub(crate) recoveries: Vec<Duration>,
    pub(crate) took: Duration,
    pub(crate) packets: [u64; 4],
}

/// Runs a plan in `folder`.
pub(crate) fn run(plan: Plan, binary: &Path, folder: &Path) -> Result<Outcome, CampaignError> {
    let began = Instant::now();
    let mut chance = Chance::new(plan.seed);
    let mut fleet = Fleet::start(plan.voters, binary, folder, &mut chance)?;
    let site = Site {
        doors: fleet.doors(),
        people: (0..USERS).map(|user| fleet.log_in(user)).collect::<Result<_, _>>()?,
        folder: folder.to_owned(),
        book: Arc::new(Book::default()),
        bell: Arc::new(Bell::default()),
    };
    site.prepare().map_err(|error| CampaignError::setup("write the program", error))?;
    let users: Vec<_> = (0..USERS)
        .map(|user| {
            let (site, chance) = (site.clone(), chance.fork());
            std::thread::spawn(move || submit_all_the_time(&site, user, chance))
        })
        .collect();
    let (mut faults, mut told, mut recoveries) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut ended = Ok(());
    while fleet.kills < plan.kills && ended.is_ok() {
        ended = round(&mut fleet, &site, &mut chance, &mut faults, &mut told, &mut recoveries);
    }
    site.bell.ring();
    for user in users {
        user.join().map_err(|_| CampaignError::setup("be a user", "a thread panicked"))?;
    }
    ended?;
    everything_ends(&mut fleet, &site)?;
    keys_are_jobs(&mut fleet, &site, &mut chance)?;
    let traffic = &fleet.relay.traffic;
    let packets = [&traffic.carried, &traffic.lost, &traffic.doubled, &traffic.delayed];
    let packets = packets.map(|count| count.load(Ordering::Relaxed));
    let (counts, unknown, took) = (site.book.counts(), site.book.unknown().len(), began.elapsed());
    Ok(Outcome { plan, kills: fleet.kills, faults, told, counts, unknown, recoveries, took, packets })
}

fn round(
    fleet: &mut Fleet,
    site: &Site,
    chance: &mut Chance,
    faults: &mut BTreeMap<Fault, u64>,
    told: &mut BTreeMap<(Fault, &'static str), u64>,
    recoveries: &mut Vec<Duration>,
) -> Result<(), CampaignError> {
    let calm = chance.between(CALM.0, CALM.1);
    site.bell.wait(calm);
    let fault = Fault::draw(chance);
    let mut injection = Injection { fleet, site, book: &site.book, bell: &site.bell, chance };
    let word = injection.perform(fault)?;
    *faults.entry(fault).or_default() += 1;
    if let Some(word) = word {
        *told.entry((fault, word)).or_default() += 1;
    }
    fleet.heal()?;
    let recovery = fleet.recover()?;
    recoveries.push(recovery);
    let open: Vec<_> = site.book.acknowledged().into_iter().filter(|(_, entry)| !entry.is_verified).collect();
    for _ in 0..LOOKS {
        if let (Some((key, entry)), Some(door)) = (chance.pick(&open), chance.pick(&site.doors)) {
            look(site, door, key, entry);
        }
    }
    progress(fleet, site, fault, word, recovery);
    broken(fleet, site)
}

/// One line for whoever watches.
#[expect(clippy::print_stdout, reason = "the campaign's own output")]
fn progress(fleet: &Fleet, site: &Site, fault: Fault, word: Option<&str>, recovery: Duration) {
    let counts = site.book.counts();
    println!(
        "kills {:4}  acknowledged {:6}  results {:6}  whole after {:5} ms  {}{}",
        fleet.kills,
        counts.acknowledged,
        counts.results,
        recovery.as_millis(),
        fault.kind().name,
        word.map(|word| format!(": {word}")).unwrap_or_default()
    );
}

fn broken(fleet: &Fleet, site: &Site) -> Result<(), CampaignError> {
    match site.book.broken() {
        Some((promise, found)) => Err(fleet.broken(promise, found)),
        None => Ok(()),
    }
}

/// Every acknowledged job ends, and is as promised.
fn everything_ends(fleet: &mut Fleet, site: &Site) -> Result<(), CampaignError> {
    let began = Instant::now();
    let mut left: Vec<_> = site.book.acknowledged().into_iter().filter(|(_, entry)| !entry.is_verified).collect();
    while !left.is_empty() {
        let before = left.len();
        for (index, (key, entry)) in std::mem::take(&mut left).into_iter().enumerate() {
            let door = &site.doors[index % site.doors.len()];
            match look(site, door, &key, &entry) {
                Look::Right => {}
                Look::Goes | Look::Silence => left.push((key, entry)),
                Look::Wrong => return broken(fleet, site),
            }
        }
        if began.elapsed() > END_PATIENCE && left.len() == before {
            let (key, entry) = &left[0];
            let shown = site.doors[0].json(&["job", "show", &entry.job.unwrap_or(0).to_string()]);
            let found = format!("{} jobs have not ended, {key} among them: {shown:?}", left.len());
            return Err(fleet.broken("every accepted job ends when the faults are over", found));
        }
        fleet.recover()?;
    }
    broken(fleet, site)
}

/// Guarantee 2: old keys give the old jobs, at any node, and no job was made that nobody asked for.
fn keys_are_jobs(fleet: &mut Fleet, site: &Site, chance: &mut Chance) -> Result<(), CampaignError> {
    const PROMISE: &str = "one key is one job";
    let all = site.book.acknowledged();
    for _ in 0..REPEATS.min(all.len()) {
        if let Some((key, entry)) = chance.pick(&all)
            && let Some(door) = chance.pick(site.person(key))
            && let Some(job) = site.submit(door, key, entry.work)
        {
            site.book.acknowledge(key, job);
        }
    }
    let listed = site.doors.iter().find_map(|door| door.json(&["jobs", "--all"]));
    let listed = listed.ok_or_else(|| fleet.broken("reads are answered", "no node lists the jobs".to_owned()))?;
    let mut names = BTreeMap::new();
    let keys: BTreeSet<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
    let unknown = site.book.unknown();
    for job in listed["jobs"].as_array().into_iter().flatten() {
        let name = job["name"].as_str().unwrap_or_default();
        if let Some(other) = names.insert(name.to_owned(), job["job"].as_u64()) {
            return Err(fleet.broken(PROMISE, format!("jobs {other:?} and {} are both {name}", job["job"])));
        }
        if !unknown.contains(name) && !keys.contains(name) {
            return Err(fleet.broken(PROMISE, format!("nobody submitted {job}")));
        }
    }
    for (key, entry) in &all {
        if names.get(key) != Some(&entry.job) {
            let found = format!("{key} was acknowledged as job {:?} and is {:?}", entry.job, names.get(key));
            return Err(fleet.broken("an accepted submission is not lost", found));
        }
    }
    broken(fleet, site)
}
