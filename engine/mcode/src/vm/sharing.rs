//! Sharing a batch of calls with other machines: when that is worth it, what is sent, and what comes back.
//!
//! The threads of the run take calls from the front; what is offered is cut from the back, so that the two meet. The
//! result of a call is the same wherever it ran. A call that failed elsewhere is run here again, to fail with its place.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use nexus_model::{Diagnostic, Limits, Value as ModelValue};
use nexus_tensor::Context;

use super::batch::{Batch, Done, Ground, Job};
use super::host::Host;
use super::portable::{Packer, Reader, Stays, Unpacker};
use super::tasks::takes;
use crate::codes::Code;
use crate::compile::CompiledProgram;
use crate::elsewhere::Elsewhere;
use crate::native::{Native, Shared};
use crate::run::{RunRequest, is_native};

/// How often a batch is looked at.
const TICK: Duration = Duration::from_millis(20);
/// Ticks that calls must have taken before others are asked for help.
const TICKS_MIN: usize = 5;
/// Ticks that the rest would still take here: less is not worth the way.
const REST_MIN: usize = 12;
/// Ticks of work in one piece: much more than the way costs, little enough to even out.
const PIECE_TICKS: usize = 5;
/// Pieces of one offer.
const PIECES_MAX: usize = 2048;
/// Bytes of one offer, and of one piece that comes back.
const BYTES_MAX: usize = 64 << 20;
/// Characters of a warning of another machine that are shown.
const WARNING_MAX: usize = 500;

/// The way of a run's batches to the thread that shares them.
pub(crate) struct Sharing<'a> {
    batches: SyncSender<Arc<Batch<'a>>>,
}

impl<'a> Sharing<'a> {
    /// Shows a batch that begins to the thread; whether it will look after it.
    pub(super) fn show(&self, batch: &Arc<Batch<'a>>) -> bool {
        self.batches.try_send(Arc::clone(batch)).is_ok()
    }
}

/// A host whose way to the thread that shares ends with this.
struct Shown<'h, 'a>(&'h mut Host<'a>);

impl Drop for Shown<'_, '_> {
    fn drop(&mut self) {
        self.0.sharing = None;
    }
}

/// Does `work` with a thread beside it that shares its long batches with other machines.
pub(crate) fn beside<'a, T>(
    host: &mut Host<'a>,
    (elsewhere, program): (&dyn Elsewhere, &[u8; 32]),
    work: impl FnOnce(&mut Host<'a>) -> T,
) -> T {
    // One that is shared, and one that has just begun.
    let (batches, shown) = sync_channel(1);
    std::thread::scope(|scope| {
        let share = move || share_all(&shown, elsewhere, program);
        if std::thread::Builder::new().name("sharing".to_owned()).spawn_scoped(scope, share).is_ok() {
            host.sharing = Some(Sharing { batches });
        }
        let host = Shown(host);
        work(host.0)
    })
}

/// What the thread that shares does until the run ends.
fn share_all(batches: &Receiver<Arc<Batch<'_>>>, elsewhere: &dyn Elsewhere, program: &[u8; 32]) {
    for batch in batches {
        if share(&batch, elsewhere, program).is_none() {
            // Nobody helps; but the run may be cancelled.
            while !batch.wait(TICK) {
                batch.pass_on_cancel();
            }
        }
    }
}

/// Looks after a batch until it is through; `None` where that has to be done without others.
fn share(batch: &Batch<'_>, elsewhere: &dyn Elsewhere, program: &[u8; 32]) -> Option<()> {
    let mut ticks = 0;
    let each = loop {
        if batch.wait(TICK) {
            return Some(());
        }
        batch.pass_on_cancel();
        ticks += 1;
        if let Some(each) = worth_sharing(batch.progress(), ticks) {
            break each;
        }
    };
    let (calls, pieces) = packed(batch, program, each).ok()?;
    let count = u32::try_from(pieces.len()).ok().filter(|&count| count > 0)?;
    let mut offer = elsewhere.offer(calls, count)?;
    loop {
        if batch.wait(Duration::ZERO) {
            return Some(());
        }
        batch.pass_on_cancel();
        for (piece, value) in offer.returned(TICK)? {
            let calls = pieces.get(piece as usize).map_or(&[][..], |calls| calls);
            batch.ground.aside(|host| take(host, batch, calls, &value));
        }
    }
}

/// How many calls make a piece, where others should be asked: when the calls so far took a while, and the rest will.
fn worth_sharing((calls, ended, next, threads): (usize, usize, usize, usize), ticks: usize) -> Option<usize> {
    if ticks < TICKS_MIN || next >= calls {
        return None;
    }
    if ended == 0 {
        return Some(1);
    }
    let rest = ticks.saturating_mul(calls - next) / ended;
    if rest < REST_MIN {
        return None;
    }
    let each = (PIECE_TICKS * ended).div_ceil(ticks * threads).max(1);
    Some(each.max((calls - next).div_ceil(PIECES_MAX)))
}

type Pieces = Vec<Vec<usize>>;

/// The calls that no thread has taken, from the back, and which of them make which piece.
fn packed(batch: &Batch<'_>, program: &[u8; 32], each: usize) -> Result<(ModelValue, Pieces), Stays> {
    let (calls, _, next, _) = batch.progress();
    let mut packer = Packer::new(BYTES_MAX, Reader::SameProgram);
    let globals = packer.pack_all(batch.ground.globals.iter().cloned())?;
    let (mut pieces, mut packed) = (Pieces::new(), Vec::new());
    let mut end = calls;
    while end > next {
        let from = end.saturating_sub(each).max(next);
        let (mut piece, mut jobs) = (Vec::new(), Vec::new());
        for call in from..end {
            if let Some(job) = batch.waiting(call) {
                let function = packer.function(&job.function)?;
                let arguments = packer.pack_all(job.arguments.into_iter())?;
                let function = ModelValue::Int(i64::try_from(function).map_err(|_| Stays)?);
                jobs.push(ModelValue::List(vec![function, ModelValue::Int(job.stream.cast_signed()), arguments]));
                piece.push(call);
            }
        }
        pieces.push(piece);
        packed.push(ModelValue::List(jobs));
        end = from;
    }
    let offer = vec![
        ("program".to_owned(), ModelValue::String(hexadecimal(program))),
        ("globals".to_owned(), globals),
        ("pieces".to_owned(), ModelValue::List(packed)),
        ("functions".to_owned(), packer.functions()),
    ];
    Ok((ModelValue::Record(offer), pieces))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn field<'v>(record: &'v ModelValue, name: &str) -> Option<&'v ModelValue> {
    let ModelValue::Record(fields) = record else { return None };
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn items(value: &ModelValue) -> Option<&[ModelValue]> {
    match value {
        ModelValue::List(items) => Some(items),
        _ => None,
    }
}

/// Takes what came back of a piece; a call that is not there, or not right, is left to the threads.
fn take(host: &mut Host<'_>, batch: &Batch<'_>, calls: &[usize], returned: &ModelValue) -> Option<()> {
    let unpacker = Unpacker::new(host, batch.ground.image, field(returned, "functions")?)?;
    for (&call, done) in calls.iter().zip(items(field(returned, "calls")?)?) {
        if let Some(done) = unpack_done(host, &unpacker, done) {
            batch.put(call, done);
        }
    }
    take_warnings(host, field(returned, "warnings"));
    Some(())
}

/// What the calls of a piece warned of. One operation warns once in a run, wherever its calls are.
fn take_warnings(host: &Host<'_>, warnings: Option<&ModelValue>) {
    // A machine of an earlier version sends none.
    for warning in warnings.and_then(items).unwrap_or_default() {
        if let Some([ModelValue::String(operation), ModelValue::String(message)]) = items(warning)
            && let Some(known) = nexus_library::all().find(|op| op.name == operation.as_str())
        {
            host.context.warn(known.name, message.chars().take(WARNING_MAX).collect());
        }
    }
}

fn pack_warnings(context: &Context) -> ModelValue {
    let text = |text: &str| ModelValue::String(text.to_owned());
    let warnings = context.take_warnings().into_iter();
    ModelValue::List(
        warnings.map(|warning| ModelValue::List(vec![text(warning.operation), text(&warning.message)])).collect(),
    )
}

fn pack_done(packer: &mut Packer, done: &Done) -> Result<ModelValue, Stays> {
    let Ok(result) = &done.result else { return Err(Stays) };
    let printed = done.printed.iter().map(|line| ModelValue::String(line.clone())).collect();
    let output =
        |(name, value): &(String, _)| Ok(ModelValue::List(vec![ModelValue::String(name.clone()), packer.pack(value)?]));
    let outputs = done.outputs.iter().map(output).collect::<Result<_, Stays>>()?;
    let loops = ModelValue::Int(done.loops.cast_signed());
    Ok(ModelValue::List(vec![packer.pack(result)?, ModelValue::List(printed), ModelValue::List(outputs), loops]))
}

fn unpack_done(host: &mut Host<'_>, unpacker: &Unpacker<'_>, packed: &ModelValue) -> Option<Done> {
    let [result, printed, outputs, ModelValue::Int(loops)] = items(packed)? else { return None };
    let text = |value: &ModelValue| match value {
        ModelValue::String(text) => Some(text.clone()),
        _ => None,
    };
    let printed = items(printed)?.iter().map(text).collect::<Option<_>>()?;
    let mut named = Vec::new();
    for output in items(outputs)? {
        let [ModelValue::String(name), value] = items(output)? else { return None };
        named.push((name.clone(), unpacker.unpack(host, value)?));
    }
    let result = Ok(unpacker.unpack(host, result)?);
    Some(Done { result, printed, outputs: named, native: None, loops: loops.cast_unsigned() })
}

#[expect(clippy::result_large_err, reason = "a failed run is rare, and the diagnostic is what its caller wants")]
pub(crate) fn run_piece(
    program: &CompiledProgram,
    request: RunRequest<'_>,
    calls: &ModelValue,
    piece: u32,
) -> Result<ModelValue, Diagnostic> {
    let strange = || Diagnostic::error(Code::Internal.as_str(), "the calls are not of this program".to_owned());
    if field(calls, "program") != Some(&ModelValue::String(hexadecimal(&program.hash()))) {
        return Err(strange());
    }
    let RunRequest { limits, execution, code, context, cancel, inputs, .. } = request;
    let context = context.or_products_in(program.products_in());
    let limits: Limits = limits;
    let tier = program.tier(execution);
    let mut print = |_: &str| {};
    let mut host = Host::new(&context, &limits, &cancel, &mut print, inputs, None, &tier.image);
    host.native = is_native(execution)
        .then(|| Box::new(Native::new(Shared { cache: &tier.native, store: code, repayment: None })));
    let jobs = read_piece(&mut host, calls, piece).ok_or_else(strange)?;
    let ground = Ground::of(&host);
    let mut packer = Packer::new(BYTES_MAX, Reader::SameProgram);
    let mut left = Vec::with_capacity(jobs.len());
    for job in jobs {
        let done = ground.run(job, Some(&cancel));
        if ground.is_cancelled() {
            return Err(Diagnostic::error(Code::Cancelled.as_str(), "the run was cancelled".to_owned()));
        }
        left.push(pack_done(&mut packer, &done).unwrap_or(ModelValue::None));
    }
    let calls = ("calls".to_owned(), ModelValue::List(left));
    let warnings = ("warnings".to_owned(), pack_warnings(&context));
    Ok(ModelValue::Record(vec![calls, ("functions".to_owned(), packer.functions()), warnings]))
}

/// The calls of a piece, and the variables of the top level; `None` where they are not of this program.
fn read_piece(host: &mut Host<'_>, calls: &ModelValue, piece: u32) -> Option<Vec<Job>> {
    let image = host.image;
    let unpacker = Unpacker::new(host, image, field(calls, "functions")?)?;
    let globals = items(field(calls, "globals")?)?;
    if globals.len() != image.globals.len() {
        return None;
    }
    host.globals = globals.iter().map(|value| unpacker.unpack(host, value)).collect::<Option<_>>()?;
    let jobs = items(items(field(calls, "pieces")?)?.get(piece as usize)?)?;
    let job = |job: &ModelValue| {
        let [function, ModelValue::Int(stream), arguments] = items(job)? else { return None };
        let function = unpacker.function(function)?;
        let arguments: Vec<_> =
            items(arguments)?.iter().map(|value| unpacker.unpack(host, value)).collect::<Option<_>>()?;
        let fits = takes(image, &function, arguments.len());
        fits.then_some(Job { function, arguments, stream: stream.cast_unsigned() })
    };
    jobs.iter().map(job).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_work_stays_and_long_work_is_cut_into_pieces_of_a_tenth_of_a_second() {
        // 20 ms a tick: calls, ended, next, threads.
        assert_eq!(worth_sharing((1000, 900, 950, 1), 4), None, "it has only begun");
        assert_eq!(worth_sharing((1000, 900, 950, 1), 10), None, "it is nearly through");
        assert_eq!(worth_sharing((1000, 100, 150, 1), 5), Some(100));
        assert_eq!(worth_sharing((1000, 100, 150, 2), 5), Some(50));
        assert_eq!(worth_sharing((8, 0, 1, 1), 5), Some(1), "long calls, one by one");
        assert_eq!(worth_sharing((8, 0, 8, 8), 50), None, "all are taken");
        let each = worth_sharing((16_000_000, 10, 10, 1), 5).expect("there is much to do");
        assert!(16_000_000usize.div_ceil(each) <= PIECES_MAX + 1);
    }
}
