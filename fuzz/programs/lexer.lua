-- A lexer for Lua, in Lua, over a sample with every kind of token. Prints counts, positions and errors.
local sample = [==[
#!shebang is skipped
local function demo(a, b, ...) -- a comment
  --[[ a long
  comment ]] local t = {1, 2.5, 0x1F, 0xA.8p1, 1e-3, .5, 3.}
  goto done; if a ~= b and a <= b or a >= b then return a // b, a << 2, b >> 1 end
  local s = 'it\'s' .. "a \"string\"\n" .. [[long
string]] .. [=[with ]] inside]=]
  t.x, t["y"] = a == b, not (a < b), #s % 2 ^ 3 & 4 | 5 ~ ~6
  ::done:: print(..., nil, true, false) while true do break end
end
]==]

local keywords = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true until while"):gmatch "%a+" do
  keywords[word] = true
end
local symbols = {}
for symbol in ("+ - * / % ^ # & ~ | << >> // == ~= <= >= < > = ( ) { } [ ] :: ; : , . .. ..."):gmatch "%S+" do
  symbols[symbol] = true
end

local function lex(source)
  local at, line, tokens = 1, 1, {}
  local function add(kind, text) tokens[#tokens + 1] = {kind = kind, text = text, line = line} end
  local function fail(message) error(("line %d: %s"):format(line, message), 0) end
  local function count_lines(text) for _ in text:gmatch "\n" do line = line + 1 end end
  local function long_bracket(start)
    local level = source:match("^%[(=*)%[", start)
    if not level then return nil end
    local close = "]" .. level .. "]"
    local from, to = source:find(close, start + #level + 2, true)
    if not from then fail "unfinished long bracket" end
    return source:sub(start + #level + 2, from - 1), to + 1
  end
  if source:sub(1, 1) == "#" then at = source:find("\n", 1, true) or #source + 1 end
  while true do
    local space = source:match("^%s*", at)
    count_lines(space)
    at = at + #space
    if at > #source then break end
    local c = source:sub(at, at)
    if source:find("^%-%-", at) then
      local content, after = long_bracket(at + 2)
      if content then
        count_lines(content)
        add("comment", "--[[...]]")
        at = after
      else
        add("comment", (source:match("^[^\n]*", at)))
        at = source:find("\n", at, true) or #source + 1
      end
    elseif c:find "[%a_]" then
      local name = source:match("^[%w_]+", at)
      add(keywords[name] and "keyword" or "name", name)
      at = at + #name
    elseif source:find("^%.?%d", at) then
      local text = source:match("^0[xX][%x.]*[pP]?[+-]?%x*", at) or source:match("^[%d.]+[eE][+-]?%d+", at) or source:match("^[%d.]+", at)
      local value = tonumber(text)
      if not value then fail("malformed number " .. text) end
      add(math.type(value), text)
      at = at + #text
    elseif c == "'" or c == '"' then
      local start = at
      at = at + 1
      while source:sub(at, at) ~= c do
        local here = source:sub(at, at)
        if here == "" or here == "\n" then fail "unfinished string" end
        at = at + (here == "\\" and 2 or 1)
      end
      at = at + 1
      add("string", source:sub(start, at - 1))
    else
      local content, after = long_bracket(at)
      if content then
        add("string", "[[" .. content:gsub("\n", "|") .. "]]")
        count_lines(content)
        at = after
      else
        local symbol
        for length = 3, 1, -1 do
          local candidate = source:sub(at, at + length - 1)
          if symbols[candidate] then symbol = candidate break end
        end
        if not symbol then fail("unexpected " .. ("%q"):format(c)) end
        add("symbol", symbol)
        at = at + #symbol
      end
    end
  end
  return tokens
end

local tokens = lex(sample)
local counts, row, last = {}, {}, 0
for _, token in ipairs(tokens) do
  counts[token.kind] = (counts[token.kind] or 0) + 1
  if token.line ~= last then
    if #row > 0 then print(last, table.concat(row, " ")) end
    row, last = {}, token.line
  end
  row[#row + 1] = token.text
end
print(last, table.concat(row, " "))
for _, kind in ipairs {"keyword", "name", "symbol", "integer", "float", "string", "comment"} do
  io_count = (io_count or "") .. kind .. "=" .. counts[kind] .. " "
end
print(io_count, #tokens)

-- The same text many times: as many tokens more each time, on lines that follow.
local big = {}
for i = 1, 12 do big[i] = sample:gsub("^#[^\n]*", "") end
local all = lex(table.concat(big))
print(#all, #all == 12 * #tokens, all[#all].text, all[#all].line)
for _, bad in ipairs {"x = 'abc", "x = [[abc", "x = 3x", "x = 1..2", "a @ b", "--[==[ x ]=]", '"a\nb"', "0x", "a\n\n ?"} do
  local ok, result = pcall(lex, bad)
  print(("%q"):format(bad), ok, ok and #result or result)
end
