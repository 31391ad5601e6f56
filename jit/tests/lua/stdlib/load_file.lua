local p = os.tmpname()
local function put(s) local h = io.open(p, "wb") h:write(s) h:close() end
local function clean(...) local t = table.pack(...) for i = 1, t.n do t[i] = type(t[i]) == "function" and "function" or tostring(t[i]):gsub("/tmp/lua_%w+", "TMP"):gsub("lua_%w%w%w%w%w%w", "TMP") end return table.concat(t, " | ") end
local function loads(s, ...) put(s) local f, e = loadfile(p, ...) print(("%q"):format(s), clean(f, e)) if f then print(clean(pcall(f, 1, 2))) end print(clean(pcall(dofile, p))) end
loads("return ...") loads("return 1, 2, 3") loads("") loads("\n\nerror('here')") loads("x =") loads("return 1 +") loads("#!shebang\nreturn 1") loads("#") loads("#\n") loads("# only a comment") loads("#!x\n\n\nerror 'l4'") loads("\xef\xbb\xbfreturn 'bom'") loads("\xef\xbb\xbf#!x\nerror 'l2'") loads("\xef\xbbreturn 1") loads("\xefreturn 1") loads("\xef") loads("\n#x") loads(" #x\n") loads("##\n#x") loads("return ({...})[1]") loads("local x <const> = 1; x = 2") loads("goto x") loads("\0") loads("return '\0\r\n'") loads("error()") loads("error(12)")
local code = string.dump(load "return 'binary', ...") loads(code) loads("#!x\n" .. code) loads("\xef\xbb\xbf#!x\n" .. code) loads(code, "b") loads(code, "t") loads("return 1", "b") loads("return 1", "t") loads("return 1", "bt") loads("return 1", "x") loads("return 1", "") loads("#!x\n" .. code, "t") loads(code:sub(1, 20)) loads("\27") loads("\27Lua") loads("\27Luaxyz")
put("x = y return x, _ENV") local e = {y = 5} print(select('#', loadfile(p, "t", e)()) , e.x, x) print(clean(pcall(loadfile(p, "t", nil)))) print((loadfile(p, nil, e)())) print((pcall(loadfile(p))))
put("return 1") print(loadfile(p, "bt", 1)()) put("local a <close> = nil return 5") print(pcall(loadfile(p, "t", {})))
print(clean(loadfile("/nonexistent/file"))) print(clean(pcall(dofile, "/nonexistent/file"))) print(clean(loadfile("/"))) print(clean(pcall(dofile, "/tmp"))) print(clean(loadfile(""))) try(loadfile, {}) try(loadfile, p, {}) try(dofile, {}) try(loadfile, true)
put("return select('#', ...), ...") print(dofile(p, 1, 2)) put("return 1, nil, 3, nil") print(dofile(p)) put("local a, b = ... return a, b") print(loadfile(p)(1, 2))
put("local n = ... if n == 0 then return 'deep' end return n") print(loadfile(p)(3)) put("return pcall(error, 'x')") print(dofile(p)) print(pcall(function() return (dofile(p)) end))
os.remove(p)
