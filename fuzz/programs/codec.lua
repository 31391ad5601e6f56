-- Bits and bytes: CRC-32, Adler-32, SHA-256, base64, run lengths, variable-length integers, packed records.
local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xEDB88320 ~ (c >> 1) or c >> 1 end
  crc_table[i] = c
end
local function crc32(s)
  local c = 0xFFFFFFFF
  for i = 1, #s do c = crc_table[(c ~ s:byte(i)) & 0xFF] ~ (c >> 8) end
  return c ~ 0xFFFFFFFF
end

local function adler32(s)
  local a, b = 1, 0
  for i = 1, #s do
    a = (a + s:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return b << 16 | a
end

-- Round constants: fractional parts of the cube roots of the first 64 primes, and of eight square roots.
local function primes(count)
  local found, n = {}, 2
  while #found < count do
    local prime = true
    for _, p in ipairs(found) do
      if p * p > n then break end
      if n % p == 0 then prime = false break end
    end
    if prime then found[#found + 1] = n end
    n = n + 1
  end
  return found
end
-- The first 32 bits after the point, by integer search: exact, unlike a power.
local function root_fraction(n, degree)
  local whole = 0
  while (whole + 1) ^ degree <= n do whole = whole + 1 end
  local bits, x = 0, whole + 0.0
  for i = 1, 32 do
    local candidate = x + 2.0 ^ -i
    if candidate ^ degree <= n then
      x = candidate
      bits = bits | 1 << (32 - i)
    end
  end
  return bits
end
local K, H = {}, {}
for i, p in ipairs(primes(64)) do
  K[i] = root_fraction(p, 3)
  if i <= 8 then H[i] = root_fraction(p, 2) end
end

local function rotate(x, n) return (x >> n | x << (32 - n)) & 0xFFFFFFFF end
local function sha256(message)
  local padded = message .. "\x80" .. ("\0"):rep(-(#message + 9) % 64) .. string.pack(">I8", #message * 8)
  local h = table.move(H, 1, 8, 1, {})
  for block = 1, #padded, 64 do
    local w = {string.unpack(">" .. ("I4"):rep(16), padded, block)}
    for i = 17, 64 do
      local a, b = w[i - 15], w[i - 2]
      local s0 = rotate(a, 7) ~ rotate(a, 18) ~ (a >> 3)
      local s1 = rotate(b, 17) ~ rotate(b, 19) ~ (b >> 10)
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) & 0xFFFFFFFF
    end
    local a, b, c, d, e, f, g, k = table.unpack(h, 1, 8)
    for i = 1, 64 do
      local s1 = rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25)
      local t1 = k + s1 + ((e & f) ~ (~e & g)) + K[i] + w[i]
      local s0 = rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22)
      local t2 = s0 + ((a & b) ~ (a & c) ~ (b & c))
      k, g, f, e, d, c, b, a = g, f, e, (d + t1) & 0xFFFFFFFF, c, b, a, (t1 + t2) & 0xFFFFFFFF
    end
    for i, v in ipairs {a, b, c, d, e, f, g, k} do h[i] = (h[i] + v) & 0xFFFFFFFF end
  end
  return (("%08x"):rep(8):format(table.unpack(h, 1, 8)))
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local values = {}
for i = 1, 64 do values[alphabet:byte(i)] = i - 1 end
local function encode64(s)
  local out = {}
  for i = 1, #s, 3 do
    local a, b, c = s:byte(i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for shift = 18, 0, -6 do
      local index = (bits >> shift & 63) + 1
      out[#out + 1] = alphabet:sub(index, index)
    end
    if not c then out[#out] = "=" end
    if not b then out[#out - 1] = "=" end
  end
  return table.concat(out)
end
local function decode64(s)
  local bits, count, out = 0, 0, {}
  for i = 1, #s do
    local value = values[s:byte(i)]
    if value then
      bits, count = (bits << 6 | value) & 0xFFFFFF, count + 6
      if count >= 8 then
        count = count - 8
        out[#out + 1] = string.char(bits >> count & 0xFF)
      end
    end
  end
  return table.concat(out)
end

local function run_lengths(s)
  local out, i = {}, 1
  while i <= #s do
    local j = i
    while j < #s and s:byte(j + 1) == s:byte(i) do j = j + 1 end
    out[#out + 1] = (j - i + 1) .. s:sub(i, i)
    i = j + 1
  end
  return table.concat(out)
end

local function write_varint(n)
  local out = {}
  repeat
    local byte = n & 0x7F
    n = n >> 7
    out[#out + 1] = string.char(n == 0 and byte or byte | 0x80)
  until n == 0
  return table.concat(out)
end
local function read_varint(s, at)
  local n, shift = 0, 0
  while true do
    local byte = s:byte(at)
    n = n | (byte & 0x7F) << shift
    at, shift = at + 1, shift + 7
    if byte < 0x80 then return n, at end
  end
end

for _, s in ipairs {"", "a", "abc", "123456789", ("The quick brown fox "):rep(9), "\0\255\128"} do
  print(#s, ("%08x %08x"):format(crc32(s), adler32(s)), encode64(s):sub(1, 24), decode64(encode64(s)) == s)
end
print(sha256 "")
print(sha256 "abc")
print(sha256(("a"):rep(200)))
print(run_lengths "aaabbbccd", run_lengths(("x"):rep(300)))
local stream, numbers = {}, {0, 1, 127, 128, 300, 1 << 31, math.maxinteger, -1}
for i, n in ipairs(numbers) do stream[i] = write_varint(n) end
local joined, at = table.concat(stream), 1
for _, n in ipairs(numbers) do
  local value
  value, at = read_varint(joined, at)
  if value ~= n then print("WRONG", n, value) end
end
print(#joined, at)
local record = string.pack("<!4 i1 i4 s2 d z", -5, 123456, "name", 2.5, "end")
print(#record, string.unpack("<!4 i1 i4 s2 d z", record))
