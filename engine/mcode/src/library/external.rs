//! Calls of external modules: what the functions of their interfaces do.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use nexus_model::LimitHit;
use nexus_tensor::Charge;

use super::text::text;
use super::{Builtin, Kind};
use crate::codes::Code;
use crate::external::{CALL, ExternalCall};
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// What only interfaces can call.
pub(super) const TABLE: &[Builtin] =
    &[Builtin { name: CALL, arity: (4, 4), result: Kind::Any, example: "", run: call_module }];

fn call_module(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let [module, hash, function] = [0, 1, 2].map(|at| text(CALL, &arguments[at]));
    let (module, hash, function) = (module?, hash?, function?);
    let Some(modules) = host.external else {
        return Err(Fault::new(Code::NotGranted, format!("this run may not call the module `{module}`"))
            .help("`nexus run` on one's own machine may, and jobs that were submitted with it"));
    };
    let nexus_model::Value::List(values) = host.export(&arguments[3])? else {
        return Err(Fault::internal("the arguments of a module are no list"));
    };
    host.poll()?;
    let (cancel, context) = (host.cancel, host.context);
    let stop = || cancel.load(Ordering::Relaxed) || context.poll().is_err();
    let held: Mutex<(Vec<Charge>, Option<LimitHit>)> = Mutex::default();
    let admit = |bytes: u64| {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        match context.meter().admit(bytes) {
            Ok(charge) => held.0.push(charge),
            Err(hit) => held.1 = Some(hit),
        }
        held.1.is_none()
    };
    let result = modules.call(ExternalCall { module, hash, function, arguments: values, stop: &stop, admit: &admit });
    // A call that was stopped says why the run was.
    host.poll()?;
    let (held, hit) = held.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(hit) = hit {
        return Err(Fault::limit(hit));
    }
    let value = result.map_err(|error| Fault::new(Code::ModuleFailed, error.message).help(error.help))?;
    let value = host.import(&value);
    drop(held);
    value
}
