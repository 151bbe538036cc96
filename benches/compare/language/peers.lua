-- The benchmark programs in Lua 5.4 and LuaJIT: `peers.lua NAME RUNS`. Prints seconds and the result
-- of each run.
local floor, sqrt = math.floor, math.sqrt

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

local function mandelbrot(n)
  local inside = 0
  for row = 0, n - 1 do
    local ci = 2.0 * row / n - 1.0
    for column = 0, n - 1 do
      local cr = 2.0 * column / n - 1.5
      local zr, zi, steps = 0.0, 0.0, 0
      while steps < 50 and zr * zr + zi * zi <= 4.0 do
        local t = zr * zr - zi * zi + cr
        zi = 2.0 * zr * zi + ci
        zr = t
        steps = steps + 1
      end
      if steps == 50 then inside = inside + 1 end
    end
  end
  return inside
end

local function nbody(n)
  local solar, year = 4.0 * 3.141592653589793 * 3.141592653589793, 365.24
  local x = {0.0, 4.84143144246472090, 8.34336671824457987, 12.8943695621391310, 15.3796971148509165}
  local y = {0.0, -1.16032004402742839, 4.12479856412430479, -15.1111514016986312, -25.9193146099879641}
  local z = {0.0, -0.103622044471123109, -0.403523417114321381, -0.223307578892655734, 0.179258772950371181}
  local vx = {0.0, 0.00166007664274403694 * year, -0.00276742510726411028 * year, 0.00296460137564761618 * year, 0.00268067772490389322 * year}
  local vy = {0.0, 0.00769901118419740425 * year, 0.00499852801234917238 * year, 0.00237847173959480950 * year, 0.00162824170038242295 * year}
  local vz = {0.0, -0.0000690460016972063023 * year, 0.0000230417297573763929 * year, -0.0000296589568540237556 * year, -0.0000951592254519715870 * year}
  local mass = {solar, 0.000954791938424326609 * solar, 0.000285885980666130812 * solar, 0.0000436624404335156298 * solar, 0.0000515138902046611451 * solar}
  local px, py, pz = 0.0, 0.0, 0.0
  for i = 1, 5 do
    px = px + vx[i] * mass[i]
    py = py + vy[i] * mass[i]
    pz = pz + vz[i] * mass[i]
  end
  vx[1], vy[1], vz[1] = -px / solar, -py / solar, -pz / solar
  local dt = 0.01
  for _ = 1, n do
    for i = 1, 5 do
      for j = i + 1, 5 do
        local dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
        local square = dx * dx + dy * dy + dz * dz
        local force = dt / (square * sqrt(square))
        vx[i] = vx[i] - dx * mass[j] * force
        vy[i] = vy[i] - dy * mass[j] * force
        vz[i] = vz[i] - dz * mass[j] * force
        vx[j] = vx[j] + dx * mass[i] * force
        vy[j] = vy[j] + dy * mass[i] * force
        vz[j] = vz[j] + dz * mass[i] * force
      end
    end
    for i = 1, 5 do
      x[i] = x[i] + dt * vx[i]
      y[i] = y[i] + dt * vy[i]
      z[i] = z[i] + dt * vz[i]
    end
  end
  local e = 0.0
  for i = 1, 5 do
    e = e + 0.5 * mass[i] * (vx[i] * vx[i] + vy[i] * vy[i] + vz[i] * vz[i])
    for j = i + 1, 5 do
      local dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
      e = e - mass[i] * mass[j] / sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return e
end

local function a(i, j) return 1.0 / (floor((i + j) * (i + j + 1) / 2) + i + 1) end

local function times(v, n)
  local out = {}
  for i = 0, n - 1 do
    local s = 0.0
    for j = 0, n - 1 do s = s + a(i, j) * v[j + 1] end
    out[i + 1] = s
  end
  return out
end

local function times_transposed(v, n)
  local out = {}
  for i = 0, n - 1 do
    local s = 0.0
    for j = 0, n - 1 do s = s + a(j, i) * v[j + 1] end
    out[i + 1] = s
  end
  return out
end

local function spectral(n)
  local u, v = {}, nil
  for i = 1, n do u[i] = 1.0 end
  for _ = 1, 10 do
    v = times_transposed(times(u, n), n)
    u = times_transposed(times(v, n), n)
  end
  local uv, vv = 0.0, 0.0
  for i = 1, n do
    uv = uv + u[i] * v[i]
    vv = vv + v[i] * v[i]
  end
  return sqrt(uv / vv)
end

local function sieve(n)
  local prime = {}
  for i = 0, n do prime[i] = true end
  prime[0], prime[1] = false, false
  local i = 2
  while i * i <= n do
    if prime[i] then
      local j = i * i
      while j <= n do
        prime[j] = false
        j = j + i
      end
    end
    i = i + 1
  end
  local count = 0
  for k = 0, n do if prime[k] then count = count + 1 end end
  return count
end

local programs = {fib = fib, mandelbrot = mandelbrot, nbody = nbody, spectral = spectral, sieve = sieve}
local sizes = {fib = 32, mandelbrot = 400, nbody = 200000, spectral = 300, sieve = 2000000}
local name, runs = arg[1], tonumber(arg[2] or 1)
for _ = 1, runs do
  local start = os.clock()
  local result = programs[name](sizes[name])
  print(os.clock() - start, result)
end
