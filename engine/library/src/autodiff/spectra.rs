//! Gradients of Fourier transforms, which are linear: the gradient goes through the transform's adjoint, which is the
//! other transform with the scale on the other side. Also that of the matrix exponential.

use nexus_tensor::{Arg, DType, TensorError, args};

use super::algebra::{Algebra, int};
use super::elementwise::var;
use super::rules::{Gradient, Parts, Site};
use super::var::{Item, Var};

/// The gradients of spectra and of functions of matrices by name.
pub(super) fn named(name: &str) -> Option<Gradient> {
    Some(match name {
        "signal.fft" => Gradient::Rule(|site| complex(site, "signal.ifft")),
        "signal.ifft" => Gradient::Rule(|site| complex(site, "signal.fft")),
        "signal.rfft" => Gradient::Rule(real),
        "signal.irfft" => Gradient::Rule(real_inverse),
        "signal.fft2" => Gradient::Composite(|t, a| plane(t, a, "signal.fft")),
        "signal.ifft2" => Gradient::Composite(|t, a| plane(t, a, "signal.ifft")),
        "signal.fftfreq" | "signal.rfftfreq" | "signal.window" => Gradient::Zero,
        "linalg.expm" => Gradient::Rule(exponential),
        _ => return None,
    })
}

/// A spectrum as an item.
pub(crate) fn pair(re: Var, im: Var) -> Item {
    Item::Record(vec![("re".into(), re.into()), ("im".into(), im.into())])
}

/// The parts of a spectrum.
fn parts(item: Item) -> Result<[Var; 2], TensorError> {
    if let Item::Record(fields) = item {
        let mut vars = fields.into_iter().filter_map(|(_, part)| if let Item::Var(x) = part { Some(x) } else { None });
        if let (Some(re), Some(im)) = (vars.next(), vars.next()) {
            return Ok([re, im]);
        }
    }
    Err(TensorError::argument("x", "has no parts re and im"))
}

/// A transform of the table that gives a spectrum.
pub(crate) fn transform(t: &Algebra<'_>, name: &'static str, args: &[Item]) -> Result<[Var; 2], TensorError> {
    let op = crate::find(name).ok_or_else(|| TensorError::argument(name, "is not in the table"))?;
    parts(t.named(op, args)?)
}

/// What a transform's arguments say beside the signal.
struct Setting {
    axis: i64,
    /// The place of the axis from the front.
    place: usize,
    /// The scale of the adjoint.
    norm: Item,
}

impl Setting {
    fn of(site: &Site<'_>) -> Result<Setting, TensorError> {
        let plain = site.plain();
        let axis = args::int_or(&plain, 2, "axis", -1)?;
        let rank = site.outputs[0].rank() as i64;
        let place = usize::try_from(if axis < 0 { axis + rank } else { axis }).unwrap_or(0);
        let norm = match args::at(&plain, 3) {
            Arg::Str(name) if &**name == "ortho" => "ortho",
            Arg::Str(name) if &**name == "forward" => "backward",
            _ => "forward",
        };
        Ok(Setting { axis, place, norm: Item::Other(Arg::Str(norm.into())) })
    }

    /// The arguments of the adjoint, of `n` elements where that is said.
    fn adjoint(&self, x: Item, n: Option<usize>) -> [Item; 4] {
        let n = n.map_or(Item::Other(Arg::None), |n| int(n as i64));
        [x, n, int(self.axis), self.norm.clone()]
    }
}

/// The gradient that arrives, as a spectrum whose other part is zero.
fn arriving(site: &Site<'_>) -> Result<Item, TensorError> {
    let zero = site.algebra.zeros_like(site.g)?;
    Ok(if site.output == 0 { pair(site.g.clone(), zero) } else { pair(zero, site.g.clone()) })
}

/// `x` cut or continued with zeros to `size` entries of an axis.
fn fitted(t: &Algebra<'_>, x: &Var, place: usize, size: usize) -> Result<Var, TensorError> {
    let found = x.shape()[place];
    if found > size {
        let cut = [x.clone().into(), int(place as i64), int(0), int(size as i64)];
        return t.call("tensor.slice", &cut);
    }
    if found == size {
        return Ok(x.clone());
    }
    let ends = |axis: usize| if axis == place { size - found } else { 0 };
    let widths = (0..x.rank()).map(|axis| Item::List(vec![Arg::Int(0).into(), Arg::Int(ends(axis) as i64).into()]));
    t.call("tensor.pad", &[x.clone().into(), Item::List(widths.collect())])
}

/// The gradients by the parts of the first argument.
fn deliver(site: &Site<'_>, place: usize, found: [Var; 2]) -> Parts {
    let t = site.algebra;
    let fit = |part: &Var, x: &Var| t.cast(&fitted(t, part, place, x.shape()[place])?, x.dtype().unwrap_or(DType::F32));
    let mut all = vec![None; site.places()];
    match site.args.first() {
        Some(Item::Record(fields)) => {
            let mut at = 0;
            for (name, item) in fields {
                if let Item::Var(x) = item {
                    all[at] = match &**name {
                        "re" => Some(fit(&found[0], x)?),
                        "im" => Some(fit(&found[1], x)?),
                        _ => None,
                    };
                }
                at += item.vars().len();
            }
        }
        _ => all[0] = Some(fit(&found[0], site.var(0)?)?),
    }
    Ok(all)
}

fn complex(site: &Site<'_>, adjoint: &'static str) -> Parts {
    let setting = Setting::of(site)?;
    let found = transform(site.algebra, adjoint, &setting.adjoint(arriving(site)?, None))?;
    deliver(site, setting.place, found)
}

/// The half spectrum continued with zeros, transformed back: its real part.
fn real(site: &Site<'_>) -> Parts {
    let setting = Setting::of(site)?;
    let n = match args::at(&site.plain(), 1) {
        Arg::None => site.var(0)?.shape()[setting.place],
        _ => args::count(&site.plain(), 1, "n")?,
    };
    let found = transform(site.algebra, "signal.ifft", &setting.adjoint(arriving(site)?, Some(n)))?;
    deliver(site, setting.place, found)
}

/// The half spectrum of the gradient, in which everything but the first and, for even sizes, the last element counts
/// twice: it stands for its mirror image too.
fn real_inverse(site: &Site<'_>) -> Parts {
    let (t, setting) = (site.algebra, Setting::of(site)?);
    let found = transform(t, "signal.rfft", &setting.adjoint(site.g.clone().into(), None))?;
    let n = site.g.shape()[setting.place];
    let half = n / 2 + 1;
    let weight = |k: usize| if k == 0 || 2 * k == n { 1.0 } else { 2.0 };
    let weights: Vec<f64> = (0..half).map(weight).collect();
    let dtype = site.g.dtype().unwrap_or(DType::F32);
    let weights = nexus_tensor::Tensor::from_f64s(t.context(), dtype, &[half], &weights)?;
    let mut shape = vec![1; site.g.rank()];
    shape[setting.place] = half;
    let weights = t.reshape(&Var::Plain(Arg::Tensor(weights)), &shape)?;
    let [re, im] = found;
    deliver(site, setting.place, [t.mul(&re, &weights)?, t.mul(&im, &weights)?])
}

/// A transform along several axes is one along each.
fn plane(t: &Algebra<'_>, a: &[Item], name: &'static str) -> Result<Item, TensorError> {
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let axes = args::ints(&plain, 1, "axes")?.map_or_else(|| vec![-2, -1], |axes| axes.to_vec());
    let norm = a.get(2).cloned().unwrap_or(Item::Other(Arg::None));
    let mut x = a.first().cloned().unwrap_or(Item::Other(Arg::None));
    for axis in axes {
        let [re, im] = transform(t, name, &[x, Item::Other(Arg::None), int(axis), norm.clone()])?;
        x = pair(re, im);
    }
    Ok(x)
}

/// The derivative of the exponential at aᵀ along the gradient: a block of the exponential of a larger matrix (Van Loan,
/// "Computing integrals involving the matrix exponential", 1978).
fn exponential(site: &Site<'_>) -> Parts {
    let (t, a) = (site.algebra, var(site.args, 0)?);
    let rank = a.rank();
    let n = a.shape()[rank - 1];
    let turned = t.transposed(a)?;
    let beside = |left: &Var, right: &Var, axis: usize| {
        let both = Item::List(vec![left.clone().into(), right.clone().into()]);
        t.call("tensor.concat", &[both, int(axis as i64)])
    };
    let top = beside(&turned, site.g, rank - 1)?;
    let bottom = beside(&t.zeros_like(&turned)?, &turned, rank - 1)?;
    let whole = t.call("linalg.expm", &[beside(&top, &bottom, rank - 2)?.into()])?;
    let cut = |x: Var, axis: usize, from: usize| {
        t.call("tensor.slice", &[x.into(), int(axis as i64), int(from as i64), int((from + n) as i64)])
    };
    site.only(cut(cut(whole, rank - 2, 0)?, rank - 1, n)?)
}

/// The parts of an argument that may be complex, traced or not; a plain tensor has none that is imaginary.
pub(crate) fn complex_argument(a: &[Item], i: usize, name: &'static str) -> Result<(Var, Option<Var>), TensorError> {
    let wrong = || TensorError::argument(name, "must be a tensor, or a record of the parts re and im");
    match a.get(i) {
        Some(Item::Var(x)) => Ok((x.clone(), None)),
        Some(Item::Record(fields)) => {
            let part = |wanted: &str| match fields.iter().find(|(known, _)| &**known == wanted) {
                Some((_, Item::Var(x))) => Ok(x.clone()),
                _ => Err(wrong()),
            };
            Ok((part("re")?, Some(part("im")?)))
        }
        _ => Err(wrong()),
    }
}
