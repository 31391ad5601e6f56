-- Text: words, filled and justified paragraphs, columns, frequencies; patterns and string functions.
local text = [[
The quick brown fox jumps over the lazy dog.  Pack my box with five dozen liquor jugs; how vexingly
quick daft zebras jump!  Sphinx of black quartz, judge my vow -- "the five boxing wizards jump quickly".

A second paragraph,    with   irregular	white space, and a word of
extraordinarylengththatdoesnotfitintoaline at all.

Bright vixens jump; dozy fowl quack.
]]

local function paragraphs(s)
  local at = 1
  return function()
    if at > #s then return nil end
    local from, to = s:find("\n%s*\n", at)
    local paragraph = s:sub(at, (from or #s + 1) - 1)
    at = (to or #s) + 1
    return paragraph
  end
end

local function fill(paragraph, width)
  local lines, line = {}, ""
  for word in paragraph:gmatch "%S+" do
    while #word > width do
      if line ~= "" then lines[#lines + 1], line = line, "" end
      lines[#lines + 1] = word:sub(1, width - 1) .. "-"
      word = word:sub(width)
    end
    if line == "" then
      line = word
    elseif #line + 1 + #word <= width then
      line = line .. " " .. word
    else
      lines[#lines + 1], line = line, word
    end
  end
  if line ~= "" then lines[#lines + 1] = line end
  return lines
end

local function justify(line, width)
  local words = {}
  for word in line:gmatch "%S+" do words[#words + 1] = word end
  local gaps, letters = #words - 1, #table.concat(words)
  if gaps == 0 then return line end
  local out = {}
  for i, word in ipairs(words) do
    out[#out + 1] = word
    if i <= gaps then
      local space = (width - letters) // gaps + ((width - letters) % gaps >= i and 1 or 0)
      out[#out + 1] = (" "):rep(space)
    end
  end
  return table.concat(out)
end

for _, width in ipairs {20, 33, 60} do
  print(("="):rep(width))
  for paragraph in paragraphs(text) do
    local lines = fill(paragraph, width)
    for i, line in ipairs(lines) do print(i < #lines and justify(line, width) or line) end
    print()
  end
end

local counts, order = {}, {}
for word in text:lower():gmatch "%a+" do
  if not counts[word] then counts[word], order[#order + 1] = 0, word end
  counts[word] = counts[word] + 1
end
table.sort(order, function(a, b)
  if counts[a] ~= counts[b] then return counts[a] > counts[b] end
  return a < b
end)
for i = 1, 6 do print(("%-8s|%3d|%s"):format(order[i], counts[order[i]], ("#"):rep(counts[order[i]]))) end

local letters = {}
for i = 1, #text do
  local byte = text:byte(i) | 0x20
  if byte >= 97 and byte <= 122 then letters[byte] = (letters[byte] or 0) + 1 end
end
local row = {}
for byte = 97, 122 do row[#row + 1] = string.char(byte) .. (letters[byte] or 0) end
print(table.concat(row, " "))

print((text:gsub("%f[%w]%w+", function(word) if #word > 8 then return "<" .. #word .. ">" end end):match "[^\n]*"))
print(text:gsub("[aeiou]", {a = "4", e = "3", i = false, o = "0"}):sub(1, 60))
print(text:find("judge", 1, true), text:match "\"(.-)\"", select(2, text:gsub("%s+", " ")), #text:gsub("%s+", " "))
print(("%5.1f%%|%+d|%x|%q"):format(12.345, 7, 255, "a\nb"), ("title case here"):gsub("(%a)(%a*)", function(a, b) return a:upper() .. b end))
