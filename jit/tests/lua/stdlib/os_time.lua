print(math.type(os.time()), os.time() >= 1700000000, os.time(nil) - os.time() < 2)
local function show(t)
  local ok, r = pcall(os.time, t)
  if type(t.day) == "table" then t.day = "table" end
  print(ok, r, t.year, t.month, t.day, t.hour, t.min, t.sec, t.wday, t.yday, t.isdst)
end
show {year = 2024, month = 2, day = 29}
show {year = 2023, month = 2, day = 29}
show {year = 2024, month = 14, day = -3, hour = 25, min = -61, sec = 3600}
show {year = 1970, month = 1, day = 1, hour = 0}
show {year = 1969, month = 12, day = 31, hour = 23, min = 59, sec = 59}
show {year = 1969, month = 12, day = 31, hour = 23, min = 59, sec = 58}
show {year = "2000", month = 1.0, day = " 0x10 ", hour = "1e1"}
show {year = 2000, month = 1, day = 1, isdst = true}
show {year = 2000, month = 7, day = 1, isdst = false}
show {year = 2000, month = 7, day = 1, isdst = 1}
show {year = 2000, month = 1, day = 1, hour = 2^31 - 1}
show {year = 2000, month = 1, day = 1, hour = 2^31}
show {year = 2000, month = 1, day = 1, hour = -2^31}
show {year = 2000, month = 1, day = 1, hour = -2^31 - 1}
show {year = 2^31 - 1 + 1900, month = 1, day = 1}
show {year = 2^31 + 1900, month = 1, day = 1}
show {year = -2^31 + 1900, month = 1, day = 1}
show {year = -2^31 + 1899, month = 1, day = 1}
show {year = -2^31, month = 1, day = 1}
show {year = math.mininteger, month = 1, day = 1}
show {year = math.maxinteger, month = 1, day = 1}
show {year = 2000, month = math.mininteger, day = 1}
show {year = 2000, month = 2^31, day = 1}
show {year = 2000, month = 2^31 + 1, day = 1}
show {year = 2000, month = 1} show {year = 2000, day = 1} show {month = 1, day = 1} show {}
show {year = 2000, month = "x", day = 1} show {year = 2000.5, month = 1, day = 1} show {year = 2000, month = 1, day = {}}
show {year = 2000, month = 1, day = 1, sec = false} show {year = 2000, month = 1, day = 1, min = 1.5}
show(setmetatable({}, {__index = {year = 2020, month = 5, day = 6}}))
local log = {}
pcall(os.time, setmetatable({}, {__index = function(_, k) log[#log + 1] = k return 10 end, __newindex = function(t, k, v) log[#log + 1] = k .. "=" .. tostring(v) end}))
print(table.concat(log, " "))
try(os.time, 1) try(os.time, "x") try(os.time, true)
bad(os.time, {}) bad(os.time, {year = 1, month = 2, day = "x"}) bad(os.time, {year = 1e10, month = 2, day = 1})
try(os.difftime, 10, 4) try(os.difftime, 1) try(os.difftime) try(os.difftime, 2.0, "1") try(os.difftime, 1.5, 1) try(os.difftime, "x", 1)
try(os.difftime, math.maxinteger, math.mininteger) try(os.difftime, math.mininteger, math.maxinteger) try(os.difftime, 2^53 | 0, 1)
print(math.type(os.clock()), os.clock() >= 0, os.clock(1) < 1e6)
