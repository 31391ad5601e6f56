-- An LZ77 compressor with hash chains, and its decompressor. Prints sizes and whether the copies are equal.

local MIN_MATCH, MAX_MATCH, WINDOW, MAX_CHAIN = 4, 270, 4096, 16

local function hash(text, at)
  local a, b, c, d = text:byte(at, at + 3)
  return (((a * 0x9E3779B1) ~ (b << 21) ~ (c << 9) ~ d * 0x85EBCA6B) >> 7) & 0xFFF
end

local function match_length(text, a, b, limit)
  local n = 0
  while n < limit and text:byte(a + n) == text:byte(b + n) do n = n + 1 end
  return n
end

-- Tokens: a literal run is its length (1 to 127) and the bytes; a match is 128 + length's high bits,
-- then the low byte of the length, then two bytes of distance.
local function compress(text)
  local out, heads, previous = {}, {}, {}
  local literals = {}
  local function flush()
    for first = 1, #literals, 127 do
      local last = math.min(first + 126, #literals)
      out[#out + 1] = string.char(last - first + 1) .. table.concat(literals, "", first, last)
    end
    literals = {}
  end
  local at, size = 1, #text
  while at <= size do
    local best, distance = 0, 0
    if at + MIN_MATCH - 1 <= size then
      local key = hash(text, at)
      local candidate, tries = heads[key], 0
      local limit = math.min(MAX_MATCH, size - at + 1)
      while candidate and at - candidate <= WINDOW and tries < MAX_CHAIN do
        local length = match_length(text, candidate, at, limit)
        if length > best then best, distance = length, at - candidate end
        candidate, tries = previous[candidate], tries + 1
      end
      previous[at], heads[key] = heads[key], at
    end
    if best >= MIN_MATCH then
      flush()
      local length = best - MIN_MATCH
      out[#out + 1] = string.char(128 + (length >> 8), length & 255, distance >> 8, distance & 255)
      for i = at + 1, math.min(at + best - 1, size - MIN_MATCH + 1) do
        local key = hash(text, i)
        previous[i], heads[key] = heads[key], i
      end
      at = at + best
    else
      literals[#literals + 1] = text:sub(at, at)
      at = at + 1
    end
  end
  flush()
  return table.concat(out)
end

local function decompress(packed)
  local out, n, at = {}, 0, 1
  while at <= #packed do
    local token = packed:byte(at)
    if token < 128 then
      for i = at + 1, at + token do
        n = n + 1
        out[n] = packed:byte(i)
      end
      at = at + token + 1
    else
      local low, high, near = packed:byte(at + 1, at + 3)
      local length, distance = ((token - 128) << 8) + low + MIN_MATCH, (high << 8) + near
      for _ = 1, length do
        n = n + 1
        out[n] = out[n - distance]
      end
      at = at + 4
    end
  end
  local parts = {}
  for i = 1, n, 64 do
    parts[#parts + 1] = string.char(table.unpack(out, i, math.min(i + 63, n)))
  end
  return table.concat(parts)
end

local function noise(size, seed)
  local bytes = {}
  for i = 1, size do
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    bytes[i] = string.char(seed >> 16 & 255)
  end
  return table.concat(bytes)
end

local function verse(lines)
  local out = {}
  for i = 1, lines do
    out[i] = string.format("%d green bottles standing on the wall, %d green bottles; ", i, i * 7 % 13)
  end
  return table.concat(out)
end

local function try(name, text)
  local packed = compress(text)
  local copy = decompress(packed)
  if copy ~= text then error(name .. ": the copy differs") end
  print(name, #text, #packed, #packed < #text)
end

try("empty", "")
try("short", "abc")
try("one letter", ("z"):rep(3000))
try("period 5", ("abcde"):rep(500))
try("verse", verse(40))
try("noise", noise(600, 42))
try("mixed", verse(8) .. noise(200, 7) .. verse(8))
