"""Reads M-CODE programs with Python and NumPy, apart from everything in this repository, and writes what they give.

    python -m venv venv && venv/bin/pip install numpy && venv/bin/python engine/mcode/tests/corpus/reader.py

It was written from the language's description alone (docs/mcode.md): a tokenizer, a parser by precedence, and an
evaluator over Python values. It covers what the programs beside it use and refuses anything else. `expected.json` holds
the results; `tests/corpus.rs` compares ours at every level. Whole numbers, text and truth values must be equal, fractions
agree to 1e-12 of their size (1e-6 where a program computes in f32: those have `f32` in their name).
"""

import copy
import functools
import json
import math
import pathlib
import re

import numpy as np

HERE = pathlib.Path(__file__).parent
WORDS = set(
    "function end if elseif else while for in break continue return let const parallel spawn await when and or not true "
    "false none".split()
)
TOKEN = re.compile(
    r"(?P<space>[ \t\r]+|\#[^\n]*)|(?P<newline>\n)|(?P<scalar>\d[\d_]*(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+))|"
    r"(?P<int>0x[0-9a-fA-F]+|\d[\d_]*)|(?P<str>\"(?:[^\"\\]|\\.)*\")|(?P<name>[A-Za-z_]\w*)|"
    r"(?P<sign>\.\.=|\*\*=|//=|\+=|-=|\*=|/=|%=|@=|\.\.|==|=>|!=|<=|>=|\*\*|//|\|>|->|[()\[\]{},:;.=<>+\-*/%@^])"
)
UPDATES = {"+=", "-=", "*=", "/=", "//=", "%=", "@=", "**="}
# Signs behind which, and before which, a line goes on.
GOES_ON = {"+", "-", "*", "/", "//", "%", "@", "**", "^", "|>", "==", "!=", "<", "<=", ">", ">=", "=", "=>", "and", "or"} | UPDATES


class Jump(Exception):
    def __init__(self, value=None):
        self.value = value


class Break(Jump):
    pass


class Continue(Jump):
    pass


class Return(Jump):
    pass


def tokens_of(text):
    tokens, at, depth = [], 0, 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise SyntaxError(f"cannot read {text[at:at + 20]!r}")
        kind, word, at = found.lastgroup, found.group(), found.end()
        if kind == "space":
            continue
        if kind == "sign":
            depth += (word in "([{") - (word in ")]}")
        if kind == "name" and word in WORDS:
            kind = "word"
        if kind == "newline":
            if depth or (tokens and tokens[-1][1] in GOES_ON):
                continue
            tokens.append(("newline", "\n"))
            continue
        if word == "|>" and tokens and tokens[-1][0] == "newline":
            while tokens and tokens[-1][0] == "newline":
                tokens.pop()
        tokens.append((kind, word))
    return tokens + [("newline", "\n"), ("end of text", "")]


class Parser:
    """Tokens to nested tuples: the first item says what it is."""

    def __init__(self, text):
        self.tokens, self.at = tokens_of(text), 0

    def peek(self, ahead=0):
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def next(self):
        token = self.peek()
        self.at += 1
        return token

    def take(self, word):
        if self.peek()[1] == word and self.peek()[0] != "str":
            self.at += 1
            return True
        return False

    def need(self, word):
        if not self.take(word):
            raise SyntaxError(f"expected {word!r}, found {self.peek()} at {self.at}")

    def block(self, ends=("end",)):
        body = []
        while True:
            while self.peek()[0] == "newline" or self.peek()[1] == ";":
                self.at += 1
            if self.peek()[0] == "end of text" or (self.peek()[0] == "word" and self.peek()[1] in ends):
                return body
            body.append(self.statement())

    def closed(self):
        body = self.block()
        self.need("end")
        return body

    def statement(self):
        if self.peek()[0] == "word":
            word = self.peek()[1]
            if word in ("let", "const"):
                self.at += 1
                name = self.next()[1]
                self.type()
                self.need("=")
                return ("bind", name, self.expression())
            if word == "function" and self.peek(1)[0] == "name":
                self.at += 1
                name = self.next()[1]
                return ("define", name, self.function())
            if word == "if":
                return self.conditional()
            if word == "while":
                self.at += 1
                return ("while", self.expression(), self.closed())
            if word in ("for", "parallel"):
                self.take("parallel")
                self.need("for")
                name = self.next()[1]
                self.need("in")
                return ("for", name, self.expression(), self.closed())
            if word == "when":
                self.at += 1
                self.need("change")
                self.need("(")
                name = self.next()[1]
                self.need(")")
                return ("when", name, self.closed())
            if word in ("break", "continue"):
                self.at += 1
                return (word,)
            if word == "return":
                self.at += 1
                empty = self.peek()[0] == "newline" or self.peek()[1] in (";", "end")
                return ("return", None if empty else self.expression())
        target = self.expression()
        if self.take("="):
            return ("bind", target[1], self.expression()) if target[0] == "name" else ("assign", target, self.expression())
        if self.peek()[1] in UPDATES:
            operator = self.next()[1][:-1]
            return ("assign", target, (operator, target, self.expression()), True)
        return ("value", target)

    def conditional(self):
        self.need("if")
        branches, otherwise = [], []
        branches.append((self.expression(), self.block(("end", "elseif", "else"))))
        while self.take("elseif"):
            branches.append((self.expression(), self.block(("end", "elseif", "else"))))
        if self.take("else"):
            otherwise = self.block()
        self.need("end")
        return ("if", branches, otherwise)

    def type(self):
        if self.take(":") or self.take("->"):
            self.next()
            if self.take("["):
                while not self.take("]"):
                    self.next()

    def parameters(self):
        self.need("(")
        found = []
        while not self.take(")"):
            name = self.next()[1]
            self.type()
            found.append((name, self.expression() if self.take("=") else None))
            self.take(",")
        return found

    def function(self):
        parameters = self.parameters()
        self.type()
        return ("function", parameters, self.closed())

    def expression(self):
        return self.disjunction()

    def disjunction(self):
        left = self.conjunction()
        while self.take("or"):
            left = ("or", left, self.conjunction())
        return left

    def conjunction(self):
        left = self.negation()
        while self.take("and"):
            left = ("and", left, self.negation())
        return left

    def negation(self):
        return ("not", self.negation()) if self.take("not") else self.comparison()

    def comparison(self):
        operands, operators = [self.range()], []
        while self.peek()[1] in ("==", "!=", "<", "<=", ">", ">=") and self.peek()[0] == "sign":
            operators.append(self.next()[1])
            operands.append(self.range())
        return ("compare", operands, operators) if operators else operands[0]

    def range(self):
        left = self.pipe()
        if self.peek()[1] in ("..", "..=") and self.peek()[0] == "sign":
            closed = self.next()[1] == "..="
            right = self.pipe()
            return ("range", left, right, closed, self.pipe() if self.take("by") else None)
        return left

    def pipe(self):
        left = self.sum()
        while self.take("|>"):
            stage = self.sum()
            call = stage if stage[0] == "call" else ("call", stage, [])
            arguments = list(call[2])
            folds = call[1] in (("name", "map"), ("name", "filter"), ("name", "reduce"))
            arguments.insert(1 if folds and arguments else 0, (None, left))
            left = ("call", call[1], arguments)
        return left

    def binary(self, signs, deeper):
        left = deeper()
        while self.peek()[0] == "sign" and self.peek()[1] in signs:
            operator = self.next()[1]
            left = (operator, left, deeper())
        return left

    def sum(self):
        return self.binary(("+", "-"), self.term)

    def term(self):
        return self.binary(("*", "/", "//", "%"), self.product)

    def product(self):
        return self.binary(("@",), self.unary)

    def unary(self):
        for word in ("-", "+", "spawn", "await"):
            if self.take(word):
                operand = self.unary()
                return ("negate", operand) if word == "-" else operand
        return self.power()

    def power(self):
        left = self.postfix()
        if self.take("**") or self.take("^"):
            return ("**", left, self.unary())
        return left

    def postfix(self):
        value = self.primary()
        while True:
            if self.peek() == ("sign", "("):
                value = ("call", value, self.arguments())
            elif self.peek() == ("sign", "["):
                self.at += 1
                axes = []
                while not self.take("]"):
                    axes.append(self.axis())
                    self.take(",")
                value = ("index", value, axes)
            elif self.peek() == ("sign", "."):
                self.at += 1
                value = ("field", value, self.next()[1])
            else:
                return value

    def arguments(self):
        self.need("(")
        found = []
        while not self.take(")"):
            name = None
            if self.peek()[0] == "name" and self.peek(1) == ("sign", "="):
                name = self.next()[1]
                self.at += 1
            found.append((name, self.expression()))
            self.take(",")
        return found

    def axis(self):
        if self.take(":"):
            return ("slice", None, None, False, None)
        start, begin = None, self.at
        if self.peek()[1] not in ("..", "..="):
            start = self.pipe()
            if self.peek()[1] not in ("..", "..="):
                self.at = begin
                return ("at", self.expression())
        closed = self.next()[1] == "..="
        end = None if self.peek()[1] in (",", "]", "by") else self.pipe()
        return ("slice", start, end, closed, self.pipe() if self.take("by") else None)

    def is_lambda(self):
        depth, at = 0, self.at
        while at < len(self.tokens):
            word = self.tokens[at][1] if self.tokens[at][0] == "sign" else ""
            depth += (word in ("(", "[", "{")) - (word in (")", "]", "}"))
            at += 1
            if depth == 0:
                return self.tokens[at] == ("sign", "=>")
        return False

    def primary(self):
        kind, word = self.peek()
        if kind == "word" and word == "function":
            self.at += 1
            return self.function()
        if kind == "name" and self.peek(1) == ("sign", "=>"):
            self.at += 2
            return ("function", [(word, None)], [("return", self.expression())])
        if word == "(" and kind == "sign":
            if self.is_lambda():
                parameters = self.parameters()
                self.need("=>")
                return ("function", parameters, [("return", self.expression())])
            self.at += 1
            inner = self.expression()
            self.need(")")
            # Round brackets end a chain of comparisons and a slice.
            return ("paren", inner)
        self.at += 1
        if kind == "int":
            return ("constant", int(word.replace("_", ""), 16 if word.startswith("0x") else 10))
        if kind == "scalar":
            return ("constant", float(word.replace("_", "")))
        if kind == "str":
            return ("constant", json.loads(word))
        if kind == "name":
            return ("name", word)
        if kind == "word" and word in ("true", "false", "none"):
            return ("constant", {"true": True, "false": False, "none": None}[word])
        if word == "[":
            items = []
            while not self.take("]"):
                items.append(self.expression())
                self.take(",")
            return ("list", items)
        if word == "{":
            fields = []
            while not self.take("}"):
                token = self.next()
                name = json.loads(token[1]) if token[0] == "str" else token[1]
                fields.append((name, self.expression() if self.take(":") else ("name", name)))
                self.take(",")
            return ("record", fields)
        raise SyntaxError(f"unexpected {kind} {word!r} at {self.at}")


def copied(value):
    """A value of its own: nothing inside it is shared, not even with itself."""
    if isinstance(value, list):
        return [copied(item) for item in value]
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


def int_of(value):
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise OverflowError(value)
    return value


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def arithmetic(operator, a, b):
    if operator == "+":
        return a + b
    if operator == "-":
        return a - b
    if operator == "*":
        return copied(a * b)
    if operator == "@":
        return a @ b
    if operator == "/":
        return a / b
    if operator == "//":
        return a // b
    if operator == "%":
        return a % b
    return a**b if not (is_int(a) and is_int(b) and b < 0) else float(a) ** b


class Function:
    def __init__(self, parameters, body, world, around):
        self.parameters, self.body, self.world, self.around = parameters, body, world, around

    def __call__(self, *arguments, **named):
        own = dict(self.around)
        for at, (name, default) in enumerate(self.parameters):
            if at < len(arguments):
                own[name] = copied(arguments[at])
            elif name in named:
                own[name] = copied(named[name])
            else:
                own[name] = Frame(self.world, own).value(default)
        try:
            Frame(self.world, own).run(self.body)
        except Return as left:
            return left.value
        return None


class Frame:
    """The variables of one call. `world` holds the functions and variables of the top level."""

    def __init__(self, world, own):
        self.world, self.own, self.watched, self.asleep = world, own, [], set()

    def run(self, body):
        last = None
        for statement in body:
            last = getattr(self, "do_" + statement[0])(*statement[1:])
        return last

    def bind(self, name, value):
        before = self.own.get(name)
        self.own[name] = value
        for at, (watched, body) in enumerate(self.watched):
            if watched == name and at not in self.asleep and not same(before, value):
                self.asleep.add(at)
                self.run(body)
                self.asleep.discard(at)

    def do_bind(self, name, value):
        self.bind(name, copied(self.value(value)))

    def do_define(self, name, function):
        if self.own is self.world:
            return
        made = self.value(function)
        made.around[name] = made
        self.own[name] = made

    def do_assign(self, target, value, update=False):
        value = copied(self.value(value))
        if target[0] == "name":
            return self.bind(target[1], value)
        path, root = [], target
        while root[0] in ("index", "field"):
            path.append(self.axes(root[2]) if root[0] == "index" else root[2])
            root = root[1]
        name = root[1]
        whole = copied(self.value(root))
        place = whole
        for step in reversed(path[1:]):
            place = place[step]
        place[path[0]] = value
        self.bind(name, whole)

    def do_value(self, expression):
        return self.value(expression)

    def do_if(self, branches, otherwise):
        for condition, body in branches:
            if self.value(condition):
                return self.run(body)
        return self.run(otherwise)

    def do_while(self, condition, body):
        while self.value(condition):
            try:
                self.run(body)
            except Break:
                return
            except Continue:
                pass

    def do_for(self, name, iterable, body):
        for item in copied(self.value(iterable)):
            self.bind(name, plain(item))
            try:
                self.run(body)
            except Break:
                return
            except Continue:
                pass

    def do_when(self, name, body):
        self.watched.append((name, body))

    def do_break(self):
        raise Break

    def do_continue(self):
        raise Continue

    def do_return(self, value):
        raise Return(None if value is None else self.value(value))

    def value(self, e):
        kind = e[0]
        if kind == "constant":
            return e[1]
        if kind == "paren":
            return self.value(e[1])
        if kind == "name":
            for names in (self.own, self.world, LIBRARY):
                if e[1] in names:
                    return names[e[1]]
            raise NameError(e[1])
        if kind == "list":
            return [self.value(item) for item in e[1]]
        if kind == "record":
            return {name: self.value(item) for name, item in e[1]}
        if kind == "function":
            return Function(e[1], e[2], self.world, {} if self.own is self.world else copy.copy(self.own))
        if kind == "negate":
            return int_of(-self.value(e[1]))
        if kind == "not":
            value = self.value(e[1])
            return ~value if isinstance(value, np.ndarray) else not value
        if kind in ("and", "or"):
            left = self.value(e[1])
            if isinstance(left, np.ndarray):
                return left & self.value(e[2]) if kind == "and" else left | self.value(e[2])
            return left and self.value(e[2]) if kind == "and" else left or self.value(e[2])
        if kind == "compare":
            return self.compared(e[1], e[2])
        if kind == "range":
            step = 1 if e[4] is None else self.value(e[4])
            end = self.value(e[2]) + ((1 if step > 0 else -1) if e[3] else 0)
            return range(self.value(e[1]), end, step)
        if kind == "call":
            return self.called(e[1], e[2])
        if kind == "index":
            return plain(self.indexed(self.value(e[1]), self.axes(e[2])))
        if kind == "field":
            return self.field(e[1], e[2])
        return int_of(plain(arithmetic(kind, self.value(e[1]), self.value(e[2]))))

    def compared(self, operands, operators):
        left = self.value(operands[0])
        for operand, operator in zip(operands[1:], operators):
            right = self.value(operand)
            if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
                return COMPARISONS[operator](left, right)
            if not COMPARISONS[operator](left, right):
                return False
            left = right
        return True

    def called(self, callee, arguments):
        if callee == ("name", "map"):
            return [self.call(arguments[0][1], plain(item)) for item in self.value(arguments[1][1])]
        function = self.value(callee)
        given = [self.value(value) for name, value in arguments if name is None]
        named = {name: self.value(value) for name, value in arguments if name is not None}
        return plain(function(*given, **named))

    def call(self, function, item):
        return self.value(function)(item)

    def indexed(self, target, axes):
        if isinstance(target, range):
            return target[axes]
        return target[axes]

    def axes(self, axes):
        found = []
        for axis in axes:
            if axis[0] == "at":
                found.append(self.value(axis[1]))
                continue
            start, end, step = (None if part is None else self.value(part) for part in (axis[1], axis[2], axis[4]))
            if axis[3] and end is not None:
                end = None if end == -1 else end + 1
            found.append(slice(start, end, step))
        return found[0] if len(found) == 1 else tuple(found)

    def field(self, target, name):
        if target[0] == "name" and target[1] not in self.own and target[1] not in self.world:
            return LIBRARY[f"{target[1]}.{name}"]
        return self.value(target)[name]


def same(a, b):
    return np.array_equal(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else (type(a), a) == (type(b), b)


def plain(value):
    """Elements of tensors are numbers."""
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value[()]
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.floating):
        return float(value)
    return value


COMPARISONS = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
DTYPES = {"f32": np.float32, "f64": np.float64, "i64": np.int64, "bool": np.bool_}


def sized(make, default):
    def of(*shape, dtype=default):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], list) else shape
        return make(tuple(shape), dtype=DTYPES[dtype])

    return of


def spread(f):
    return lambda *given: f(given[0]) if len(given) == 1 else f(given)


LIBRARY = {
    "append": lambda xs, x: [*xs, x],
    "len": len,
    "abs": abs,
    "min": spread(min),
    "max": spread(max),
    "sum": lambda xs: functools.reduce(lambda a, b: a + b, xs, 0),
    "sorted": sorted,
    "reversed": lambda xs: list(reversed(xs)),
    "list": list,
    "int": int,
    "scalar": float,
    "string": lambda x: {True: "true", False: "false"}.get(x, str(x)) if isinstance(x, bool) else str(x),
    "zip": lambda a, b: [list(pair) for pair in zip(a, b)],
    "enumerate": lambda xs: [list(pair) for pair in enumerate(xs)],
    "keys": lambda r: list(r),
    "values": lambda r: list(r.values()),
    "contains": lambda xs, x: x in xs,
    "filter": lambda f, xs: [x for x in xs if f(x)],
    "reduce": lambda f, xs, *start: functools.reduce(f, xs, *start),
    "math.pi": math.pi,
    "math.sqrt": math.sqrt,
    "math.sin": math.sin,
    "math.cos": math.cos,
    "math.exp": math.exp,
    "math.log": math.log,
    "math.floor": lambda x: math.floor(x),
    "math.gcd": math.gcd,
    "string.split": lambda s, by: s.split(by),
    "string.join": lambda xs, by: by.join(xs),
    "string.upper": str.upper,
    "string.replace": lambda s, old, new: s.replace(old, new),
    "tensor.ones": sized(np.ones, "f32"),
    "tensor.zeros": sized(np.zeros, "f32"),
    "tensor.eye": lambda n, dtype="f32": np.eye(n, dtype=DTYPES[dtype]),
    "tensor.arange": lambda *given, dtype: np.arange(*given, dtype=DTYPES[dtype]),
    "tensor.linspace": lambda a, b, n, dtype: np.linspace(a, b, n, dtype=DTYPES[dtype]),
    "tensor.from_list": lambda xs, dtype: np.array(xs, dtype=DTYPES[dtype]),
    "tensor.reshape": lambda t, shape: np.reshape(t, shape),
    "tensor.transpose": np.transpose,
    "tensor.shape": lambda t: list(t.shape),
    "tensor.sum": lambda t, axis=None: np.sum(t, axis=axis),
    "tensor.mean": lambda t, axis=None: np.mean(t, axis=axis),
    "tensor.max": lambda t, axis=None: np.max(t, axis=axis),
    "tensor.min": lambda t, axis=None: np.min(t, axis=axis),
    "tensor.cumsum": lambda t, axis: np.cumsum(t, axis=axis),
    "tensor.argmax": lambda t, axis=None: np.argmax(t, axis=axis),
    "tensor.exp": np.exp,
    "tensor.sqrt": np.sqrt,
    "tensor.sin": np.sin,
    "tensor.abs": np.abs,
    "tensor.maximum": np.maximum,
    "tensor.where": np.where,
    "tensor.outer": np.outer,
    "tensor.stack": np.stack,
    "tensor.concat": np.concatenate,
    "tensor.item": lambda t: np.asarray(t).item(),
    "linalg.solve": np.linalg.solve,
    "linalg.det": np.linalg.det,
    "linalg.inv": np.linalg.inv,
}


def run(text):
    body = Parser(text).block(())
    world = {}
    for statement in body:
        if statement[0] == "define":
            world[statement[1]] = Function(statement[2][1], statement[2][2], world, {})
    named = list(world)
    result = Frame(world, world).run(body)
    statements = [statement for statement in body if statement[0] != "define"]
    if "main" in world:
        return world["main"]()
    return world[named[0]]() if len(named) == 1 and not statements else result


def written(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, range)):
        return [written(item) for item in value]
    if isinstance(value, dict):
        return {name: written(item) for name, item in value.items()}
    return value


if __name__ == "__main__":
    results = {path.name: written(run(path.read_text())) for path in sorted(HERE.glob("*.mcode"))}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(result, ensure_ascii=False)}" for name, result in results.items())
    (HERE / "expected.json").write_text("{\n" + lines + "\n}\n")
    print(f"{len(results)} programs")
