//! How often a run looks whether it must stop: after what takes 25 ms as it is guessed, in native code too, whatever shape the
//! loops have. Looks are counted, so that nothing here depends on how busy the machine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_mcode::{JitLevel, RunRequest, compile, run};
use nexus_model::{LimitHit, Limits, Value};
use nexus_tensor::{Context, Device, Watch};

/// Counts how often it is asked.
#[derive(Default)]
struct Looks(AtomicU64);

impl Watch for Looks {
    fn check(&self) -> Result<(), LimitHit> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Runs a program with native code; gives its result, how often it looked, and how often it went into native code.
fn looks(source: &str) -> (Value, u64, u64) {
    let looks = Arc::new(Looks::default());
    let program = compile("looks.mcode", source).program.expect("it compiles");
    let context = Context::new(Device::cpu()).with_watch(Arc::<Looks>::clone(&looks));
    let request = RunRequest { execution: JitLevel::Native.into(), ..RunRequest::new(context, Limits::local()) };
    let done = run(&program, request).expect("it ends");
    assert!(done.native.entered > 0, "{:?}", done.native);
    (done.result, looks.0.load(Ordering::Relaxed), done.native.entered)
}

#[test]
fn many_short_stays_in_native_code_put_no_look_off() {
    // 60 million iterations that are guessed at no less than 5 ns each: 0.3 s, and a look for each 25 ms of them. The outer
    // loop stays with the machine, which makes the lists.
    for inner in [300_000u32, 19_000] {
        let outer = 60_000_000 / inner;
        let source = format!(
            "function main()\n    total = 0.0\n    x = [\"a\"]\n    y = x\n    for r in 0..{outer}\n        y = x\n        \
             x = [str(r)]\n        s = 0.0\n        for i in 0..{inner}\n            s = s + i * 0.5\n        end\n        \
             total = total + s\n    end\n    return total\nend\n"
        );
        let (result, looks, entered) = looks(&source);
        let each = f64::from(inner) * f64::from(inner - 1) / 4.0;
        assert_eq!(result, Value::Scalar(each * f64::from(outer)));
        assert!(entered >= u64::from(outer) - 2, "each of the inner loops is a stay: {entered}");
        assert!(looks >= 12, "{looks} looks, stays of {inner} iterations");
    }
}

#[test]
fn a_long_body_has_fewer_iterations_until_the_next_look() {
    let line = "        x = math.sin(x) + 1.0\n";
    let body = line.repeat(1_500);
    let source = format!("function main()\n    x = 0.5\n    for i in 0..4000\n{body}    end\n    return x\nend\n");
    let (_, _, entered) = looks(&source);
    // Each line is guessed at 50 ns: 0.3 s in 4,000 iterations, fewer than the machine makes between two looks. What the
    // machine does before the loop is hot looks more often, so that stays are counted: each ends in a look.
    assert!(entered >= 10, "{entered}");
}
