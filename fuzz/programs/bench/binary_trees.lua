-- Allocation and collection of small objects.
local function build(depth)
  if depth == 0 then return {} end
  return { build(depth - 1), build(depth - 1) }
end
local function count(tree)
  if not tree[1] then return 1 end
  return 1 + count(tree[1]) + count(tree[2])
end
local kept, nodes = build(12), 0
for depth = 4, 12, 4 do
  for _ = 1, 1 << (16 - depth) do nodes = nodes + count(build(depth)) end
end
return nodes + count(kept)
