//! The benchmark programs in Rust, for `rustc -O`: `peers NAME RUNS`. Prints seconds and the result of each run.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Seconds that the processor worked for this thread, or else those that went by. The system brings its count up to date
/// when the thread stops for a moment, else only every few milliseconds.
fn seconds(start: Instant) -> f64 {
    std::thread::park_timeout(Duration::from_micros(1));
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counted.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |n| n * 1e-9)
}

fn fib(n: i64) -> i64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

fn mandelbrot(n: i64) -> i64 {
    let mut inside = 0;
    for row in 0..n {
        let ci = 2.0 * row as f64 / n as f64 - 1.0;
        for column in 0..n {
            let cr = 2.0 * column as f64 / n as f64 - 1.5;
            let (mut zr, mut zi, mut steps) = (0.0f64, 0.0f64, 0);
            while steps < 50 && zr * zr + zi * zi <= 4.0 {
                let t = zr * zr - zi * zi + cr;
                zi = 2.0 * zr * zi + ci;
                zr = t;
                steps += 1;
            }
            inside += i64::from(steps == 50);
        }
    }
    inside
}

fn nbody(n: i64) -> f64 {
    let solar = 4.0 * std::f64::consts::PI * std::f64::consts::PI;
    let year = 365.24;
    let mut x = vec![0.0, 4.84143144246472090, 8.34336671824457987, 12.8943695621391310, 15.3796971148509165];
    let mut y = vec![0.0, -1.16032004402742839, 4.12479856412430479, -15.1111514016986312, -25.9193146099879641];
    let mut z = vec![0.0, -0.103622044471123109, -0.403523417114321381, -0.223307578892655734, 0.179258772950371181];
    let mut vx = vec![0.0, 0.00166007664274403694 * year, -0.00276742510726411028 * year, 0.00296460137564761618 * year, 0.00268067772490389322 * year];
    let mut vy = vec![0.0, 0.00769901118419740425 * year, 0.00499852801234917238 * year, 0.00237847173959480950 * year, 0.00162824170038242295 * year];
    let mut vz = vec![0.0, -0.0000690460016972063023 * year, 0.0000230417297573763929 * year, -0.0000296589568540237556 * year, -0.0000951592254519715870 * year];
    let mass = vec![solar, 0.000954791938424326609 * solar, 0.000285885980666130812 * solar, 0.0000436624404335156298 * solar, 0.0000515138902046611451 * solar];
    let (mut px, mut py, mut pz) = (0.0, 0.0, 0.0);
    for i in 0..5 {
        px += vx[i] * mass[i];
        py += vy[i] * mass[i];
        pz += vz[i] * mass[i];
    }
    (vx[0], vy[0], vz[0]) = (-px / solar, -py / solar, -pz / solar);
    let dt = 0.01;
    for _ in 0..n {
        for i in 0..5 {
            for j in i + 1..5 {
                let (dx, dy, dz): (f64, f64, f64) = (x[i] - x[j], y[i] - y[j], z[i] - z[j]);
                let square = dx * dx + dy * dy + dz * dz;
                let force = dt / (square * square.sqrt());
                vx[i] -= dx * mass[j] * force;
                vy[i] -= dy * mass[j] * force;
                vz[i] -= dz * mass[j] * force;
                vx[j] += dx * mass[i] * force;
                vy[j] += dy * mass[i] * force;
                vz[j] += dz * mass[i] * force;
            }
        }
        for i in 0..5 {
            x[i] += dt * vx[i];
            y[i] += dt * vy[i];
            z[i] += dt * vz[i];
        }
    }
    let mut e = 0.0;
    for i in 0..5 {
        e += 0.5 * mass[i] * (vx[i] * vx[i] + vy[i] * vy[i] + vz[i] * vz[i]);
        for j in i + 1..5 {
            let (dx, dy, dz): (f64, f64, f64) = (x[i] - x[j], y[i] - y[j], z[i] - z[j]);
            e -= mass[i] * mass[j] / (dx * dx + dy * dy + dz * dz).sqrt();
        }
    }
    e
}

fn a(i: usize, j: usize) -> f64 {
    1.0 / ((i + j) * (i + j + 1) / 2 + i + 1) as f64
}

fn times(v: &[f64], n: usize, transposed: bool) -> Vec<f64> {
    let entry = |i, j| if transposed { a(j, i) } else { a(i, j) };
    (0..n).map(|i| (0..n).fold(0.0, |s, j| s + entry(i, j) * v[j])).collect()
}

fn spectral(n: i64) -> f64 {
    let n = n as usize;
    let mut u = vec![1.0; n];
    let mut v = u.clone();
    for _ in 0..10 {
        v = times(&times(&u, n, false), n, true);
        u = times(&times(&v, n, false), n, true);
    }
    let uv: f64 = u.iter().zip(&v).map(|(u, v)| u * v).sum();
    let vv: f64 = v.iter().map(|v| v * v).sum();
    (uv / vv).sqrt()
}

fn sieve(n: i64) -> i64 {
    let n = n as usize;
    let mut prime = vec![true; n + 1];
    (prime[0], prime[1]) = (false, false);
    let mut i = 2;
    while i * i <= n {
        if prime[i] {
            let mut j = i * i;
            while j <= n {
                prime[j] = false;
                j += i;
            }
        }
        i += 1;
    }
    (0..=n).filter(|&k| prime[k]).count() as i64
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let name = words.get(1).map_or("", String::as_str);
    let runs: usize = words.get(2).map_or(1, |word| word.parse().expect("how many runs?"));
    let start = Instant::now();
    for _ in 0..runs {
        let before = seconds(start);
        let result = match name {
            "fib" => fib(black_box(32)) as f64,
            "mandelbrot" => mandelbrot(black_box(400)) as f64,
            "nbody" => nbody(black_box(200_000)),
            "spectral" => spectral(black_box(300)),
            "sieve" => sieve(black_box(2_000_000)) as f64,
            other => panic!("no program `{other}`"),
        };
        println!("{} {result}", seconds(start) - before);
    }
}
