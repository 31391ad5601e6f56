-- A tokenizer for Lua. It reads a program with every kind of token and itself in part, and counts.

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return
  then true until while]]):gmatch("%a+") do
  keywords[word] = true
end

local operators = {}
for op in ("... << >> // == ~= <= >= :: .. + - * / % ^ # & ~ | < > = ( ) { } [ ] ; : , ."):gmatch("%S+") do
  operators[#op] = operators[#op] or {}
  operators[#op][op] = true
end

local function is_letter(byte)
  return byte and (byte >= 97 and byte <= 122 or byte >= 65 and byte <= 90 or byte == 95)
end

local function is_digit(byte)
  return byte and byte >= 48 and byte <= 57
end

local function tokens(source)
  local list, at, line = {}, 1, 1
  local function add(kind, text) list[#list + 1] = {kind = kind, text = text, line = line} end
  local function fail(message) error(string.format("line %d: %s", line, message), 0) end

  local function long_bracket()
    local level = source:match("^%[(=*)%[", at)
    if not level then return nil end
    local _, last = source:find("]" .. level .. "]", at, true)
    if not last then fail("unfinished long bracket") end
    return source:sub(at, last)
  end

  local function skip_lines(text)
    for _ in text:gmatch("\n") do line = line + 1 end
    at = at + #text
  end

  while at <= #source do
    local byte = source:byte(at)
    if byte == 10 then
      line, at = line + 1, at + 1
    elseif byte == 32 or byte == 9 or byte == 13 then
      at = at + 1
    elseif is_letter(byte) then
      local last = at
      local next_byte = source:byte(last + 1)
      while is_letter(next_byte) or is_digit(next_byte) do
        last = last + 1
        next_byte = source:byte(last + 1)
      end
      local word = source:sub(at, last)
      add(keywords[word] and "keyword" or "name", word)
      at = last + 1
    elseif is_digit(byte) or byte == 46 and is_digit(source:byte(at + 1)) then
      local text = source:match("^0[xX][%x.]*[pP][+-]?%d+", at) or source:match("^0[xX][%x.]+", at)
        or source:match("^[%d.]+[eE][+-]?%d+", at) or source:match("^[%d.]+", at)
      if not tonumber(text) then fail("malformed number '" .. text .. "'") end
      add("number", text)
      at = at + #text
    elseif byte == 45 and source:byte(at + 1) == 45 then
      at = at + 2
      skip_lines(long_bracket() or source:match("^[^\n]*", at))
    elseif byte == 34 or byte == 39 then
      local last = at + 1
      while source:byte(last) ~= byte do
        local c = source:byte(last)
        if not c or c == 10 then fail("unfinished string") end
        last = last + (c == 92 and 2 or 1)
      end
      add("string", source:sub(at, last))
      at = last + 1
    else
      local long = byte == 91 and long_bracket()
      if long then
        add("string", long)
        skip_lines(long)
      else
        local found
        for size = 3, 1, -1 do
          local op = source:sub(at, at + size - 1)
          if operators[size][op] then
            found = op
            break
          end
        end
        if not found then fail("unexpected '" .. source:sub(at, at) .. "'") end
        add("operator", found)
        at = at + #found
      end
    end
  end
  return list
end

local sample = [==[
local function f(a, ...) -- a comment
  --[[ a longer
       one ]]
  local t = {1, 2.5, 0x1F, 0x.8p1, 1e-3, .5, "a\"b", 'c', [[long
string]], [=[ ]] ]=]}
  for i = 1, #t do if t[i] ~= nil and i // 2 >= 1 then goto continue end ::continue:: end
  while not (a << 2 | a >> 1 & ~a == 0) do a = a ^ 2 % 3 - 4 end
  return select('#', ...), a .. "x", t.x, t:y()
end
]==]

local function summary(list)
  local counts = {keyword = 0, name = 0, number = 0, string = 0, operator = 0}
  for _, token in ipairs(list) do counts[token.kind] = counts[token.kind] + 1 end
  return string.format("%d tokens, %d lines: %d keywords, %d names, %d numbers, %d strings, %d operators",
    #list, list[#list].line, counts.keyword, counts.name, counts.number, counts.string, counts.operator)
end

print(summary(tokens(sample)))
print(summary(tokens(sample:rep(12))))
local names = {}
for _, token in ipairs(tokens(sample)) do
  if token.kind == "name" then names[token.text] = (names[token.text] or 0) + 1 end
end
local sorted = {}
for name, count in pairs(names) do sorted[#sorted + 1] = name .. "=" .. count end
table.sort(sorted)
print(table.concat(sorted, " "))
for _, bad in ipairs {"x = 'abc", "x = [[abc", "x = 3x4 $", "x = 1..2", "y = 0x1..2"} do
  print(select(2, pcall(tokens, bad)))
end
