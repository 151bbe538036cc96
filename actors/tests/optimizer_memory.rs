//! What a strategy's `memory_optimization` leaves in the process: alone in this file, because the pool belongs to the
//! whole process.

use std::sync::Arc;

use nexus_model::Limits;
use nexus_tensor::{Arg, BinaryOp, Context, DType, Device, Meter, Pooling, Tensor, TensorData, binary, pooled_bytes};

/// Makes and drops a tensor of 8 MiB in a run that pools like this.
fn after(pooling: Pooling) -> usize {
    let meter = Meter::with_pooling(&Limits::local(), pooling);
    let context = Context::new(Device::cpu()).with_meter(Arc::clone(&meter));
    let bytes = vec![0; 8 << 20];
    let data = TensorData::new(DType::F32, vec![1024, 2048], bytes).expect("8 MiB are 2 Mi numbers");
    let zeros = Arg::Tensor(Tensor::from_data(&context, &data).expect("there is memory"));
    drop(binary(&context, BinaryOp::Add, &zeros, &Arg::Scalar(1.0)).expect("numbers can be added"));
    drop(zeros);
    assert_eq!(meter.in_use_bytes(), 0);
    assert!(meter.peak_bytes() >= 8 << 20);
    pooled_bytes()
}

#[test]
fn memory_goes_back_to_the_system_or_into_the_pool_as_the_strategy_says() {
    assert_eq!(after(Pooling::Nothing), 0);
    assert!(after(Pooling::Usual) >= 8 << 20);
    assert!(after(Pooling::Generous) >= 8 << 20);
}
