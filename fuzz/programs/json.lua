-- A JSON encoder and decoder. Prints a round trip, sorted keys, escapes, numbers, and error messages.

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c)
    return escapes[c] or string.format("\\u%04x", c:byte())
  end) .. '"'
end

local null = setmetatable({}, {__tostring = function() return "null" end})

local encode

local function encode_array(list, out)
  out[#out + 1] = "["
  for i = 1, #list do
    if i > 1 then out[#out + 1] = "," end
    encode(list[i], out)
  end
  out[#out + 1] = "]"
end

local function encode_object(object, out)
  local keys = {}
  for key in pairs(object) do keys[#keys + 1] = key end
  table.sort(keys)
  out[#out + 1] = "{"
  for i, key in ipairs(keys) do
    if i > 1 then out[#out + 1] = "," end
    out[#out + 1] = quote(key)
    out[#out + 1] = ":"
    encode(object[key], out)
  end
  out[#out + 1] = "}"
end

function encode(value, out)
  local kind = type(value)
  if value == null then out[#out + 1] = "null"
  elseif kind == "boolean" then out[#out + 1] = tostring(value)
  elseif kind == "string" then out[#out + 1] = quote(value)
  elseif kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      error("no JSON for " .. tostring(value), 0)
    end
    out[#out + 1] = math.type(value) == "integer" and tostring(value) or string.format("%.17g", value)
  elseif kind ~= "table" then error("no JSON for a " .. kind, 0)
  elseif #value > 0 or next(value) == nil then encode_array(value, out)
  else encode_object(value, out) end
end

local function to_json(value)
  local out = {}
  encode(value, out)
  return table.concat(out)
end

local Decoder = {}
Decoder.__index = Decoder

function Decoder:fail(message)
  error(string.format("%s at byte %d", message, self.at), 0)
end

function Decoder:skip()
  local text, at = self.text, self.at
  while true do
    local byte = text:byte(at)
    if byte == 32 or byte == 9 or byte == 10 or byte == 13 then at = at + 1 else break end
  end
  self.at = at
  return text:byte(at)
end

function Decoder:hex()
  local digits = self.text:match("^%x%x%x%x", self.at)
  if not digits then self:fail("four hexadecimal digits expected") end
  self.at = self.at + 4
  return tonumber(digits, 16)
end

local plain = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/"}

function Decoder:string()
  local text, parts = self.text, {}
  self.at = self.at + 1
  while true do
    local from = self.at
    local at = from
    local byte = text:byte(at)
    while byte and byte ~= 34 and byte ~= 92 and byte >= 32 do
      at = at + 1
      byte = text:byte(at)
    end
    parts[#parts + 1] = text:sub(from, at - 1)
    self.at = at + 1
    if byte == 34 then return table.concat(parts) end
    if byte ~= 92 then
      self.at = at
      self:fail("unfinished string")
    end
    local letter = text:sub(at + 1, at + 1)
    self.at = at + 2
    if letter == "u" then
      local code = self:hex()
      if code >= 0xD800 and code < 0xDC00 and text:sub(self.at, self.at + 1) == "\\u" then
        self.at = self.at + 2
        code = 0x10000 + ((code - 0xD800) << 10) + (self:hex() - 0xDC00)
      end
      parts[#parts + 1] = utf8.char(code)
    else
      parts[#parts + 1] = plain[letter] or self:fail("unknown escape")
    end
  end
end

function Decoder:number()
  local text = self.text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", self.at)
  local number = text and tonumber(text)
  if not number then self:fail("number expected") end
  self.at = self.at + #text
  return number
end

function Decoder:array()
  local list, n = {}, 0
  self.at = self.at + 1
  if self:skip() == 93 then
    self.at = self.at + 1
    return list
  end
  while true do
    n = n + 1
    list[n] = self:value()
    local byte = self:skip()
    self.at = self.at + 1
    if byte == 93 then return list end
    if byte ~= 44 then self:fail("',' or ']' expected") end
  end
end

function Decoder:object()
  local object = {}
  self.at = self.at + 1
  if self:skip() == 125 then
    self.at = self.at + 1
    return object
  end
  while true do
    if self:skip() ~= 34 then self:fail("a key expected") end
    local key = self:string()
    if self:skip() ~= 58 then self:fail("':' expected") end
    self.at = self.at + 1
    object[key] = self:value()
    local byte = self:skip()
    self.at = self.at + 1
    if byte == 125 then return object end
    if byte ~= 44 then self:fail("',' or '}' expected") end
  end
end

local words = {["true"] = true, ["false"] = false, null = null}

function Decoder:value()
  local byte = self:skip()
  if byte == 34 then return self:string() end
  if byte == 91 then return self:array() end
  if byte == 123 then return self:object() end
  local word = self.text:match("^%a+", self.at)
  if word then
    if words[word] == nil then self:fail("unknown word '" .. word .. "'") end
    self.at = self.at + #word
    return words[word]
  end
  return self:number()
end

local function from_json(text)
  local decoder = setmetatable({text = text, at = 1}, Decoder)
  local value = decoder:value()
  if decoder:skip() then decoder:fail("end of text expected") end
  return value
end

local function check(condition, what)
  if not condition then error("wrong: " .. what) end
end

-- A document of some size: encode, decode, encode again.
local document = {title = "measurements", empty = {}, none = null, rows = {}}
for i = 1, 120 do
  document.rows[i] = {
    id = i, name = "row\t" .. i, half = i / 2, even = i % 2 == 0, big = i << 40,
    tags = {"a" .. i % 3, '"quoted"', "\u{e9}\u{1F600}"}, nested = {x = {y = {z = -i}}},
  }
end
local text = to_json(document)
local again = from_json(text)
check(to_json(again) == text, "round trip")
check(#again.rows == 120 and again.rows[7].half == 3.5 and again.rows[8].even == true, "content")
check(math.type(again.rows[3].big) == "integer" and again.none == null, "types")

local sum = 0
for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 1000000007 end
print(#text, #again.rows, sum == 0)
print(to_json(from_json('  {"b":[1,2.5,-3e2,[]],"a":{"k":"\\u00e9\\ud83d\\ude00\\/"},"t":[true,false,null]} ')))
for _, bad in ipairs {'[1,2', '{"a" 1}', '"abc', '[1,]', 'nul', '{"a":"\\x"}', '[1] 2', '"\\u12g4"'} do
  print(bad, select(2, pcall(from_json, bad)))
end
print(pcall(to_json, {-1 / 0}))
print(pcall(to_json, {print}))
