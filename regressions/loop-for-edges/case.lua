local mx, mn = math.maxinteger, math.mininteger
local function cnt(a, b, c) local n, last = 0, nil for i = a, b, c do n = n + 1; last = i; if n > 100 then break end end return n, last end
print(cnt(mx - 60, mx, 1)); print(cnt(mn + 60, mn, -1)); print(cnt(mx - 10, mx, 7)); print(cnt(mn, mx, mx)); print(cnt(mx, mn, mn))
print(cnt(1, 60.5, 1)); print(cnt(1, math.huge, 1)); print(cnt(1, -math.huge, 1)); print(cnt(60, -math.huge, -1)); print(cnt(1, 0/0, 1))
print(cnt(1.0, 60, 1)); print(cnt(1, 60, 0.5)); print(cnt(0.1, 8, 0.1)); print(cnt(mx - 60.0, mx, 1)); print(cnt(3, 2, 1)); print(cnt(2^53, 2^53 + 60, 1))
print(cnt(-0.0, 60, 1.0)); print(cnt(60, 1, -1.5)); print(cnt(mx, mx, 1)); print(cnt(mn, mn, -1))
