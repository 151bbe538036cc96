"""Makes tests/symbolic.txt: what SymPy's own tests ask of SymPy, and what it answers.

Run: python make_symbolic.py   (needs sympy)

SymPy's test functions are run with simplify, trigsimp, factor, expand, diff and solve watched. Kept is what the formulas
here can express: names, rational numbers, pi, e, i, and functions that both know. A line is the verb, the question, for
diff and solve the name, the answer (for solve several, with " ; " between them) and what SymPy's names are assumed to be
("x positive"), with tabs between.
"""

import importlib
import inspect
import pathlib
import signal

import sympy
from sympy import Basic, Dummy, Eq, Expr, Symbol, preorder_traversal
from sympy.core.numbers import Exp1, Half, ImaginaryUnit, Integer, Pi, Rational
from sympy.printing.str import StrPrinter

HERE = pathlib.Path(__file__).parent
MODULES = [
    "sympy.simplify.tests.test_simplify",
    "sympy.simplify.tests.test_trigsimp",
    "sympy.simplify.tests.test_powsimp",
    "sympy.simplify.tests.test_radsimp",
    "sympy.simplify.tests.test_ratsimp",
    "sympy.simplify.tests.test_combsimp",
    "sympy.core.tests.test_diff",
    "sympy.core.tests.test_expand",
    "sympy.functions.elementary.tests.test_trigonometric",
    "sympy.functions.elementary.tests.test_hyperbolic",
    "sympy.functions.elementary.tests.test_exponential",
    "sympy.polys.tests.test_polytools",
    "sympy.solvers.tests.test_solvers",
]
FUNCTIONS = {"sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "log", "exp",
             "Abs", "sign", "erf", "gamma", "factorial", "cot", "sec", "csc", "coth", "sech", "csch"}
NUMBERS = (Integer, Rational, Half, Pi, Exp1, ImaginaryUnit)
LENGTH_MAX = 400
# Questions of one verb that are kept: SymPy differentiates a lot.
COUNT_MAX = 600
SECONDS_A_TEST = 6

found = {}


class Printer(StrPrinter):
    def _print_Abs(self, expr):
        return f"abs({self._print(expr.args[0])})"


def text(expr):
    return Printer({"order": None}).doprint(expr).replace("**", "^")


def known(expr):
    if not isinstance(expr, Expr) or expr.is_commutative is False:
        return False
    for part in preorder_traversal(expr):
        if isinstance(part, Symbol):
            if isinstance(part, Dummy) or not part.name.isidentifier() or part.name in ("e", "i", "E", "I", "pi", "oo"):
                return False
        elif part.is_Add or part.is_Mul or part.is_Pow or isinstance(part, NUMBERS):
            pass
        elif not (part.is_Function and type(part).__name__ in FUNCTIONS and len(part.args) == 1):
            return False
    return True


def facts(exprs):
    said = set()
    for symbol in set().union(*(expr.free_symbols for expr in exprs)):
        kinds = [("positive", symbol.is_positive), ("integer", symbol.is_integer), ("real", symbol.is_real)]
        said.update(f"{symbol.name} {kind}" for kind, holds in kinds if holds)
        names = [own for own in set().union(*(expr.free_symbols for expr in exprs)) if own.name == symbol.name]
        if len(names) > 1:
            return None
    return ", ".join(sorted(said))


def keep(verb, question, name, answers):
    exprs = [question, *answers]
    if not all(known(expr) for expr in exprs):
        return
    about = facts(exprs)
    line = [verb, text(question), name, " ; ".join(text(answer) for answer in answers), about]
    if about is None or sum(map(len, line)) > LENGTH_MAX or "\n" in "".join(line):
        return
    found.setdefault((verb, line[1], name), "\t".join(line))


def watched(verb, own):
    def call(question, *args, **options):
        answer = own(question, *args, **options)
        if not options and not args and isinstance(answer, Basic) and isinstance(question, Basic):
            keep(verb, question, "-", [answer])
        return answer
    return call


def watched_diff(own):
    def call(question, *symbols, **options):
        answer = own(question, *symbols, **options)
        if not options and len(symbols) == 1 and isinstance(symbols[0], Symbol) and isinstance(question, Expr):
            keep("diff", question, symbols[0].name, [answer])
        return answer
    return call


def watched_solve(own):
    def call(question, *symbols, **options):
        answers = own(question, *symbols, **options)
        if isinstance(question, Eq):
            question = question.lhs - question.rhs
        one = len(symbols) == 1 and isinstance(symbols[0], Symbol)
        name = symbols[0] if one else None
        if not symbols and isinstance(question, Expr) and len(question.free_symbols) == 1:
            name = next(iter(question.free_symbols))
        plain = isinstance(answers, list) and all(isinstance(answer, Expr) for answer in answers)
        if name is not None and not options and plain and answers and isinstance(question, Expr):
            keep("solve", question, name.name, answers)
        return answers
    return call


def stop(*_):
    raise TimeoutError


signal.signal(signal.SIGALRM, stop)
wrappers = {name: watched(name, getattr(sympy, name)) for name in ("simplify", "trigsimp", "factor", "expand")}
wrappers["diff"] = watched_diff(sympy.diff)
wrappers["solve"] = watched_solve(sympy.solve)
method = Expr.diff
Expr.diff = watched_diff(method)
for name in MODULES:
    module = importlib.import_module(name)
    for verb, wrapper in wrappers.items():
        if hasattr(module, verb):
            setattr(module, verb, wrapper)
    for own, test in inspect.getmembers(module, inspect.isfunction):
        if own.startswith("test_"):
            signal.alarm(SECONDS_A_TEST)
            try:
                test()
            except BaseException as error:  # A test that SymPy itself expects to fail is no matter here.
                print(name, own, type(error).__name__)
            finally:
                signal.alarm(0)
Expr.diff = method
lines = sorted(found.values())
kept = []
for verb in sorted({line.split("\t")[0] for line in lines}):
    own = [line for line in lines if line.split("\t")[0] == verb]
    kept += own[:: -(-len(own) // COUNT_MAX)]
(HERE / "symbolic.txt").write_text("\n".join(kept) + "\n")
