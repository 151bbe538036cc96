//! Einstein's summation: products of tensors summed over the letters that the result does not have.

use nexus_tensor::infer::{self, Inferred, typed};
use nexus_tensor::{Arg, ArgType, OpDef, TensorError, params};

use super::{Entry, composite};
use crate::autodiff::{Algebra, Gradient, Item, Var};

pub(super) const OPS: &[Entry] = &[(
    OpDef {
        name: "tensor.einsum",
        params: params!(subscripts: Str, tensors: Tensors),
        doc: "Einstein's summation: each tensor's axes have letters, and letters that the result does not have are \
              summed over. Without `->` the result has the letters that occur once, in alphabetical order. `...` stands \
              for all axes without letters, which broadcast. The tensors are multiplied from left to right.",
        example: "tensor.einsum(\"ij,jk->ik\", [tensor.eye(2), tensor.ones(2, 3)])",
        infer: infer_einsum,
        run: composite!(einsum),
    },
    Gradient::Composite(einsum),
)];

/// The letters of each tensor, and of the result.
struct Subscripts {
    inputs: Vec<Vec<char>>,
    output: Vec<char>,
}

fn wrong(problem: impl Into<String>) -> TensorError {
    TensorError::argument("subscripts", problem)
}

/// The letter of the axis `i` from the right that `...` stands for: none that a program could write.
fn unnamed(i: usize) -> char {
    char::from_u32(0xE000 + i as u32).unwrap_or(char::MAX)
}

fn is_unnamed(c: char) -> bool {
    !c.is_ascii_alphabetic()
}

/// The letters of one tensor, and what stands before and behind `...`.
struct Part {
    before: Vec<char>,
    behind: Option<Vec<char>>,
}

impl Part {
    fn parse(text: &str) -> Result<Part, TensorError> {
        let letters = |part: &str| -> Result<Vec<char>, TensorError> {
            match part.chars().find(|c| !c.is_ascii_alphabetic()) {
                Some(c) => {
                    Err(wrong(format!("hold `{c}`; axes are letters or `...`, tensors are separated by commas")))
                }
                None => Ok(part.chars().collect()),
            }
        };
        Ok(match text.split_once("...") {
            Some((before, behind)) => Part { before: letters(before)?, behind: Some(letters(behind)?) },
            None => Part { before: letters(text)?, behind: None },
        })
    }

    fn named(&self) -> usize {
        self.before.len() + self.behind.as_ref().map_or(0, Vec::len)
    }

    /// The letters of all axes, where `...` stands for so many.
    fn letters(&self, unnamed_axes: usize) -> Vec<char> {
        let Some(behind) = &self.behind else { return self.before.clone() };
        self.before.iter().copied().chain((0..unnamed_axes).rev().map(unnamed)).chain(behind.iter().copied()).collect()
    }
}

impl Subscripts {
    /// `None` where `...` stands for axes of a tensor of unknown rank.
    fn parse(text: &str, ranks: &[Option<usize>]) -> Result<Option<Subscripts>, TensorError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left.to_owned(), Some(Part::parse(right)?)),
            None => (text, None),
        };
        let parts: Vec<Part> = left.split(',').map(Part::parse).collect::<Result<_, _>>()?;
        if parts.len() != ranks.len() {
            return Err(wrong(format!("name {} tensors, {} are given", parts.len(), ranks.len())));
        }
        let (mut inputs, mut most) = (Vec::with_capacity(parts.len()), 0);
        for (part, rank) in parts.iter().zip(ranks) {
            let unnamed_axes = match (&part.behind, rank) {
                (None, _) => 0,
                (Some(_), None) => return Ok(None),
                (Some(_), Some(rank)) => rank.saturating_sub(part.named()),
            };
            most = most.max(unnamed_axes);
            inputs.push(part.letters(unnamed_axes));
        }
        let all: Vec<char> = inputs.iter().flatten().copied().collect();
        let output = match right {
            Some(right) if right.behind.is_none() && most > 0 => {
                return Err(wrong("have `...` for a tensor, and none for the result"));
            }
            Some(right) => right.letters(most),
            None => {
                let occurs_once = |c: char| all.iter().filter(|d| **d == c).count() == 1;
                let mut once: Vec<char> = all.iter().copied().filter(|&c| !is_unnamed(c) && occurs_once(c)).collect();
                once.sort_unstable();
                (0..most).rev().map(unnamed).chain(once).collect()
            }
        };
        for (i, c) in output.iter().enumerate() {
            if !all.contains(c) {
                return Err(wrong(format!("give the result the letter `{c}`, which no tensor has")));
            }
            if output[..i].contains(c) {
                return Err(wrong(format!("give the result the letter `{c}` twice")));
            }
        }
        Ok(Some(Subscripts { inputs, output }))
    }
}

fn infer_einsum(a: &[ArgType]) -> Inferred {
    let (ArgType::Str(Some(text)), ArgType::List(tensors)) = (infer::at(a, 0), infer::at(a, 1)) else {
        return Ok(typed(None, None));
    };
    let ranks: Vec<Option<usize>> = (0..tensors.len())
        .map(|i| infer::tensor(tensors, i, "tensors").ok().and_then(|ty| ty.shape.map(|shape| shape.len())))
        .collect();
    let subscripts = Subscripts::parse(text, &ranks)?;
    Ok(typed(None, subscripts.map(|subscripts| vec![nexus_tensor::Dim::Unknown; subscripts.output.len()])))
}

/// A tensor whose axes have letters.
struct Labelled {
    x: Var,
    letters: Vec<char>,
}

fn einsum(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (text, tensors) = match (a.first().map(Item::plain), a.get(1)) {
        (Some(Arg::Str(text)), Some(Item::List(tensors))) if !tensors.is_empty() => (text, tensors),
        (Some(Arg::Str(_)), _) => return Err(TensorError::argument("tensors", "must be a list of tensors")),
        _ => return Err(wrong("must be a string like \"ij,jk->ik\"")),
    };
    let rank = |item: &Item| match item {
        Item::Var(x) => Ok(Some(x.rank())),
        _ => Err(TensorError::argument("tensors", "must hold tensors")),
    };
    let ranks: Vec<Option<usize>> = tensors.iter().map(rank).collect::<Result<_, _>>()?;
    let subscripts = Subscripts::parse(&text, &ranks)?.ok_or_else(|| wrong("name tensors of unknown rank"))?;
    let mut operands = Vec::with_capacity(tensors.len());
    for (item, letters) in tensors.iter().zip(&subscripts.inputs) {
        let Item::Var(x) = item else { return Err(TensorError::argument("tensors", "must hold tensors")) };
        if x.rank() != letters.len() {
            let name: String = letters.iter().map(|&c| if is_unnamed(c) { '.' } else { c }).collect();
            return Err(TensorError::shape(x.shape(), format!("has another number of axes than `{name}`")));
        }
        operands.push(diagonals(t, Labelled { x: x.clone(), letters: letters.clone() })?);
    }
    broadcast(t, &mut operands)?;
    check_sizes(&operands)?;
    let mut operands = operands.into_iter();
    let first = operands.next().ok_or_else(|| wrong("name no tensor"))?;
    let rest: Vec<Labelled> = operands.collect();
    let mut result = first;
    for (i, next) in rest.iter().enumerate() {
        // Letters that are needed later: in the result, or in a tensor that is still to come.
        let needed: Vec<char> =
            rest[i + 1..].iter().flat_map(|l| &l.letters).chain(&subscripts.output).copied().collect();
        result = contract(t, &result, next, &needed)?;
    }
    let result = sum_out(t, result, &subscripts.output)?;
    arrange(t, &result, &subscripts.output).map(Item::Var)
}

/// A letter that a tensor has twice takes the diagonal of the two axes.
fn diagonals(t: &Algebra<'_>, mut l: Labelled) -> Result<Labelled, TensorError> {
    while let Some((i, j)) = (0..l.letters.len())
        .flat_map(|i| (i + 1..l.letters.len()).map(move |j| (i, j)))
        .find(|&(i, j)| l.letters[i] == l.letters[j])
    {
        let mut order: Vec<usize> = (0..l.letters.len()).filter(|&k| k != i && k != j).collect();
        order.extend([i, j]);
        let letter = l.letters[i];
        let x = t.call("tensor.diag", &[t.permute(&l.x, &order)?.into()])?;
        let mut letters: Vec<char> = order[..order.len() - 2].iter().map(|&k| l.letters[k]).collect();
        letters.push(letter);
        l = Labelled { x, letters };
    }
    Ok(l)
}

/// An axis of size 1 behind `...` goes with any other: it is left out where another tensor has more of it.
fn broadcast(t: &Algebra<'_>, operands: &mut [Labelled]) -> Result<(), TensorError> {
    let long: Vec<char> = operands
        .iter()
        .flat_map(|l| l.letters.iter().zip(l.x.shape()))
        .filter(|&(&c, &size)| is_unnamed(c) && size != 1)
        .map(|(&c, _)| c)
        .collect();
    for l in operands {
        let is_kept = |(&c, &size): (&char, &usize)| size != 1 || !long.contains(&c);
        let kept: Vec<bool> = l.letters.iter().zip(l.x.shape()).map(is_kept).collect();
        if kept.contains(&false) {
            let of_kept = |i: &usize| kept[*i];
            let shape: Vec<usize> = (0..kept.len()).filter(of_kept).map(|i| l.x.shape()[i]).collect();
            l.letters = (0..kept.len()).filter(of_kept).map(|i| l.letters[i]).collect();
            l.x = t.reshape(&l.x, &shape)?;
        }
    }
    Ok(())
}

fn check_sizes(operands: &[Labelled]) -> Result<(), TensorError> {
    for (i, l) in operands.iter().enumerate() {
        for (&c, &size) in l.letters.iter().zip(l.x.shape()) {
            for other in &operands[..i] {
                let place = other.letters.iter().position(|&d| d == c);
                if place.is_some_and(|p| other.x.shape()[p] != size) {
                    let (a, b) = (other.x.shape(), l.x.shape());
                    return Err(TensorError::shapes(a, b, "give one letter two sizes"));
                }
            }
        }
    }
    Ok(())
}

/// Sums over the letters that are not among `kept`.
fn sum_out(t: &Algebra<'_>, l: Labelled, kept: &[char]) -> Result<Labelled, TensorError> {
    let gone: Vec<usize> = (0..l.letters.len()).filter(|&i| !kept.contains(&l.letters[i])).collect();
    let letters = l.letters.iter().copied().filter(|c| kept.contains(c)).collect();
    Ok(Labelled { x: t.sum(&l.x, &gone, false)?, letters })
}

/// The axes in the order of `letters`, which are all that there are.
fn arrange(t: &Algebra<'_>, l: &Labelled, letters: &[char]) -> Result<Var, TensorError> {
    let order: Vec<usize> = letters.iter().filter_map(|c| l.letters.iter().position(|d| d == c)).collect();
    if order.iter().copied().eq(0..l.letters.len()) { Ok(l.x.clone()) } else { t.permute(&l.x, &order) }
}

/// The product of two tensors, summed over the letters that both have and nobody needs: one stack of matrix products.
fn contract(t: &Algebra<'_>, a: &Labelled, b: &Labelled, needed: &[char]) -> Result<Labelled, TensorError> {
    let a_kept: Vec<char> = needed.iter().chain(&b.letters).copied().collect();
    let b_kept: Vec<char> = needed.iter().chain(&a.letters).copied().collect();
    let a = sum_out(t, Labelled { x: a.x.clone(), letters: a.letters.clone() }, &a_kept)?;
    let b = sum_out(t, Labelled { x: b.x.clone(), letters: b.letters.clone() }, &b_kept)?;
    let shared = |c: &char| b.letters.contains(c);
    let stack: Vec<char> = a.letters.iter().copied().filter(|c| shared(c) && needed.contains(c)).collect();
    let inner: Vec<char> = a.letters.iter().copied().filter(|c| shared(c) && !needed.contains(c)).collect();
    let left: Vec<char> = a.letters.iter().copied().filter(|c| !shared(c)).collect();
    let right: Vec<char> = b.letters.iter().copied().filter(|c| !a.letters.contains(c)).collect();
    let size = |letters: &[char]| -> Vec<usize> {
        letters
            .iter()
            .map(|c| match a.letters.iter().position(|d| d == c) {
                Some(i) => a.x.shape()[i],
                None => b.letters.iter().position(|d| d == c).map_or(1, |i| b.x.shape()[i]),
            })
            .collect()
    };
    let matrix = |l: &Labelled, rows: &[char], columns: &[char]| -> Result<Var, TensorError> {
        let order: Vec<char> = stack.iter().chain(rows).chain(columns).copied().collect();
        let mut shape = size(&stack);
        shape.extend([size(rows).iter().product::<usize>(), size(columns).iter().product()]);
        t.reshape(&arrange(t, l, &order)?, &shape)
    };
    let product = t.matmul(&matrix(&a, &left, &inner)?, &matrix(&b, &inner, &right)?)?;
    let letters: Vec<char> = stack.iter().chain(&left).chain(&right).copied().collect();
    Ok(Labelled { x: t.reshape(&product, &size(&letters))?, letters })
}
