"""The benchmark programs in Python: `peers.py [numba] NAME RUNS`. Prints seconds and the result of each run."""

import math
import sys
import time


def jit(function):
    return function


if sys.argv[1:2] == ["numba"]:
    import numba

    jit = numba.njit


@jit
def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


@jit
def mandelbrot(n):
    inside = 0
    for row in range(n):
        ci = 2.0 * row / n - 1.0
        for column in range(n):
            cr = 2.0 * column / n - 1.5
            zr = 0.0
            zi = 0.0
            steps = 0
            while steps < 50 and zr * zr + zi * zi <= 4.0:
                t = zr * zr - zi * zi + cr
                zi = 2.0 * zr * zi + ci
                zr = t
                steps = steps + 1
            if steps == 50:
                inside = inside + 1
    return inside


@jit
def nbody(n):
    solar = 4.0 * 3.141592653589793 * 3.141592653589793
    year = 365.24
    x = [0.0, 4.84143144246472090, 8.34336671824457987, 12.8943695621391310, 15.3796971148509165]
    y = [0.0, -1.16032004402742839, 4.12479856412430479, -15.1111514016986312, -25.9193146099879641]
    z = [0.0, -0.103622044471123109, -0.403523417114321381, -0.223307578892655734, 0.179258772950371181]
    vx = [0.0, 0.00166007664274403694 * year, -0.00276742510726411028 * year, 0.00296460137564761618 * year, 0.00268067772490389322 * year]
    vy = [0.0, 0.00769901118419740425 * year, 0.00499852801234917238 * year, 0.00237847173959480950 * year, 0.00162824170038242295 * year]
    vz = [0.0, -0.0000690460016972063023 * year, 0.0000230417297573763929 * year, -0.0000296589568540237556 * year, -0.0000951592254519715870 * year]
    mass = [solar, 0.000954791938424326609 * solar, 0.000285885980666130812 * solar, 0.0000436624404335156298 * solar, 0.0000515138902046611451 * solar]
    px = py = pz = 0.0
    for i in range(5):
        px += vx[i] * mass[i]
        py += vy[i] * mass[i]
        pz += vz[i] * mass[i]
    vx[0] = -px / solar
    vy[0] = -py / solar
    vz[0] = -pz / solar
    dt = 0.01
    for _ in range(n):
        for i in range(5):
            for j in range(i + 1, 5):
                dx = x[i] - x[j]
                dy = y[i] - y[j]
                dz = z[i] - z[j]
                square = dx * dx + dy * dy + dz * dz
                force = dt / (square * math.sqrt(square))
                vx[i] = vx[i] - dx * mass[j] * force
                vy[i] = vy[i] - dy * mass[j] * force
                vz[i] = vz[i] - dz * mass[j] * force
                vx[j] = vx[j] + dx * mass[i] * force
                vy[j] = vy[j] + dy * mass[i] * force
                vz[j] = vz[j] + dz * mass[i] * force
        for i in range(5):
            x[i] = x[i] + dt * vx[i]
            y[i] = y[i] + dt * vy[i]
            z[i] = z[i] + dt * vz[i]
    e = 0.0
    for i in range(5):
        e = e + 0.5 * mass[i] * (vx[i] * vx[i] + vy[i] * vy[i] + vz[i] * vz[i])
        for j in range(i + 1, 5):
            dx = x[i] - x[j]
            dy = y[i] - y[j]
            dz = z[i] - z[j]
            e = e - mass[i] * mass[j] / math.sqrt(dx * dx + dy * dy + dz * dz)
    return e


@jit
def a(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


@jit
def times(v, n):
    out = [0.0] * n
    for i in range(n):
        s = 0.0
        for j in range(n):
            s = s + a(i, j) * v[j]
        out[i] = s
    return out


@jit
def times_transposed(v, n):
    out = [0.0] * n
    for i in range(n):
        s = 0.0
        for j in range(n):
            s = s + a(j, i) * v[j]
        out[i] = s
    return out


@jit
def spectral(n):
    u = [1.0] * n
    v = u
    for _ in range(10):
        v = times_transposed(times(u, n), n)
        u = times_transposed(times(v, n), n)
    uv = 0.0
    vv = 0.0
    for i in range(n):
        uv = uv + u[i] * v[i]
        vv = vv + v[i] * v[i]
    return math.sqrt(uv / vv)


@jit
def sieve(n):
    prime = [True] * (n + 1)
    prime[0] = False
    prime[1] = False
    i = 2
    while i * i <= n:
        if prime[i]:
            j = i * i
            while j <= n:
                prime[j] = False
                j = j + i
        i = i + 1
    count = 0
    for k in range(n + 1):
        if prime[k]:
            count = count + 1
    return count


SIZES = {"fib": 32, "mandelbrot": 400, "nbody": 200_000, "spectral": 300, "sieve": 2_000_000}

if __name__ == "__main__":
    name, runs = sys.argv[-2], int(sys.argv[-1])
    function = {"fib": fib, "mandelbrot": mandelbrot, "nbody": nbody, "spectral": spectral, "sieve": sieve}[name]
    for _ in range(runs):
        start = time.process_time()
        result = function(SIZES[name])
        print(time.process_time() - start, result)
