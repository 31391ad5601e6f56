for _, s in ipairs {"0", "10", "-10", "+5", " 7 ", "0x10", "-0xff", "0xffffffffffffffffff", "1e5", "1e", "e5", "1.", ".5", ".", "0x.8", "0x1p-2", "0x1P+3", "0xp1", "1 2", "", " ", "inf", "nan", "1_000", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "0x7fffffffffffffff", "0x8000000000000000", "1e308", "1e309", "-1e400", "5e-324", "1e-400", "0b1", "1f", "1\0", "\t\n\v\f\r1\t\n\v\f\r", "- 1", "--1", "0x", "1e+", "1e+5", "1E-5", "0xA.Bp2", "00012", "1..2", "0x1.2.3", ("1"):rep(60), "0." .. ("0"):rep(250) .. "1", "4.35", "0.1e1", "123456789012345678901234567890"} do
  print(("%q"):format(s), tonumber(s), math.type(tonumber(s)))
end
print(tonumber(5), tonumber(5.5), tonumber(nil), tonumber(true), tonumber({}), tonumber(print))
for _, case in ipairs {{"10", 2}, {"12", 2}, {"ff", 16}, {"FF", 16}, {"fg", 16}, {"zz", 36}, {"-zZ", 36}, {" 11 ", 3}, {"", 10}, {"-", 10}, {"+7", 8}, {"8", 8}, {"7fffffffffffffff", 16}, {"ffffffffffffffffff", 16}, {"1.5", 10}, {"1e1", 16}, {"0x10", 16}, {"1 1", 10}, {"1\0", 10}, {"\v5", 10}, {"10", 2.0}, {"10", "3"}} do
  print(("%q"):format(case[1]), case[2], tonumber(case[1], case[2]))
end
try(tonumber)
try(tonumber, 10, 10)
try(tonumber, "1", 1)
try(tonumber, "1", 37)
try(tonumber, "1", 1.5)
try(tonumber, {}, 10)
try(tonumber, nil, 10)
try(tonumber, "1", {})
try(tonumber, nil, 99)
try(tonumber, "5", nil)
