//! The devices of Burn against the same references as the CPU.
//!
//! Skipped with a message where the machine has no adapter (software Vulkan will do); `NEXUS_TEST_GPU=1` makes that a
//! failure. Shapes are small, because each new shape class of a product is tuned when it is first met.

use nexus_tensor::{Arg, Context, DType, Device, Tensor, TensorData, TensorError};

use crate::golden::{check_all, run};

/// The GPU, or `None` after saying so.
fn gpu() -> Option<Device> {
    match Device::gpu() {
        Ok(device) => Some(device),
        Err(error) => {
            assert!(std::env::var_os("NEXUS_TEST_GPU").is_none(), "NEXUS_TEST_GPU is set, and {error}");
            #[expect(clippy::print_stdout, reason = "a skipped test says so")]
            {
                println!("skipped: {error}");
            }
            None
        }
    }
}

/// The devices of Burn: `flex`, which is always there, and the GPU.
pub(crate) fn burn_devices() -> impl Iterator<Item = Device> {
    [Device::flex().expect("needs no driver")].into_iter().chain(gpu())
}

fn tensor(ctx: &Context, shape: &[usize], values: &[f32]) -> Tensor {
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let data = TensorData::new(DType::F32, shape.to_vec(), bytes).expect("valid");
    Tensor::from_data(ctx, &data).expect("fits")
}

/// Devices round their functions differently: ten times the CPU's tolerance.
const SLACK: f64 = 10.0;

#[test]
fn reductions_agree_with_the_reference() {
    for device in burn_devices() {
        check_all(include_str!("../fixtures/reductions.json"), device, SLACK);
    }
}

#[test]
fn shapes_agree_with_the_reference() {
    for device in burn_devices() {
        check_all(include_str!("../fixtures/shaping.json"), device, 1.0);
    }
}

#[test]
fn a_chain_stays_on_the_device_and_synchronises_once() {
    let Some(device) = gpu() else { return };
    let ctx = Context::new(device);
    let values: Vec<f32> = (0..12).map(|i| i as f32 * 0.25 - 1.0).collect();
    let x = Arg::Tensor(tensor(&ctx, &[3, 4], &values));
    let doubled = run(&ctx, "+", &[x.clone(), x]).expect("adds");
    let scaled = run(&ctx, "*", &[doubled, Arg::Scalar(0.5)]).expect("scales");
    let Arg::Tensor(result) = run(&ctx, "tensor.tanh", &[scaled]).expect("tanh") else { panic!("a tensor") };
    assert_eq!(ctx.meter().transfers().downloads, 0);
    assert_eq!(result.device(), device);
    let data = result.to_data().expect("reads");
    assert_eq!(ctx.meter().transfers().downloads, 1);
    for (i, value) in values.iter().enumerate() {
        let found = data.get_f64(i).expect("twelve elements");
        assert!((found - f64::from(*value).tanh()).abs() < 1e-5, "element {i} is {found}");
    }
}

#[test]
fn random_numbers_are_the_same_on_every_device() {
    let draw = |device| {
        let ctx = Context::new(device).with_seed(11);
        let Arg::Tensor(t) = run(&ctx, "tensor.randn", &[Arg::List(vec![Arg::Int(33)])]).expect("random") else {
            panic!("a tensor")
        };
        t.to_data().expect("reads")
    };
    for device in burn_devices() {
        assert_eq!(draw(device), draw(Device::cpu()));
    }
}

#[test]
fn a_machine_without_a_gpu_says_what_to_do() {
    match Device::gpu() {
        Ok(device) => assert!(nexus_tensor::devices().contains(&device.info())),
        Err(error @ TensorError::NoGpu { .. }) => assert!(error.help().contains("--device cpu"), "{error}"),
        Err(other) => panic!("{other}"),
    }
}
