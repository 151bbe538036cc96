"""Makes tests/calculus.txt: the limits and series of SymPy's own tests, as far as formulas here can express them.

Run: python make_calculus.py   (needs sympy, with its tests)

The test functions are run with a limit and a series that write down what they are asked and what they answer.
A line is `limit; formula; name; point; side; value` or `series; formula; name; point; order; sum without the rest`.
"""

import inspect
import pathlib
import re
import signal

import sympy
from sympy.series.gruntz import gruntz
from sympy.series.tests import test_gruntz, test_limits, test_nseries, test_series

HERE = pathlib.Path(__file__).parent
FUNCTIONS = {"Abs": "abs", "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc",
             "asin": "asin", "acos": "acos", "atan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
             "coth": "coth", "sech": "sech", "csch": "csch", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh",
             "log": "log", "exp": "exp", "sign": "sign", "erf": "erf", "gamma": "gamma", "factorial": "factorial",
             "sqrt": "sqrt"}
# What an answer may depend on that cannot be said of a name here.
ASSUMPTIONS = ("positive", "negative", "integer", "nonnegative", "real", "zero", "finite")
SECONDS = 120
found = []


class Unknown(Exception):
    """A formula that cannot be written here."""


def text(expr):
    expr = sympy.sympify(expr)
    if expr.has(sympy.nan, sympy.zoo, sympy.Order, sympy.Float):
        raise Unknown
    for part in sympy.preorder_traversal(expr):
        known = (sympy.Add, sympy.Mul, sympy.Pow, sympy.Rational, sympy.Symbol)
        constants = (sympy.E, sympy.pi, sympy.I, sympy.oo, -sympy.oo)
        if isinstance(part, known) or part in constants:
            continue
        if part.func.__name__ not in FUNCTIONS or len(part.args) != 1:
            raise Unknown
    written = str(expr).replace("**", "^").replace("Abs(", "abs(")
    if len(written) > 400 or not written.isascii():
        raise Unknown
    return re.sub(r"\s+", " ", written)


def names(expr, own):
    """The names beside the own one: none that something is known of, and none that means something else here."""
    for symbol in sympy.sympify(expr).free_symbols:
        if symbol != own and any(symbol.assumptions0.get(key) is not None for key in ASSUMPTIONS):
            raise Unknown
        if not re.fullmatch(r"[a-zA-Z](_?\d*)", symbol.name) or symbol.name in "eEiI":
            raise Unknown


def write_limit(expr, name, point, side, value):
    try:
        expr, name, point = (sympy.sympify(part) for part in (expr, name, point))
        names(expr, name)
        # The cuts of these belong to the other side here, as in C and in most languages.
        if not expr.has(name) or (expr.has(sympy.I) and expr.has(sympy.asin, sympy.acos)):
            return
        if isinstance(value, sympy.AccumBounds) or value in (sympy.nan, sympy.zoo):
            answer = "none"
        else:
            answer = text(value)
        side = {"+": "above", "-": "below", "+-": "both"}[str(side)]
        found.append("; ".join(["limit", text(expr), str(name), text(point), side, answer]))
    except (Unknown, KeyError):
        pass


def write_series(expr, name, point, answer):
    try:
        expr = sympy.sympify(expr)
        names(expr, name)
        order = answer.getO() if isinstance(answer, sympy.Expr) else None
        if order is None or point not in (0,) or not expr.has(name):
            return
        leading = order.expr.as_coeff_exponent(name)
        if leading[0] != 1 or not leading[1].is_Integer or leading[1] < 0:
            return
        found.append("; ".join(["series", text(expr), str(name), text(point), str(leading[1]), text(answer.removeO())]))
    except Unknown:
        pass


def recorded_limit(real):
    def limit(e, z, z0=sympy.oo, dir="+"):
        value = real(e, z, z0, dir)
        write_limit(e, z, z0, dir, value)
        return value
    return limit


def recorded_method(real):
    depth = 0

    def method(self, x=None, x0=0, n=6, *rest, **options):
        nonlocal depth
        depth += 1
        try:
            answer = real(self, x, x0, n, *rest, **options)
        finally:
            depth -= 1
        # A series asks for others on its way: only the outermost is written down.
        if depth == 0 and isinstance(x, sympy.Symbol) and not rest:
            write_series(self, x, x0, answer)
        return answer
    return method


def too_long(*_):
    raise TimeoutError


def run(module):
    for name, test in inspect.getmembers(module, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        signal.alarm(SECONDS)
        try:
            test()
        except BaseException as error:  # what skips a test is no Exception
            print("left at", name, type(error).__name__)
        finally:
            signal.alarm(0)


signal.signal(signal.SIGALRM, too_long)
for module in (test_limits, test_gruntz):
    module.limit = recorded_limit(sympy.limit)
    module.gruntz = recorded_limit(gruntz)
    run(module)
plain = sympy.Expr.series, sympy.Expr.nseries
sympy.Expr.series, sympy.Expr.nseries = recorded_method(plain[0]), recorded_method(plain[1])
for module in (test_series, test_nseries):
    run(module)
sympy.Expr.series, sympy.Expr.nseries = plain
x = sympy.Symbol("x")
for expr in """exp(sin(x)) exp(x)/(1-x) log(cos(x)) sin(x)/x x/sin(x) tan(x) 1/tan(x) sqrt(1+x+x**2) asin(x) acos(x) atan(x)
        sinh(x) cosh(x) tanh(x) asinh(x) atanh(x) 1/(exp(x)-1) log(1+sin(x)) exp(exp(x)) (1+x)**pi x**2*cos(1/(1+x))
        sin(sin(x)) cos(sqrt(x)) x/(1-x-x**2) erf(x) exp(-x**2) (1+x)**x tan(sin(x))-sin(tan(x)) log(1+x)/x sec(x)
        (cos(x)-1)/x**2 1/(x*(1-x)) exp(x)*log(1+x) atan(x)/x sqrt(cos(x)) 1/(1+sqrt(x)) x**x x*log(x)*exp(x)""".split():
    formula = sympy.sympify(expr)
    for order in (3, 8):
        write_series(formula, x, 0, formula.series(x, 0, order))
lines = list(dict.fromkeys(found))
(HERE / "calculus.txt").write_text("\n".join(lines) + "\n")
print(len(lines), "lines")
