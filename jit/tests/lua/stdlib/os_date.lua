for _, c in ipairs {"a", "A", "b", "B", "c", "C", "d", "D", "e", "F", "g", "G", "h", "H", "I", "j", "m", "M", "n", "p", "r", "R", "S", "t", "T", "u", "U", "V", "w", "W", "x", "X", "y", "Y", "z", "Z", "%", "Ec", "EC", "Ex", "EX", "Ey", "EY", "Od", "Oe", "OH", "OI", "Om", "OM", "OS", "Ou", "OU", "OV", "Ow", "OW", "Oy"} do
  for _, t in ipairs {0, 1, 951782400, 1709251199, 1735689599, 4102444800, -1, -62135596800, 2^31, 253402300800} do
    print(c, t, os.date("!%" .. c, t), os.date("%" .. c, t))
  end
end
for _, f in ipairs {"%", "%E", "%Ez", "%O", "%Ox", "%Q", "%EE", "x%", "%Ez more", "%L\0x", "%d%f", "%-d", "%5d", "%k", "%P", "%s", "%v", "%i", "%N"} do
  try(os.date, f, 0) try(os.date, "!" .. f, 0)
end
print(#os.date(), os.date("") == "", os.date("!"), os.date("plain %% text\0end", 0) == "plain % text\0end")
for _, t in ipairs {0, 86399, 951782400, -1, "10", 3.0, " 0x10 "} do
  for _, f in ipairs {"*t", "!*t", "!*t\0x", "*t x", "!%c"} do
    local r = os.date(f, t)
    if type(r) == "table" then
      print(f, t, r.year, r.month, r.day, r.hour, r.min, r.sec, r.wday, r.yday, r.isdst)
    else print(f, t, r) end
  end
end
try(os.date, "!%Y", math.maxinteger) try(os.date, "*t", math.mininteger) try(os.date, "!%Y", 67767976233532799)
try(os.date, "%Y", 2.5) try(os.date, "%Y", "x") try(os.date, "%Y", {}) try(os.date, {}) try(os.date, 12) try(os.date, "!%d", nil)
bad(os.date, "%Ez") bad(os.date, "*t", 1e300)
