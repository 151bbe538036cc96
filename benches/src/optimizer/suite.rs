//! The programs and shapes that the optimiser is measured on: five patterns, each from small to large.

use nexus_actors::learning::Trial;
use nexus_model::Value;

/// A program with a shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) name: &'static str,
    pub(super) pattern: &'static str,
    source: &'static str,
    pub(super) size: i64,
}

/// Name, pattern, text, and the sizes that `n` takes.
const PROGRAMS: &[(&str, &str, &str, &[i64])] = &[
    (
        "chain",
        "tensor",
        "function main(n: int)\n    x = tensor.linspace(0.0, 1.0, n * n)\n    y = x * 2.0 + 1.0\n    z = (y - x) * 0.5 + y * x\n    \
         w = tensor.exp(z * 0.1) - tensor.sqrt(y + 1.0)\n    return tensor.sum(w * z)\nend\n",
        &[32, 64, 128, 256, 512, 1024],
    ),
    (
        "product",
        "tensor",
        "function main(n: int)\n    x = tensor.reshape(tensor.linspace(0.0, 1.0, n * n), [n, n])\n    y = x @ x\n    \
         return tensor.sum(tensor.relu(y * 0.001 + 1.0))\nend\n",
        &[16, 64, 128, 256, 512],
    ),
    (
        "fib",
        "recursion",
        "function fib(n: int)\n    if n < 2 return n end\n    return fib(n - 1) + fib(n - 2)\nend\n\
         function main(n: int)\n    return fib(n)\nend\n",
        &[10, 12, 14, 16, 18, 20],
    ),
    (
        "takeuchi",
        "recursion",
        "function tak(x: int, y: int, z: int)\n    if y >= x return z end\n    \
         return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))\nend\n\
         function main(n: int)\n    return tak(n, n // 2, 0)\nend\n",
        &[8, 10, 12, 14],
    ),
    (
        "sieve",
        "data",
        "function main(n: int)\n    sieve = [true]\n    for i in 1..n\n        sieve = append(sieve, true)\n    end\n    count = 0\n    \
         for i in 2..n\n        if sieve[i]\n            count = count + 1\n            j = i * i\n            \
         while j < n\n                sieve[j] = false\n                j = j + i\n            end\n        end\n    end\n    \
         return count\nend\n",
        &[500, 1000, 5000, 20000, 50000],
    ),
    (
        "collatz",
        "data",
        "function main(n: int)\n    longest = 0\n    for i in 1..n\n        x = i\n        steps = 0\n        \
         while x != 1\n            if x % 2 == 0\n                x = x // 2\n            else\n                \
         x = 3 * x + 1\n            end\n            steps = steps + 1\n        end\n        \
         if steps > longest\n            longest = steps\n        end\n    end\n    return longest\nend\n",
        &[50, 100, 500, 1000, 2000],
    ),
    (
        "queue",
        "timeline",
        "function main(n: int)\n    free = 0.0\n    late = 0.0\n    clock = 0.0\n    for i in 0..n\n        \
         clock = clock + 1.0 + math.sin(i * 0.7)\n        start = clock\n        if free > clock\n            start = free\n        end\n        \
         free = start + 1.0 + math.cos(i * 1.3)\n        late = late + (start - clock)\n    end\n    return late\nend\n",
        &[200, 1000, 5000, 20000, 100000],
    ),
    (
        "rollouts",
        "timeline",
        "function rollout(k: int)\n    price = 100.0\n    least = price\n    for t in 0..250\n        \
         price = price * (1.0 + 0.01 * math.sin(k * 12.9898 + t * 78.233))\n        if price < least\n            least = price\n        end\n    end\n    \
         return least\nend\nfunction main(n: int)\n    return sum(map(rollout, 0..n))\nend\n",
        &[4, 16, 64, 256],
    ),
    (
        "json",
        "io",
        "function main(n: int)\n    rows = []\n    for i in 0..n\n        rows = append(rows, {id: i, x: i * 0.5})\n    end\n    \
         text = json.format(rows)\n    again = json.parse(text)\n    return len(again)\nend\n",
        &[10, 100, 500, 2000, 8000],
    ),
    (
        "words",
        "io",
        "function main(n: int)\n    text = \"\"\n    for i in 0..n\n        text = text + str(i % 10) + \" \"\n    end\n    \
         return len(text)\nend\n",
        &[50, 200, 1000, 4000],
    ),
];

/// Every pair, as it is: name, pattern, and what makes a trial of it that was never run.
pub(super) fn pairs() -> impl Iterator<Item = Pair> {
    PROGRAMS
        .iter()
        .flat_map(|&(name, pattern, source, sizes)| sizes.iter().map(move |&size| Pair { name, pattern, source, size }))
}

impl Pair {
    /// A trial of the pair that was never run, or why the program does not compile.
    pub(super) fn trial(&self) -> Result<Trial, String> {
        Trial::new(self.name, self.source, vec![("n".to_owned(), Value::Int(self.size))])
    }
}
