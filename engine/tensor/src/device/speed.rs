//! How fast a device is, by a handful of operations that take some milliseconds.
//!
//! The clock is the caller's. What was measured is kept (`nexus_gpu::keep_speed`) for all processes of the machine, so that it
//! happens once; naming or listing a device measures nothing.

use nexus_gpu::{Speed, keep_speed, kept_speed};

use super::Device;
use crate::context::Stopwatch;
use crate::meter::{Meter, Pooling};
use crate::{Arg, BinaryOp, Context, DType, Index, Tensor, TensorData, TensorError, binary, find, get};

/// A product or a pass that takes so long is long enough to tell the speed; shorter ones are tried again, larger.
const LONG_ENOUGH_NS: u64 = 1_000_000;
/// Rows of the matrices of the first product that is tried, and of the last.
const PRODUCT_ROWS: (i64, i64) = (256, 4096);
/// Elements of f32 of the first pass on a graphics processor, and of the last. On the processor only the last are certain to
/// come from memory, and not from its caches.
const PASS_ELEMENTS: (i64, i64) = (1 << 20, 1 << 24);
/// Elements of one operation that is started for its start alone.
const SMALL_ELEMENTS: i64 = 16;
/// Such operations, one after the other.
const STARTS: u32 = 200;
/// Passes that are queued before one is waited for.
const PASSES: u32 = 8;
/// Measurements of which the fastest counts: others waited for something else.
const ROUNDS: usize = 3;

/// How fast a device is: as was measured before, else as is measured now, which takes some milliseconds on the processor and
/// some tenths of a second on a graphics processor, whose kernels are compiled. Products are measured on the processor only.
pub fn measured_speed(device: Device, now: &Stopwatch) -> Result<Speed, TensorError> {
    let name = device.name();
    match kept_speed(&name) {
        Some(speed) => Ok(speed),
        None => {
            let speed = measure(device, now)?;
            keep_speed(&name, speed);
            Ok(speed)
        }
    }
}

/// The same with the speed of products, measured now where it was not: the first on a graphics processor takes seconds.
pub fn measured_product_speed(device: Device, now: &Stopwatch) -> Result<Speed, TensorError> {
    let known = measured_speed(device, now)?;
    if known.flops.is_some() {
        return Ok(known);
    }
    let speed = Speed { flops: Some(Bench::of(device, now).flops()?), ..known };
    keep_speed(&device.name(), speed);
    Ok(speed)
}

/// Whether a graphics processor is worth choosing beside the processor: unless it was measured slower in every way. Memory
/// decides where no product was measured: what is neither is as it always was.
pub(super) fn is_worth_choosing(gpu: Option<Speed>, cpu: Option<Speed>) -> bool {
    let (Some(gpu), Some(cpu)) = (gpu, cpu) else { return true };
    let slower_products = gpu.flops.zip(cpu.flops).is_none_or(|(gpu, cpu)| gpu < cpu);
    !(gpu.bandwidth < cpu.bandwidth && slower_products)
}

fn measure(device: Device, now: &Stopwatch) -> Result<Speed, TensorError> {
    let bench = Bench::of(device, now);
    let on_host = !device.is_burn();
    Ok(Speed {
        flops: on_host.then(|| bench.flops()).transpose()?,
        bandwidth: bench.bandwidth()?,
        launch_s: bench.launch_s()?,
        transfer: (!on_host).then(|| bench.transfer()).transpose()?,
    })
}

/// A device under a clock.
struct Bench<'a> {
    ctx: Context,
    now: &'a Stopwatch,
}

impl<'a> Bench<'a> {
    fn of(device: Device, now: &'a Stopwatch) -> Bench<'a> {
        // Nothing of this stays in the pool: a node that waits for work holds little.
        let meter = Meter::with_pooling(&nexus_model::Limits::local(), Pooling::Nothing);
        Bench { ctx: Context::new(device).with_meter(meter), now }
    }

    /// The fewest nanoseconds that `work` takes, of some rounds after one that makes everything ready.
    fn least_ns(&self, mut work: impl FnMut() -> Result<(), TensorError>) -> Result<u64, TensorError> {
        work()?;
        let mut least = u64::MAX;
        for _ in 0..ROUNDS {
            let begun = (self.now)();
            work()?;
            least = least.min((self.now)().saturating_sub(begun));
        }
        // A clock of coarse ticks shows nothing of what is short.
        Ok(least.max(1))
    }

    fn ones(&self, shape: &[i64]) -> Result<Arg, TensorError> {
        self.call("tensor.ones", Arg::List(shape.iter().map(|&n| Arg::Int(n)).collect()))
    }

    fn call(&self, name: &'static str, argument: Arg) -> Result<Arg, TensorError> {
        let op = find(name).ok_or(TensorError::Argument { name: "op", problem: format!("{name} does not exist") })?;
        let mut all = vec![argument];
        all.resize(op.params.len(), Arg::None);
        (op.run)(&self.ctx, &all)
    }

    /// Waits for a result: on a device, by reading one number of it.
    fn wait(&self, result: &Arg) -> Result<(), TensorError> {
        match result {
            Arg::Tensor(tensor) if tensor.device() != Device::cpu() => {
                get(&self.ctx, tensor, &vec![Index::At(0); tensor.rank()])?.item().map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Operations of a product of square matrices in a second: of several in a row on a graphics processor.
    fn flops(&self) -> Result<f64, TensorError> {
        let (mut rows, last) = PRODUCT_ROWS;
        let count = if self.ctx.device().is_burn() { PASSES } else { 1 };
        loop {
            let x = self.ones(&[rows, rows])?;
            let least = self.least_ns(|| {
                let mut product = x.clone();
                for _ in 0..count {
                    product = binary(&self.ctx, BinaryOp::MatMul, &product, &x)?;
                }
                self.wait(&product)
            })?;
            if least >= LONG_ENOUGH_NS * u64::from(count) || rows >= last {
                return Ok(a_second(2.0 * f64::from(count) * (rows as f64).powi(3), least));
            }
            rows *= 2;
        }
    }

    /// Bytes that a pass reads in a second: a sum on the processor, which writes nothing into fresh memory; on a graphics processor
    /// an addition, because a sum there looks for its fastest kernel for seconds.
    fn bandwidth(&self) -> Result<f64, TensorError> {
        let (first, last) = PASS_ELEMENTS;
        if !self.ctx.device().is_burn() {
            let x = self.ones(&[last])?;
            let least = self.least_ns(|| self.call("tensor.sum", x.clone()).map(drop))?;
            return Ok(a_second(element_bytes(last), least));
        }
        let small = self.ones(&[SMALL_ELEMENTS])?;
        let waiting = self.least_ns(|| self.passes(&small, 1))?;
        let mut elements = first;
        loop {
            let x = self.ones(&[elements])?;
            let least = self.least_ns(|| self.passes(&x, PASSES))?.saturating_sub(waiting).max(1);
            if least >= LONG_ENOUGH_NS || elements >= last {
                return Ok(a_second(2.0 * f64::from(PASSES) * element_bytes(elements), least));
            }
            elements *= 4;
        }
    }

    /// Queues so many additions and waits for the last. All results are held until then: what nobody holds could be left out.
    fn passes(&self, x: &Arg, count: u32) -> Result<(), TensorError> {
        let each = (0..count).map(|_| binary(&self.ctx, BinaryOp::Add, x, x));
        let results = each.collect::<Result<Vec<Arg>, TensorError>>()?;
        results.last().map_or(Ok(()), |last| self.wait(last))
    }

    /// Seconds that an operation of a few elements takes, where many of them are queued.
    fn launch_s(&self) -> Result<f64, TensorError> {
        let x = self.ones(&[SMALL_ELEMENTS])?;
        let least = self.least_ns(|| self.passes(&x, STARTS))?;
        Ok(least as f64 * 1e-9 / f64::from(STARTS))
    }

    /// Bytes a second from the host's memory to the device's or back, whichever is slower.
    fn transfer(&self) -> Result<f64, TensorError> {
        let elements = PASS_ELEMENTS.0;
        let bytes = element_bytes(elements);
        let data = TensorData::new(DType::F32, vec![elements as usize], vec![0; bytes as usize])
            .map_err(|error| TensorError::Argument { name: "data", problem: error.to_string() })?;
        let mut there = None;
        let up = self.least_ns(|| {
            let tensor = Tensor::from_data(&self.ctx, &data)?;
            self.wait(&Arg::Tensor(tensor.clone()))?;
            there = Some(tensor);
            Ok(())
        })?;
        let down = match &there {
            Some(tensor) => self.least_ns(|| tensor.to_data().map(drop))?,
            None => up,
        };
        Ok(a_second(bytes, up.max(down)))
    }
}

fn a_second(count: f64, nanoseconds: u64) -> f64 {
    count * 1e9 / nanoseconds as f64
}

fn element_bytes(elements: i64) -> f64 {
    elements as f64 * DType::F32.size() as f64
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use super::*;

    fn speed(flops: Option<f64>, bandwidth: f64) -> Option<Speed> {
        Some(Speed { flops, bandwidth, launch_s: 1e-6, transfer: None })
    }

    #[test]
    fn a_graphics_processor_is_left_alone_only_where_it_was_measured_slower_in_every_way() {
        let cpu = speed(Some(2e11), 2e10);
        for (gpu, worth) in [
            (None, true),
            (speed(Some(1e13), 2e12), true),
            (speed(None, 2e12), true),
            (speed(Some(1e11), 2e12), true),
            (speed(Some(1e13), 1e10), true),
            (speed(Some(1e11), 1e10), false),
            (speed(None, 1e10), false),
        ] {
            assert_eq!(is_worth_choosing(gpu, cpu), worth, "{gpu:?}");
            assert!(is_worth_choosing(gpu, None), "{gpu:?}");
        }
    }

    #[test]
    fn speeds_of_the_processor_are_those_of_the_clock() {
        let begun = Instant::now();
        let clock = move || begun.elapsed().as_nanos() as u64;
        let measured = measure(Device::cpu(), &clock).unwrap();
        let took = begun.elapsed().as_secs_f64();
        // Whatever the machine, it did the work in the time that the whole took.
        let Speed { flops: Some(flops), bandwidth, launch_s, transfer: None } = measured else {
            panic!("{measured:?}")
        };
        let (least, pass) = (2.0 * (PRODUCT_ROWS.0 as f64).powi(3), element_bytes(PASS_ELEMENTS.1));
        assert!(flops > least / took && bandwidth > pass / took, "{measured:?} in {took} s");
        assert!(launch_s > 0.0 && launch_s * f64::from(STARTS) < took, "{measured:?} in {took} s");
        // A clock that runs ten times as fast shows a device a tenth as fast.
        let ticks = AtomicU64::new(0);
        let ticking = move || ticks.fetch_add(2_000_000, Ordering::Relaxed);
        let by_ticks = measure(Device::cpu(), &ticking).unwrap();
        assert_eq!(by_ticks.flops, Some(2.0 * (PRODUCT_ROWS.0 as f64).powi(3) / 2e-3));
        assert_eq!(by_ticks.bandwidth, pass / 2e-3);
        assert_eq!(by_ticks.launch_s, 2e-3 / f64::from(STARTS));
    }

    #[test]
    fn what_was_measured_is_not_measured_again() {
        let stopped = || -> u64 { panic!("it was measured already") };
        let name = Device::cpu().name();
        keep_speed(&name, speed(Some(1e11), 1e10).unwrap());
        assert_eq!(measured_speed(Device::cpu(), &stopped).unwrap().flops, Some(1e11));
        assert_eq!(measured_product_speed(Device::cpu(), &stopped).unwrap().flops, Some(1e11));
        keep_speed(&name, speed(None, 1e10).unwrap());
        let ticks = AtomicU64::new(0);
        let ticking = move || ticks.fetch_add(LONG_ENOUGH_NS, Ordering::Relaxed);
        let measured = measured_product_speed(Device::cpu(), &ticking).unwrap();
        assert_eq!((measured.flops, measured.bandwidth), (Some(2.0 * (PRODUCT_ROWS.0 as f64).powi(3) / 1e-3), 1e10));
        assert_eq!(kept_speed(&name), Some(measured));
    }
}
