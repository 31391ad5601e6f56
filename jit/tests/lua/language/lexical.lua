-- Manual 3.1: names, keywords, strings, numerals, comments.
local _, _a1, A_, and_ = 1, 2, 3, 4 print(_, _a1, A_, and_)
for _, word in ipairs {"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"} do print(load("local " .. word .. " = 1")) end
local function e(s) print(load("return " .. s, "=l")) end
local function v(s) print(load("return " .. s, "=l")()) end
v [['a\z
   b\
c\x41\u{48}\u{20AC}\65\0651\'\"\\\a' == "ab\ncAH€AA1'\"\\\7"]] v [["\u{7FFFFFFF}" == "\xFD\xBF\xBF\xBF\xBF\xBF"]] v "[[\nfirst newline gone]]" v "[==[ ]] ]=] ]==]" v "#[[\r\n\r\nx\ry\n\rz]]" v "'\\\r\n' == '\\n'" v "#'\\z  \n\n  x'"
e "'\\400'" e "'\\xZ1'" e "'\\u{80000000}'" e "'\\u{}'" e "'\\u{12'" e "'\\u1'" e "'\\q'" e "'unfinished" e "'line\nbreak'" e "[[never" e "[==[ ]=]" e "[=x" e "[=" e '"\\' e "'\\12" e "'\\x1'" e "'a\0b" e "--[[ comment" e "--[==[ x ]] ]=]"
v "3, 345, 0xff, 0xBEBADA, 3.0, 3.1416, 314.16e-2, 0.31416E1, 34e1, 0x0.1E, 0xA23p-4, 0X1.921FB54442D18P+1, .5, 5., 0x.8, 0x8., 1e+10, 1E-2"
v "9223372036854775807, 9223372036854775808, 0x7fffffffffffffff, 0xffffffffffffffff, 0x1ffffffffffffffff, 1e308, 1e309, 0x1p-1074, 0x1p1024, 0xA.8p0"
e "3x" e "0x" e "0xg" e "1e" e "1e+" e "0x1p" e "1..2" e "1.2.3" e "08a" e "1__2" e "0x1.2.3" e "3and 4" e "0xep1" e "1 .. 2" e "..1" e "..." e "5..5"
v "1--[[inline]]+--\n2 --[==[ long\nlonger ]==] - 1" v "1 -- to the end" v "8 // 3, 7 ~= 8, 1 << 4, 256 >> 4, 5 ~ 3, ~5, 5 // 2.0" v "('x'):rep(3), #'abc', #{1, 2}, -2 ^ 2, not nil == true"
e "@" e "$x" e "a ! b" e "a ~ = b" e "`" e "\\" e "x?" e "\0" e "\127" e "\200" e "é"
-- Whitespace of every kind, and a mark only at the start of a file.
v "1\t+\v1\f+\r1\n+1" print(load("# not here\nreturn 1")) print(load("\xEF\xBB\xBFreturn 1"))
-- The name in a message is shortened.
print(load("x =", "=short")) print(load("x =", "@file.lua")) print(load("x =", "@" .. ("d/"):rep(60) .. "f.lua")) print(load("x =", "=" .. ("n"):rep(100))) print(load("x =\n1 1")) print(load("x = 'some long text that goes on and on and on' y =")) print(load("x =", "")) print(load("x =", "=")) print(load("x =", "@")) print(load("x =", "=a\0b")) print(pcall(load("error'x'", "=a\0b"))) print(debug.getinfo(load("", "=a\0b"), "S").source)
-- Names with a zero byte in messages.
print(pcall(load('local t = {} return t["a\\0b"].x'))) print(pcall(load('_ENV["a\\0b"]()'))) print(pcall(load('return "a\\0b" + 1'))) print(pcall(load('local t = {} t["m\\0"]()')))
print(pcall(load('return setmetatable({}, {__name = "N\\0M"}) + 1'))) print(pcall(math.abs, setmetatable({}, {__name = "N\0M"})))
-- Limits.
print(#(load("return '" .. ("x"):rep(100000) .. "'")())) print(load("return " .. ("1"):rep(400))()) print(select(2, load("return " .. ("("):rep(300) .. "1"))) print(select(2, load("local " .. ("a,"):rep(201) .. "b")):match("too many local variables.*")) print(xpcall(function() return load(("("):rep(300)) end, function(m) return "handled: " .. m end))

-- Equal literals of a chunk are one string, however long and in whichever function; a string that is
-- computed is another, and so is each constant of a binary chunk.
do
  local function same(a, b) print(a == b, string.format("%p", a) == string.format("%p", b)) end
  local long <const> = "a literal of more than forty bytes, which no table interns"
  local other = "a literal of more than forty bytes, which no table interns"
  local function inner()
    return "a literal of more than forty bytes, which no table interns", function()
      return [[a literal of more than forty bytes, which no table interns]]
    end
  end
  local text, innermost = inner()
  same(long, other)
  same(long, text)
  same(long, innermost())
  same(long, "a literal of more than forty bytes, " .. "which no table interns")
  same("short", "sh" .. "ort")
  local undumped, nested = load(string.dump(inner))()
  same(undumped, long)
  same(undumped, nested())
  same(undumped, select(1, load(string.dump(inner))()))
  -- A key that is equal but another object finds what the first stored.
  local t = { [long] = 1 }
  print(t["a literal of more than forty bytes, " .. "which no table interns"])
end
