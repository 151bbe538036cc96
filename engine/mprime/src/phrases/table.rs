//! The phrases: what people ask, and the words of the command that it means.
//!
//! In a pattern, `a|b` is one of two words, `[…]` may be missing, `{f}` and `{p}` are formulas, `{name}` a name, `{count}` a
//! number, `{equations}` one equation or several, `{assignment}` a value of a name. Of phrases that begin alike, the longer
//! one comes first.

use super::Language::{English, German};
use super::{Phrase, phrase};

const DIFF: &[&str] = &["diff", "{f}", "{name}"];
const DIFF_TWICE: &[&str] = &["diff", "{f}", "{name}", "--order", "2"];
const DIFF_THRICE: &[&str] = &["diff", "{f}", "{name}", "--order", "3"];
const INTEGRATE: &[&str] = &["integrate", "{f}", "{name}"];
const INTEGRATE_BETWEEN: &[&str] = &["integrate", "{f}", "{name}", "--from", "{from}", "--to", "{to}"];
const LIMIT: &[&str] = &["limit", "{f}", "{name}={p}"];
const LIMIT_ABOVE: &[&str] = &["limit", "{f}", "{name}={p}", "--from", "above"];
const LIMIT_BELOW: &[&str] = &["limit", "{f}", "{name}={p}", "--from", "below"];
const SERIES: &[&str] = &["series", "{f}", "{assignment}", "--order", "{count}"];
const SOLVE: &[&str] = &["solve", "--for", "{name}", "--", "{equations}"];
const EVALUATE: &[&str] = &["evaluate", "{f}", "{assignment}"];
const DIGITS: &[&str] = &["evaluate", "{f}", "--digits", "{count}"];
const SIMPLIFY: &[&str] = &["simplify", "{f}"];
const EXPAND: &[&str] = &["expand", "{f}"];
const FACTOR: &[&str] = &["factor", "{f}"];
const PRIME: &[&str] = &["prime", "{f}"];
const NEXT: &[&str] = &["prime", "{f}", "--next", "{count}"];
const NEXT_ONE: &[&str] = &["prime", "{f}", "--next", "1"];
const PREVIOUS_ONE: &[&str] = &["prime", "{f}", "--previous", "1"];
const FRACTION: &[&str] = &["fraction", "{f}"];
const CONVERGENTS: &[&str] = &["fraction", "{f}", "--convergents"];
const DIOPHANTINE: &[&str] = &["diophantine", "{f}"];
const INVERSE: &[&str] = &["modulo", "inverse", "{f}", "{p}"];
const BASE60: &[&str] = &["base60", "{f}"];

/// All phrases.
pub(super) const TABLE: &[Phrase] = &[
    // Derivatives.
    phrase(English, "[first] derivative of {f} [with respect to {name}]", DIFF),
    phrase(English, "[first] derivative of {f} by|wrt|in {name}", DIFF),
    phrase(English, "second derivative of {f} [with respect to {name}]", DIFF_TWICE),
    phrase(English, "second derivative of {f} by|wrt|in {name}", DIFF_TWICE),
    phrase(English, "third derivative of {f} [with respect to {name}]", DIFF_THRICE),
    phrase(English, "third derivative of {f} by|wrt|in {name}", DIFF_THRICE),
    phrase(English, "differentiate|derive {f} [with respect to {name}]", DIFF),
    phrase(English, "differentiate|derive {f} by|wrt|in {name}", DIFF),
    phrase(German, "[erste] ableitung von {f} [nach {name}]", DIFF),
    phrase(German, "zweite ableitung von {f} [nach {name}]", DIFF_TWICE),
    phrase(German, "dritte ableitung von {f} [nach {name}]", DIFF_THRICE),
    phrase(German, "leite {f} [nach {name}] ab", DIFF),
    phrase(German, "differenziere {f} [nach {name}]", DIFF),
    // Integrals.
    phrase(
        English,
        "[definite] integral of {f} [with respect to {name}] from|between {from} to|and {to}",
        INTEGRATE_BETWEEN,
    ),
    phrase(English, "integrate {f} [with respect to {name}] from|between {from} to|and {to}", INTEGRATE_BETWEEN),
    phrase(English, "area under {f} from|between {from} to|and {to}", INTEGRATE_BETWEEN),
    phrase(English, "[indefinite] integral|antiderivative of {f} [with respect to {name}]", INTEGRATE),
    phrase(English, "integrate {f} [with respect to {name}]", INTEGRATE),
    phrase(English, "integrate {f} over|by|wrt {name}", INTEGRATE),
    phrase(
        German,
        "[bestimmtes] integral von|über {f} [nach {name}] von|zwischen {from} bis|und {to}",
        INTEGRATE_BETWEEN,
    ),
    phrase(German, "integriere {f} [nach {name}] von|zwischen {from} bis|und {to}", INTEGRATE_BETWEEN),
    phrase(German, "fläche|flaeche unter {f} von|zwischen {from} bis|und {to}", INTEGRATE_BETWEEN),
    phrase(German, "[unbestimmtes] integral|stammfunktion von|über|zu {f} [nach {name}]", INTEGRATE),
    phrase(German, "integriere {f} [nach {name}]", INTEGRATE),
    // Limits.
    phrase(English, "limit of {f} as|for|when {name} goes|tends to {p} from above|right", LIMIT_ABOVE),
    phrase(English, "limit of {f} as|for|when {name} goes|tends to {p} from below|left", LIMIT_BELOW),
    phrase(English, "limit of {f} as|for|when {name} goes|tends to {p}", LIMIT),
    phrase(English, "limit of {f} as|for|when {name} approaches|->|→ {p}", LIMIT),
    phrase(German, "grenzwert|limes von {f} für|wenn|bei {name} gegen {p} [geht] von oben|rechts", LIMIT_ABOVE),
    phrase(German, "grenzwert|limes von {f} für|wenn|bei {name} gegen {p} [geht] von unten|links", LIMIT_BELOW),
    phrase(German, "grenzwert|limes von {f} für|wenn|bei {name} gegen|->|→ {p} [geht]", LIMIT),
    // Series.
    phrase(English, "[taylor|power] series|expansion of {f} [around|about|at {assignment}] [to order {count}]", SERIES),
    phrase(
        German,
        "taylorreihe|potenzreihe|reihe|taylorentwicklung von {f} [um|bei {assignment}] [bis ordnung {count}]",
        SERIES,
    ),
    // Equations.
    phrase(English, "integer|whole solutions of {f} = {p}", &["diophantine", "{f} = {p}"]),
    phrase(German, "ganzzahlige lösungen|loesungen von {f} = {p}", &["diophantine", "{f} = {p}"]),
    phrase(English, "solve {equations} [for {name}]", SOLVE),
    phrase(English, "solutions|solution|roots|zeros|zeroes of {equations} [for {name}]", SOLVE),
    phrase(German, "löse|loese {equations} [nach {name}] [auf]", SOLVE),
    phrase(German, "lösungen|lösung|loesungen|nullstellen|wurzeln von {equations}", SOLVE),
    phrase(English, "diophantine {f}", DIOPHANTINE),
    // Other forms.
    phrase(English, "simplify {f}", SIMPLIFY),
    phrase(English, "simplest form of {f}", SIMPLIFY),
    phrase(German, "vereinfache {f}", SIMPLIFY),
    phrase(German, "vereinfachung von {f}", SIMPLIFY),
    phrase(English, "expand {f}", EXPAND),
    phrase(English, "multiply out {f}", EXPAND),
    phrase(German, "multipliziere {f} aus", EXPAND),
    phrase(German, "{f} ausmultiplizieren", EXPAND),
    phrase(English, "factor|factorise|factorize {f}", FACTOR),
    phrase(English, "[prime] factors|factorization|factorisation of {f}", FACTOR),
    phrase(German, "faktorisiere {f}", FACTOR),
    phrase(German, "zerlege {f} [in faktoren|primfaktoren]", FACTOR),
    phrase(German, "primfaktoren|faktoren|primfaktorzerlegung|zerlegung von {f}", FACTOR),
    // Values.
    phrase(English, "value of {f} [at|for|where|with {assignment}]", EVALUATE),
    phrase(English, "evaluate {f} [at|for|where|with {assignment}]", EVALUATE),
    phrase(English, "{count} digits of {f}", DIGITS),
    phrase(German, "wert von {f} [bei|für|mit {assignment}]", EVALUATE),
    phrase(German, "werte {f} [bei|für|mit {assignment}] aus", EVALUATE),
    phrase(German, "{count} stellen|ziffern von {f}", DIGITS),
    phrase(English, "{f} in base 60", BASE60),
    phrase(German, "{f} zur basis 60", BASE60),
    phrase(German, "{f} im sexagesimalsystem", BASE60),
    // Whole numbers.
    phrase(English, "is {f} [a] prime [number]", PRIME),
    phrase(English, "next prime after|above {f}", NEXT_ONE),
    phrase(English, "next {count} primes after|above {f}", NEXT),
    phrase(English, "previous|last prime before|below {f}", PREVIOUS_ONE),
    phrase(English, "convergents of {f}", CONVERGENTS),
    phrase(English, "continued fraction of {f}", FRACTION),
    phrase(English, "inverse of {f} modulo|mod {p}", INVERSE),
    phrase(German, "ist {f} [eine] prim|primzahl", PRIME),
    phrase(German, "nächste|naechste primzahl nach|über {f}", NEXT_ONE),
    phrase(German, "nächsten|naechsten {count} primzahlen nach|über {f}", NEXT),
    phrase(German, "vorige|letzte primzahl vor|unter {f}", PREVIOUS_ONE),
    phrase(German, "näherungsbrüche|näherungsbrueche von {f}", CONVERGENTS),
    phrase(German, "kettenbruch von {f}", FRACTION),
    phrase(German, "inverse|inverses von {f} modulo|mod {p}", INVERSE),
];
