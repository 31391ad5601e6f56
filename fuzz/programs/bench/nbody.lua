-- Five bodies, fields of records.
local function body(x, y, z, vx, vy, vz, mass)
  return { x = x, y = y, z = z, vx = vx, vy = vy, vz = vz, mass = mass }
end
local pi = math.pi
local solar, days = 4 * pi * pi, 365.24
local bodies = {
  body(0, 0, 0, 0, 0, 0, solar),
  body(4.84143144246472090, -1.16032004402742839, -0.103622044471123109, 0.00166007664274403694 * days,
    0.00769901118419740425 * days, -0.0000690460016972063023 * days, 0.000954791938424326609 * solar),
  body(8.34336671824457987, 4.12479856412430479, -0.403523417114321381, -0.00276742510726411 * days,
    0.00499852801234917238 * days, 0.0000230417297573763929 * days, 0.000285885980666130812 * solar),
  body(12.8943695621391310, -15.1111514016986312, -0.223307578892655734, 0.00296460137564761618 * days,
    0.00237847173959480950 * days, -0.0000296589568540237556 * days, 0.0000436624404335156298 * solar),
  body(15.3796971148509165, -25.9193146099879641, 0.179258772950371181, 0.00268067772490389322 * days,
    0.00162824170038242295 * days, -0.0000951592254519715870 * days, 0.0000515138902046611451 * solar),
}
local function advance(dt)
  for i = 1, #bodies do
    local a = bodies[i]
    for j = i + 1, #bodies do
      local b = bodies[j]
      local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
      local squared = dx * dx + dy * dy + dz * dz
      local magnitude = dt / (squared * math.sqrt(squared))
      a.vx, a.vy, a.vz = a.vx - dx * b.mass * magnitude, a.vy - dy * b.mass * magnitude, a.vz - dz * b.mass * magnitude
      b.vx, b.vy, b.vz = b.vx + dx * a.mass * magnitude, b.vy + dy * a.mass * magnitude, b.vz + dz * a.mass * magnitude
    end
  end
  for i = 1, #bodies do
    local a = bodies[i]
    a.x, a.y, a.z = a.x + dt * a.vx, a.y + dt * a.vy, a.z + dt * a.vz
  end
end
for _ = 1, 8000 do advance(0.01) end
return string.format("%.9f %.9f", bodies[1].x, bodies[5].y)
