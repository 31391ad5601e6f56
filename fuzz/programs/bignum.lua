-- Whole numbers of any size, in digits of base 10^7, with the operators that Lua offers.
local BASE, WIDTH = 10000000, 7
local Big = {} Big.__index = Big

local function trim(digits)
  while #digits > 1 and digits[#digits] == 0 do digits[#digits] = nil end
  return setmetatable(digits, Big)
end

local function big(value)
  if getmetatable(value) == Big then return value end
  local digits = {}
  if type(value) == "string" then
    for stop = #value, 1, -WIDTH do
      digits[#digits + 1] = tonumber(value:sub(math.max(1, stop - WIDTH + 1), stop))
    end
  else
    repeat
      digits[#digits + 1] = value % BASE
      value = value // BASE
    until value == 0
  end
  return trim(digits)
end

function Big.__add(a, b)
  a, b = big(a), big(b)
  local sum, carry = {}, 0
  for i = 1, math.max(#a, #b) do
    local digit = (a[i] or 0) + (b[i] or 0) + carry
    if digit >= BASE then sum[i], carry = digit - BASE, 1 else sum[i], carry = digit, 0 end
  end
  if carry > 0 then sum[#sum + 1] = carry end
  return trim(sum)
end

function Big.__sub(a, b)
  a, b = big(a), big(b)
  if a < b then error("negative result", 2) end
  local difference, borrow = {}, 0
  for i = 1, #a do
    local digit = a[i] - (b[i] or 0) - borrow
    if digit < 0 then difference[i], borrow = digit + BASE, 1 else difference[i], borrow = digit, 0 end
  end
  return trim(difference)
end

function Big.__mul(a, b)
  a, b = big(a), big(b)
  local product = {}
  for i = 1, #a + #b do product[i] = 0 end
  for i = 1, #a do
    local carry, digit = 0, a[i]
    for j = 1, #b do
      local cell = product[i + j - 1] + digit * b[j] + carry
      carry = cell // BASE
      product[i + j - 1] = cell % BASE
    end
    product[i + #b] = product[i + #b] + carry
  end
  return trim(product)
end

-- Division by a number that fits a digit.
local function divide_small(a, n)
  local quotient, rest = {}, 0
  for i = #a, 1, -1 do
    local cell = rest * BASE + a[i]
    quotient[i] = cell // n
    rest = cell % n
  end
  return trim(quotient), rest
end

function Big.__idiv(a, b) return (divide_small(big(a), b)) end
function Big.__mod(a, b) return select(2, divide_small(big(a), b)) end

function Big.__pow(a, n)
  local result = big(1)
  while n > 0 do
    if n & 1 == 1 then result = result * a end
    a, n = a * a, n >> 1
  end
  return result
end

function Big.__lt(a, b)
  a, b = big(a), big(b)
  if #a ~= #b then return #a < #b end
  for i = #a, 1, -1 do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return false
end
function Big.__le(a, b) return not (big(b) < a) end
function Big.__eq(a, b) return not (a < b) and not (b < a) end

function Big.__tostring(a)
  local text = {}
  for i = #a, 1, -1 do
    text[#text + 1] = i == #a and tostring(a[i]) or string.format("%0" .. WIDTH .. "d", a[i])
  end
  return table.concat(text)
end

local function factorial(n)
  local product = big(1)
  for i = 2, n do product = product * i end
  return product
end

local function fibonacci(n)
  local a, b = big(0), big(1)
  for _ = 1, n do a, b = b, a + b end
  return a
end

print(factorial(60))
print(fibonacci(300))
print(big(2) ^ 400)
print(big "123456789012345678901234567890" * "987654321098765432109876543210")
print(big "1000000000000000000000" - 1, pcall(function() return big(1) - 2 end))
print((big(3) ^ 200) // 9999991, (big(3) ^ 200) % 9999991)
print(big(5) < 7, big "99999999" < 99999999, big "99999999" <= 99999999, big(1) == big "1", big(7) ~= big(8))

-- A sum of digits, and the identity of Cassini.
local digits = 0
for digit in tostring(factorial(60)):gmatch "%d" do digits = digits + tonumber(digit) end
print(digits)
for n = 10, 12 do
  local left, right = fibonacci(n + 1) * fibonacci(n - 1), fibonacci(n) * fibonacci(n)
  print(n, left, right, n % 2 == 0 and left - right or right - left)
end

-- Digits of pi by a spigot.
local function pi_digits(count)
  local length = count * 10 // 3 + 1
  local cells, out, nines, held = {}, {}, 0, 0
  for i = 1, length do cells[i] = 2 end
  for _ = 1, count do
    local carry = 0
    for i = length, 1, -1 do
      local x = 10 * cells[i] + carry * i
      cells[i] = x % (2 * i - 1)
      carry = x // (2 * i - 1)
    end
    cells[1] = carry % 10
    carry = carry // 10
    if carry == 9 then
      nines = nines + 1
    elseif carry == 10 then
      out[#out + 1] = held + 1
      for _ = 1, nines do out[#out + 1] = 0 end
      held, nines = 0, 0
    else
      out[#out + 1] = held
      for _ = 1, nines do out[#out + 1] = 9 end
      held, nines = carry, 0
    end
  end
  return table.concat(out)
end
print(pi_digits(60))
