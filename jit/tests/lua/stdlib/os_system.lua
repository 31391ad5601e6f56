for _, name in ipairs {"clock", "date", "difftime", "execute", "exit", "getenv", "remove", "rename", "setlocale", "time", "tmpname"} do print(name, type(os[name])) end
try(os.execute) try(os.execute, "exit 0") try(os.execute, "exit 3") try(os.execute, "kill -9 $$") try(os.execute, "kill -TERM $$") try(os.execute, nil) try(os.execute, {}) try(os.execute, "exit 255\0exit 1")
try(os.getenv, "PLUMB_NO_SUCH_VARIABLE") try(os.getenv, "") try(os.getenv, "a=b") try(os.getenv) try(os.getenv, {}) print(type(os.getenv "PATH"), os.getenv("PATH\0x") == os.getenv("PATH"))
try(os.setlocale) try(os.setlocale, "C") try(os.setlocale, nil, "numeric") try(os.setlocale, "no_such_locale") try(os.setlocale, "C", "all") try(os.setlocale, "C", "x") try(os.setlocale, "C", 1) try(os.setlocale, {})
for _, c in ipairs {"all", "collate", "ctype", "monetary", "numeric", "time"} do print(c, os.setlocale(nil, c), os.setlocale("C", c)) end
local a, b = os.tmpname(), os.tmpname()
print(a:match("^/tmp/lua_%w%w%w%w%w%w$") ~= nil, a ~= b, io.open(a):read("a") == "")
print(os.remove(a)) print(select(2, os.remove(a)):sub(#a + 1), select(3, os.remove(a)))
print(os.rename(a, b)) print(os.rename(b, a)) print(os.rename(a, "/nonexistent/x")) print(os.rename(a, "/"))
print(os.remove(a)) print(os.remove "/nonexistent/x") print(os.remove "/") print(os.remove "") print(os.remove "a\0b")
try(os.remove) try(os.remove, {}) try(os.rename, "x") try(os.rename) try(os.rename, 1, {})
local d = os.tmpname() os.remove(d) os.execute("mkdir " .. d) print(os.remove(d)) print(select(3, os.remove(d)))
print(type(os.exit)) try(os.exit, "x") try(os.exit, {}) try(os.exit, 2.5)
