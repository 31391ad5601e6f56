-- Files from open to close: every mode, format and whence, and what each call says when it fails.
local p = os.tmpname()
local function cl(...) local t=table.pack(...) for i=1,t.n do t[i]=tostring(t[i]):gsub("/tmp/lua_%w+","TMP"):gsub("0x%x+","ADDR") end print(table.concat(t,"\t")) end
local h=io.open(p,"w") 
cl(h:setvbuf("no")) cl(h:setvbuf("full",1024)) cl(h:setvbuf("line")) cl(pcall(h.setvbuf,h)) cl(pcall(h.setvbuf,h,"x")) cl(pcall(h.setvbuf,h,"full","x")) cl(pcall(h.setvbuf,h,"full",1.5)) cl(h:setvbuf("full",0)) cl(h:setvbuf("no",100))
cl(h:seek()) cl(h:write("hello world\nline2\n3 0x10 -5e1 nan\n")) cl(h:seek("cur")) cl(h:seek("set",2)) cl(h:seek("end",-3)) cl(h:seek("cur",-1)) cl(pcall(h.seek,h,"x")) cl(pcall(h.seek,h,1)) cl(pcall(h.seek,h,"set",1.5)) cl(pcall(h.seek,h,"set","2")) cl(h:seek("set",-1)) cl(pcall(h.seek,h,"set",2^53)) cl(h:seek("end")) cl(h:flush()) cl(h:close())
cl(pcall(io.lines,p,"x")) cl(pcall(io.lines,"/nonexist")) cl(pcall(io.lines,p,{})) 
for a,b,c in io.lines(p,1,"l","n") do cl(a,b,c) end
for l in io.lines(p,"L") do cl("["..l.."]") end
for l in io.lines(p,0) do cl("["..l.."]") break end
for l in io.lines(p,4) do cl("["..l.."]") end
for l in io.lines(p,"a") do cl("["..l.."]") if l=="" then break end end
do local t={} for i=1,250 do t[i]=1 end cl(pcall(io.lines,p,table.unpack(t))) t[251]=1 cl(pcall(io.lines,p,table.unpack(t))) cl(select('#',pcall(io.lines(p,table.unpack(t,1,250))))) end
local it=io.lines(p) it() it() it() cl(pcall(it)) cl(pcall(it))
local it,a,b,c=io.lines(p) cl(io.type(c),a,b) c:close() cl(pcall(it))
local f=io.open(p) local it=f:lines("n") cl(it()) cl(it()) cl(f:read("a")) f:close() cl(pcall(it))
cl(io.input(p)) cl(io.read("l","L","n","n","n","n")) cl(io.read("a")) cl(io.read("l")) cl(io.read(0)) io.close(io.input()) cl(pcall(io.read)) cl(pcall(io.lines)) cl(pcall(io.input,"/nonexist")) cl(pcall(io.input,1)) cl(pcall(io.input,{})) io.input(io.stdin)
cl(pcall(io.output,"/nonexist/x")) io.output(p) cl(io.write("x",1,2.0,-0.0,1e100,math.huge)) cl(pcall(io.write,nil)) cl(pcall(io.write,"a",{})) cl(pcall(io.write,true)) cl(io.output():seek()) cl(io.close()) cl(pcall(io.write,"x")) cl(pcall(io.close)) io.output(io.stdout)
for l in io.lines(p) do cl(l) end
local r=io.open(p) cl(r:write("x")) cl(r:read(1)) r:close()
local r=io.open(p,"r+") cl(r:read(2)) cl(r:seek("cur",0)) cl(r:write("ZZ")) cl(r:seek("set")) cl(r:read("a")) r:close()
local r=io.open(p,"a+") cl(r:seek()) cl(r:read(1)) cl(r:write("END")) cl(r:seek("set")) cl(r:read("a")) r:close()
local r=io.open(p,"w+") r:write("abc") r:seek("set") cl(r:read("a")) cl(r:read("a")) cl(r:read("l")) cl(r:read(1)) r:close()
cl(pcall(io.close,1)) cl(pcall(io.close,{})) cl(pcall(io.type)) cl(io.type(r),io.type(io.stdout),io.type(42))
cl(pcall(function() return r.foo end)) cl(r) cl(getmetatable(r).__name) cl(pcall(tostring,r)) cl(r==r, r~=io.stdout)
cl(os.rename(p,p.."x")) cl(os.rename(p,p.."y")) cl(os.remove(p)) cl(os.remove(p.."x")) cl(os.remove("/tmp/nodir/xx")) cl(os.remove("/")) os.execute("mkdir "..p..".d; touch "..p..".d/x") cl(os.remove(p..".d")) cl(os.rename(p..".d","/")) os.execute("rm -r "..p..".d") cl(pcall(os.rename,"a")) cl(pcall(os.remove)) cl(pcall(os.remove,{})) 
local q=io.popen("cat > "..p,"w") cl(q) cl(io.type(q)) cl(q:write("from popen\n")) cl(q:seek()) cl(q:setvbuf("no")) cl(q:close()) for l in io.lines(p) do cl(l) end
local q=io.popen("printf 'a\\nb'; exit 3") cl(q:read("a")) cl(q:close()) cl(io.popen("kill -9 $$"):close()) cl(pcall(io.popen,"x","rw")) cl(pcall(io.popen,"x","")) cl(pcall(io.popen,"x","rb")) cl(pcall(io.popen)) for l in io.popen("echo 1; echo 2"):lines() do cl(l) end
cl(io.popen("true"):close()) cl(io.popen("exit 255"):close()) cl(io.popen("nonexistcmd 2>/dev/null"):close())
cl(os.execute("true")) cl(os.execute("false")) cl(os.execute("exit 42")) cl(os.execute("kill -15 $$")) cl(os.execute()) cl(pcall(os.execute,{}))
cl(os.getenv("HOME")~=nil, os.getenv("NOSUCHVAR"), pcall(os.getenv), pcall(os.getenv,{}))
cl(os.setlocale()) cl(os.setlocale(nil)) cl(os.setlocale("C")) cl(os.setlocale("nolocale")) for _,c in ipairs{"all","collate","ctype","monetary","numeric","time"} do cl(os.setlocale(nil,c)) cl(os.setlocale("POSIX",c)) cl(os.setlocale("C",c)) end cl(pcall(os.setlocale,"C","x")) cl(pcall(os.setlocale,{}))
cl(type(os.clock()), pcall(os.clock,1)~=nil, type(os.tmpname()))
cl(pcall(os.exit,{})) cl(pcall(os.exit,"x")) 
local t=io.tmpfile() cl(t) t:write("12","\n",0x7fffffffffffffff,"\n") t:seek("set") cl(t:read("n","n","n")) cl(t:close()) cl(pcall(t.close,t)) cl(pcall(t.read,t)) cl(pcall(t.lines,t)) cl(tostring(t))
cl(io.stdout:write("")==io.stdout) cl(io.stderr:write("")) 
cl(pcall(io.stdout.write)) cl(pcall(io.stdout.write,1)) cl(pcall(io.stdout.read,nil)) 
cl(pcall(getmetatable(io.stdout).__gc)) cl(pcall(getmetatable(io.stdout).__index.close,2))
do local f<close> = io.open(p) cl(f:read("n")) cl(f:read("l")) end os.remove(p)
-- full device
local d=io.open("/dev/full","w") cl(d:setvbuf("no")) cl(d:write("x")) cl(d:flush()) cl(d:close()) local d=io.open("/dev/full","w") cl(d:write("x")) cl(d:flush()) cl(d:close()) local d=io.open("/dev/full","w") d:write("x") cl(d:close())
cl(io.open("/tmp"):read("a")) cl(io.open("/tmp"):seek("end")~=nil) cl(io.open("/proc/self/mem","r"):read(1))
cl(pcall(io.lines,"/tmp")) cl(pcall(function() for l in io.lines("/tmp") do end end))
cl(pcall(io.open,p,"r","x")) cl(pcall(dofile,"/nonexist")) cl(pcall(loadfile,"/nonexist")) cl(loadfile("/tmp")) cl(pcall(dofile,"/tmp"))
