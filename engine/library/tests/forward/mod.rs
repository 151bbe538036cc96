//! Derivatives forward, made of walks back, against the gradients that were checked before.

use nexus_library::{Algebra, Item, Tape, Var};
use nexus_tensor::Arg;

use super::{floats, tensor, weight};

/// What a walk back gives is linear in its seed, and its derivative by the seed is the derivative forward: along any
/// direction it is what the gradient says. An operation may refuse that, and must not get it wrong.
pub(super) fn forward(
    t: &Algebra<'_>,
    name: &str,
    (tape, output, variables): (&Tape, &Var, &[Var]),
    gradients: &[Var],
) {
    let second = Tape::new(0);
    let seed = second.variable(tape.seed(t, output).expect("the engine computes it")).expect("the engine computes it");
    let back = tape.gradients(t, output, seed.clone(), variables).expect("it was computed before");
    for (back, gradient) in back.iter().zip(gradients) {
        let weights: Vec<f64> = (0..gradient.count()).map(|i| weight(i + 5)).collect();
        let direction = Var::Plain(Arg::Tensor(tensor(t.context(), gradient.shape(), &weights)));
        let Ok(found) = second.gradients(t, back, direction, std::slice::from_ref(&seed)) else { continue };
        let found: f64 = floats(t.context(), &Item::Var(found[0].clone())).iter().sum();
        let values = floats(t.context(), &Item::Var(gradient.clone()));
        let expected: f64 = values.iter().zip(&weights).map(|(g, w)| g * w).sum();
        let scale = values.iter().fold(1.0f64, |scale, g| scale.max(g.abs()));
        assert!((found - expected).abs() <= 1e-10 * scale, "{name}: {found} forward, {expected} back");
    }
}
