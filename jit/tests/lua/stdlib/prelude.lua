-- Put before every script of this directory.
function try(f, ...) print(pcall(f, ...)) end
EDGES = {0, -0.0, 1, -1, 2.5, -2.5, 0.5, 1.5, 3.0, 1e15, 2^53, 2^53 + 1, 2^63, -2^63, 1e300, -1e300, 5e-324,
  math.huge, -math.huge, math.maxinteger, math.mininteger, "10", " 0x1p4 ", "1e1", "-7"}
function over_edges(f)
  for i, x in ipairs(EDGES) do print(i, pcall(f, x)) end
end
function bad(f, ...)
  print(pcall(function(...) f(...) end, ...))
end
