//! Formulas that have a name. Where a quantity is not given, its letter stands in the answer.

use super::Language::{English, German};
use super::{Phrase, phrase};

const CIRCLE_AREA: &[&str] = &["simplify", "pi*({r})^2"];
const CIRCLE_LENGTH: &[&str] = &["simplify", "2*pi*({r})"];
const BALL_VOLUME: &[&str] = &["simplify", "4/3*pi*({r})^3"];
const BALL_SURFACE: &[&str] = &["simplify", "4*pi*({r})^2"];
const CYLINDER: &[&str] = &["simplify", "pi*({r})^2*({h})"];
const CONE: &[&str] = &["simplify", "pi*({r})^2*({h})/3"];
const TRIANGLE: &[&str] = &["simplify", "({b})*({h})/2"];
const HERON: &[&str] =
    &["simplify", "sqrt((({a})+({b})+({c}))*(-({a})+({b})+({c}))*(({a})-({b})+({c}))*(({a})+({b})-({c})))/4"];
const RECTANGLE: &[&str] = &["simplify", "({a})*({b})"];
const HYPOTENUSE: &[&str] = &["simplify", "sqrt(({a})^2 + ({b})^2)"];
const QUADRATIC: &[&str] = &["solve", "--for", "x", "--", "a*x^2 + b*x + c = 0"];
const PQ: &[&str] = &["solve", "--for", "x", "--", "x^2 + p*x + q = 0"];
const GAUSS: &[&str] = &["simplify", "({n})*(({n}) + 1)/2"];
const GEOMETRIC: &[&str] = &["simplify", "(1 - q^(n + 1))/(1 - q)"];
const INTEREST: &[&str] = &["simplify", "({k})*(1 + ({p})/100)^({n})"];
const KINETIC: &[&str] = &["simplify", "({m})*({v})^2/2"];
const NORMAL: &[&str] = &["simplify", "exp(-(x - m)^2/(2*s^2))/(s*sqrt(2*pi))"];

/// All formulas that have a name.
pub(super) const TEMPLATES: &[Phrase] = &[
    phrase(English, "area of a circle [with|of radius {r}]", CIRCLE_AREA),
    phrase(German, "fläche|flaeche|flächeninhalt eines|vom kreises|kreis [mit radius {r}]", CIRCLE_AREA),
    phrase(German, "kreisfläche|kreisflaeche [mit radius {r}]", CIRCLE_AREA),
    phrase(English, "circumference|perimeter of a circle [with|of radius {r}]", CIRCLE_LENGTH),
    phrase(German, "umfang eines|vom kreises|kreis [mit radius {r}]", CIRCLE_LENGTH),
    phrase(English, "volume of a sphere|ball [with|of radius {r}]", BALL_VOLUME),
    phrase(German, "volumen einer kugel [mit radius {r}]", BALL_VOLUME),
    phrase(English, "surface of a sphere|ball [with|of radius {r}]", BALL_SURFACE),
    phrase(German, "oberfläche|oberflaeche einer kugel [mit radius {r}]", BALL_SURFACE),
    phrase(English, "volume of a cylinder [with radius {r}] [and height {h}]", CYLINDER),
    phrase(German, "volumen eines zylinders [mit radius {r}] [und höhe {h}]", CYLINDER),
    phrase(English, "volume of a cone [with radius {r}] [and height {h}]", CONE),
    phrase(German, "volumen eines kegels [mit radius {r}] [und höhe {h}]", CONE),
    phrase(English, "area of a triangle with sides {a} {b} and {c}", HERON),
    phrase(German, "fläche|flaeche eines dreiecks mit seiten {a} {b} und {c}", HERON),
    phrase(English, "heron's formula", HERON),
    phrase(German, "satz|formel des|von heron", HERON),
    phrase(English, "area of a triangle [with base {b}] [and height {h}]", TRIANGLE),
    phrase(German, "fläche|flaeche eines dreiecks [mit grundseite {b}] [und höhe {h}]", TRIANGLE),
    phrase(English, "area of a rectangle [with sides {a} and {b}]", RECTANGLE),
    phrase(German, "fläche|flaeche eines rechtecks [mit seiten {a} und {b}]", RECTANGLE),
    phrase(English, "hypotenuse of {a} and {b}", HYPOTENUSE),
    phrase(English, "pythagorean|pythagoras theorem", HYPOTENUSE),
    phrase(German, "hypotenuse zu|von {a} und {b}", HYPOTENUSE),
    phrase(German, "satz des pythagoras", HYPOTENUSE),
    phrase(English, "quadratic formula", QUADRATIC),
    phrase(German, "mitternachtsformel|abc-formel", QUADRATIC),
    phrase(German, "pq-formel|p-q-formel", PQ),
    phrase(English, "sum of the first {n} numbers|integers", GAUSS),
    phrase(German, "summe der ersten {n} zahlen", GAUSS),
    phrase(English, "sum of a geometric series", GEOMETRIC),
    phrase(German, "summe einer geometrischen reihe", GEOMETRIC),
    phrase(English, "compound interest of {k} at {p} percent over {n} years", INTEREST),
    phrase(English, "compound interest", INTEREST),
    phrase(German, "zinseszins von {k} zu {p} prozent über {n} jahre", INTEREST),
    phrase(German, "zinseszins", INTEREST),
    phrase(English, "kinetic energy [of mass {m} and speed {v}]", KINETIC),
    phrase(German, "kinetische energie [von masse {m} und geschwindigkeit {v}]", KINETIC),
    phrase(English, "density of the normal distribution", NORMAL),
    phrase(German, "dichte der normalverteilung", NORMAL),
];
