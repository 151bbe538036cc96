//! Gradients of linear algebra.
//!
//! The formulas are those collected by Giles ("Collected matrix derivative results for forward and reverse mode
//! algorithmic differentiation", 2008), Murray ("Differentiation of the Cholesky decomposition", 2016) and, for the
//! singular value decomposition, Townsend ("Differentiating the singular value decomposition", 2016). Where eigenvalues
//! or singular values coincide, vectors have no derivative and the result is not finite.

use nexus_tensor::{Arg, BinaryOp, TensorError, UnaryOp, args};

use super::algebra::{Algebra, flag};
use super::elementwise::var;
use super::rules::{Gradient, Parts, Site};
use super::var::{Item, Var};

/// The gradients of linear algebra by name.
pub(super) fn named(name: &str) -> Option<Gradient> {
    Some(match name {
        "linalg.solve" => Gradient::Rule(solve),
        "linalg.inv" => Gradient::Rule(inverse),
        "linalg.det" => Gradient::Rule(determinant),
        "linalg.slogdet" => Gradient::Rule(log_determinant),
        "linalg.cholesky" => Gradient::Rule(cholesky),
        "linalg.eigh" => Gradient::Rule(eigh),
        "linalg.svdvals" => Gradient::Rule(singular_values),
        "linalg.svd" => Gradient::Rule(svd),
        "linalg.qr" => Gradient::Rule(qr),
        "linalg.pinv" => Gradient::Rule(pseudoinverse),
        "linalg.cond" => Gradient::Composite(condition),
        "linalg.norm" => Gradient::Composite(norm),
        "linalg.matrix_rank" => Gradient::Zero,
        _ => return None,
    })
}

fn solve(site: &Site<'_>) -> Parts {
    let (t, a, b, x) = (site.algebra, site.var(0)?, site.var(1)?, site.result());
    let turned = t.transposed(a)?;
    let vector = b.rank() == 1;
    let column = |v: &Var| {
        let mut shape = v.shape().to_vec();
        shape.push(1);
        if vector { t.reshape(v, &shape) } else { Ok(v.clone()) }
    };
    let to_b = t.call("linalg.solve", &[turned.into(), column(site.g)?.into()])?;
    let to_a =
        if site.wants(0) { Some(t.fold_to(&t.neg(&t.matmul(&to_b, &t.transposed(&column(x)?)?)?)?, a)?) } else { None };
    let right = column(b)?;
    let to_b = if site.wants(1) { Some(t.reshape(&t.fold_to(&to_b, &right)?, b.shape())?) } else { None };
    Ok(vec![to_a, to_b])
}

fn inverse(site: &Site<'_>) -> Parts {
    let t = site.algebra;
    let turned = t.transposed(site.result())?;
    site.only(t.neg(&t.matmul(&turned, &t.matmul(site.g, &turned)?)?)?)
}

/// A value for each matrix, spread over the matrix.
fn over_matrix(t: &Algebra<'_>, g: &Var) -> Result<Var, TensorError> {
    let shape: Vec<usize> = g.shape().iter().copied().chain([1, 1]).collect();
    t.reshape(g, &shape)
}

fn inverse_transposed(t: &Algebra<'_>, a: &Var) -> Result<Var, TensorError> {
    t.transposed(&t.call("linalg.inv", &[a.clone().into()])?)
}

fn determinant(site: &Site<'_>) -> Parts {
    let t = site.algebra;
    let weight = over_matrix(t, &t.mul(site.g, site.result())?)?;
    site.only(t.mul(&weight, &inverse_transposed(t, site.var(0)?)?)?)
}

fn log_determinant(site: &Site<'_>) -> Parts {
    let (t, a) = (site.algebra, site.var(0)?);
    if site.output == 0 {
        // The sign does not change.
        return site.only(t.zeros_like(a)?);
    }
    site.only(t.mul(&over_matrix(t, site.g)?, &inverse_transposed(t, a)?)?)
}

/// The lower triangle with half the diagonal.
fn half_lower(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    let lower = t.call("tensor.tril", &[x.clone().into()])?;
    let strict = t.call("tensor.tril", &[x.clone().into(), super::algebra::int(-1)])?;
    t.scale(&t.add(&lower, &strict)?, 0.5)
}

/// `a` and its transpose, averaged.
fn symmetric(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    t.scale(&t.add(x, &t.transposed(x)?)?, 0.5)
}

fn cholesky(site: &Site<'_>) -> Parts {
    let (t, l) = (site.algebra, site.result());
    let turned = t.transposed(l)?;
    let phi = half_lower(t, &t.matmul(&turned, site.g)?)?;
    // L⁻ᵀ Φ L⁻¹, from the left and then from the right.
    let left = t.call("linalg.solve", &[turned.clone().into(), phi.into()])?;
    let both = t.transposed(&t.call("linalg.solve", &[turned.into(), t.transposed(&left)?.into()])?)?;
    site.only(symmetric(t, &both)?)
}

/// A vector on the diagonal of each matrix: `x * eye`.
fn as_columns(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    let mut shape = x.shape().to_vec();
    shape.insert(shape.len() - 1, 1);
    t.reshape(x, &shape)
}

fn as_rows(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    let mut shape = x.shape().to_vec();
    shape.push(1);
    t.reshape(x, &shape)
}

/// `1 / (w_j - w_i)`, and 0 on the diagonal.
fn gaps(t: &Algebra<'_>, w: &Var) -> Result<Var, TensorError> {
    let n = w.shape()[w.rank() - 1];
    let eye = t.call("tensor.eye", &[super::algebra::int(n as i64)])?;
    let eye = match w.dtype() {
        Some(dtype) => t.cast(&eye, dtype)?,
        None => eye,
    };
    let off = t.sub(&Var::scalar(1.0), &eye)?;
    let distance = t.sub(&as_columns(t, w)?, &as_rows(t, w)?)?;
    t.div(&off, &t.add(&distance, &eye)?)
}

fn eigh(site: &Site<'_>) -> Parts {
    let (t, w, v) = (site.algebra, &site.outputs[0], &site.outputs[1]);
    let turned = t.transposed(v)?;
    let inner = if site.output == 0 {
        t.mul(v, &as_columns(t, site.g)?)?
    } else {
        t.matmul(v, &t.mul(&gaps(t, w)?, &t.matmul(&turned, site.g)?)?)?
    };
    site.only(symmetric(t, &t.matmul(&inner, &turned)?)?)
}

/// The thin factors of argument 0.
fn thin(t: &Algebra<'_>, a: &Var) -> Result<[Var; 3], TensorError> {
    let op = crate::find("linalg.svd").ok_or_else(|| TensorError::argument("a", "has no factors"))?;
    let Item::Record(fields) = t.named(op, &[a.clone().into(), flag(false)])? else {
        return Err(TensorError::argument("a", "has no factors"));
    };
    let mut parts = fields.into_iter().filter_map(|(_, item)| if let Item::Var(x) = item { Some(x) } else { None });
    match (parts.next(), parts.next(), parts.next()) {
        (Some(u), Some(s), Some(vt)) => Ok([u, s, vt]),
        _ => Err(TensorError::argument("a", "has no factors")),
    }
}

fn singular_values(site: &Site<'_>) -> Parts {
    let t = site.algebra;
    let [u, _, vt] = thin(t, site.var(0)?)?;
    site.only(t.matmul(&t.mul(&u, &as_columns(t, site.g)?)?, &vt)?)
}

fn svd(site: &Site<'_>) -> Parts {
    let (t, a, g) = (site.algebra, site.var(0)?, site.g);
    let plain = site.plain();
    let [m, n] = [a.shape()[a.rank() - 2], a.shape()[a.rank() - 1]];
    if args::bool_or(&plain, 1, "full_matrices", true)? && m != n && site.output != 1 {
        let problem = "of the full factors does not exist; write `linalg.svd(a, full_matrices = false)`";
        return Err(TensorError::argument("gradient", problem));
    }
    let [u, s, vt] = match site.outputs {
        [u, s, vt] if site.output != 1 => [u.clone(), s.clone(), vt.clone()],
        _ => thin(t, a)?,
    };
    if site.output == 1 {
        return site.only(t.matmul(&t.mul(&u, &as_columns(t, g)?)?, &vt)?);
    }
    // With F_ij = 1 / (s_j² - s_i²): u (F ∘ (uᵀg - gᵀu)) s, and what leaves the space of u.
    let f = gaps(t, &t.unary(UnaryOp::Square, &s)?)?;
    let (ut, v) = (t.transposed(&u)?, t.transposed(&vt)?);
    let core = |inner: &Var| t.mul(&f, &t.sub(inner, &t.transposed(inner)?)?);
    let part = if site.output == 0 {
        let inner = t.mul(&core(&t.matmul(&ut, g)?)?, &as_columns(t, &s)?)?;
        let mut left = t.matmul(&u, &inner)?;
        if m > n {
            let scaled = t.div(g, &as_columns(t, &s)?)?;
            left = t.add(&left, &t.sub(&scaled, &t.matmul(&u, &t.matmul(&ut, &scaled)?)?)?)?;
        }
        t.matmul(&left, &vt)?
    } else {
        let gv = t.transposed(g)?;
        let inner = t.mul(&as_rows(t, &s)?, &core(&t.matmul(&vt, &gv)?)?)?;
        let mut right = t.matmul(&inner, &vt)?;
        if n > m {
            let scaled = t.div(g, &as_rows(t, &s)?)?;
            right = t.add(&right, &t.sub(&scaled, &t.matmul(&t.matmul(&scaled, &v)?, &vt)?)?)?;
        }
        t.matmul(&u, &right)?
    };
    site.only(part)
}

/// For as many rows as columns or more: (g_q + q sym(m)) r⁻ᵀ with m = r g_rᵀ - g_qᵀ q (Walter and Lehmann, 2010).
fn qr(site: &Site<'_>) -> Parts {
    let (t, a) = (site.algebra, site.var(0)?);
    if a.shape()[a.rank() - 2] < a.shape()[a.rank() - 1] {
        return Err(TensorError::argument("gradient", "of `linalg.qr` needs as many rows as columns, or more"));
    }
    let (q, r) = (&site.outputs[0], &site.outputs[1]);
    let m = if site.output == 0 {
        t.neg(&t.matmul(&t.transposed(site.g)?, q)?)?
    } else {
        t.matmul(r, &t.transposed(site.g)?)?
    };
    // The lower triangle, copied to the upper.
    let lower = t.call("tensor.tril", &[m.clone().into()])?;
    let strict = t.call("tensor.tril", &[m.into(), super::algebra::int(-1)])?;
    let copied = t.add(&lower, &t.transposed(&strict)?)?;
    let mut left = t.matmul(q, &copied)?;
    if site.output == 0 {
        left = t.add(&left, site.g)?;
    }
    // left r⁻ᵀ is the transpose of r⁻¹ leftᵀ.
    let solved = t.call("linalg.solve", &[r.clone().into(), t.transposed(&left)?.into()])?;
    site.only(t.transposed(&solved)?)
}

/// Golub and Pereyra ("The differentiation of pseudo-inverses and nonlinear least squares problems", 1973), for
/// matrices whose rank does not change.
fn pseudoinverse(site: &Site<'_>) -> Parts {
    let (t, a, p, g) = (site.algebra, site.var(0)?, site.result(), site.g);
    let (pt, gt) = (t.transposed(p)?, t.transposed(g)?);
    let minus = t.neg(&t.matmul(&t.matmul(&pt, g)?, &pt)?)?;
    // (I - a p) gᵀ (p pᵀ), and its mirror image.
    let ap = t.matmul(a, p)?;
    let ga = t.matmul(&gt, &t.matmul(p, &pt)?)?;
    let rows = t.sub(&ga, &t.matmul(&ap, &ga)?)?;
    let pa = t.matmul(p, a)?;
    let pg = t.matmul(&t.matmul(&pt, p)?, &gt)?;
    let columns = t.sub(&pg, &t.matmul(&pg, &pa)?)?;
    site.only(t.add(&minus, &t.add(&rows, &columns)?)?)
}

fn condition(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let values = t.call("linalg.svdvals", &[var(a, 0)?.clone().into()])?;
    let axis = values.rank() - 1;
    let last = values.shape()[axis].saturating_sub(1);
    let at = |i: usize| {
        let indices: Vec<_> =
            (0..axis).map(|_| nexus_tensor::Index::All).chain([nexus_tensor::Index::At(i as i64)]).collect();
        t.get(&values, &indices)
    };
    t.div(&at(0)?, &at(last)?).map(Item::Var)
}

/// The norms that are smooth functions of sums; of matrices also those of the singular values.
fn norm(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let axes = args::axes(&plain, 2, "axis", x.rank())?.to_vec();
    let keep = args::bool_or(&plain, 3, "keepdims", false)?;
    let euclid = |x: &Var| t.unary(UnaryOp::Sqrt, &t.sum(&t.unary(UnaryOp::Square, x)?, &axes, keep)?);
    let matrix = axes.len() == 2;
    let power = match args::at(&plain, 1) {
        Arg::None => return euclid(x).map(Item::Var),
        Arg::Str(name) if &**name == "fro" => return euclid(x).map(Item::Var),
        Arg::Str(name) if &**name == "nuc" && matrix && x.rank() == 2 && !keep => {
            let values = t.call("linalg.svdvals", &[x.clone().into()])?;
            return t.sum(&values, &[0], false).map(Item::Var);
        }
        Arg::Str(name) if &**name == "inf" => f64::INFINITY,
        Arg::Str(name) if &**name == "-inf" => f64::NEG_INFINITY,
        _ => args::number(&plain, 1, "ord")?,
    };
    let reduced = |name, x: Var| t.call(name, &[x.into(), super::algebra::sizes(&axes), flag(keep)]).map(Item::Var);
    let absolute = t.unary(UnaryOp::Abs, x)?;
    match (axes.len(), power) {
        (1, f64::INFINITY) => reduced("tensor.max", absolute),
        (1, f64::NEG_INFINITY) => reduced("tensor.min", absolute),
        (1, 1.0) => reduced("tensor.sum", absolute),
        (1, 2.0) => euclid(x).map(Item::Var),
        (1, p) if p != 0.0 => {
            let powers = t.binary(BinaryOp::Pow, &absolute, &Var::scalar(p))?;
            let total = t.sum(&powers, &axes, keep)?;
            t.binary(BinaryOp::Pow, &total, &Var::scalar(1.0 / p)).map(Item::Var)
        }
        (2, p) if p == 2.0 && x.rank() == 2 && !keep => {
            let values = t.call("linalg.svdvals", &[x.clone().into()])?;
            t.call("tensor.max", &[values.into()]).map(Item::Var)
        }
        _ => Err(TensorError::argument("gradient", "of this norm is not known; use \"fro\", \"nuc\" or 2")),
    }
}
