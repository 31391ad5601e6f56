-- Every function of the library: each option, each kind of argument, each error.
local function cl(...) local t=table.pack(...) for i=1,t.n do t[i]=tostring(t[i]):gsub("0x%x+","ADDR") end print(table.concat(t,"\t")) end
local function show(d) if not d then return cl(d) end local k={} for n,v in pairs(d) do if n=="activelines" then local l={} for x in pairs(v) do l[#l+1]=x end table.sort(l) v="{"..table.concat(l,",").."}" end k[#k+1]=n.."="..tostring(v):gsub("0x%x+","ADDR") end table.sort(k) print(table.concat(k," ")) end
local function f(a,b,...)
  local c <const> = 5
  local d <close> = nil
  for i=1,2 do local x=i show(debug.getinfo(1,"nSltufrL")) break end
  for o in ("nSltufrL"):gmatch"." do show(debug.getinfo(1,o)) show(debug.getinfo(f_,o)) show(debug.getinfo(print,o)) show(debug.getinfo(2,o)) end
  for i=1,8 do cl(i,debug.getlocal(1,i)) end for i=-1,-4,-1 do cl(i,debug.getlocal(1,i)) end cl(debug.getlocal(1,0)) cl(debug.getlocal(1,1e9//1|0)) cl(debug.getlocal(1,math.mininteger))
  cl(debug.setlocal(1,1,"new")) cl(a) cl(debug.setlocal(1,-1,"va")) cl(...) cl(debug.setlocal(1,99,1)) cl(debug.setlocal(1,-99,1)) cl(pcall(debug.setlocal,99,1,1)) cl(pcall(debug.setlocal,1,1))
  return a
end
f_=f
f(1,2,3,4)
local t={m=function(self) show(debug.getinfo(1,"n")) end} t.m() t:m() local up=t.m up(); (function() show(debug.getinfo(1,"nt")) end)() setmetatable(t,{__index=function() show(debug.getinfo(1,"nt")) end,__add=function() show(debug.getinfo(1,"nt")) end,__close=function() show(debug.getinfo(1,"nt")) end,__concat=function() show(debug.getinfo(1,"n")) end,__lt=function() show(debug.getinfo(1,"n")) end,__unm=function() show(debug.getinfo(1,"n")) end,__len=function() show(debug.getinfo(1,"n")) end,__call=function() show(debug.getinfo(1,"nt")) end,__eq=function() show(debug.getinfo(1,"n")) end,__newindex=function() show(debug.getinfo(1,"n")) end})
local _=t.zz _=t+1 _=t..1 _=t<t _=-t _=#t t() _=t==setmetatable({},getmetatable(t)) t.q=1 do local x<close> = t end
for x in function() show(debug.getinfo(1,"n")) end do end
local function tail() return f2() end f2=function() show(debug.getinfo(1,"nt")) show(debug.getinfo(2,"nt")) end tail()
cl(pcall(debug.getinfo)) cl(pcall(debug.getinfo,"x")) cl(pcall(debug.getinfo,1,"X")) cl(pcall(debug.getinfo,1,">S")) cl(pcall(debug.getinfo,print,">")) cl(debug.getinfo(100)) cl(debug.getinfo(-1)) cl(pcall(debug.getinfo,{})) cl(pcall(debug.getinfo,1.5)) show(debug.getinfo(1.0,"l")) show(debug.getinfo("1","l")) cl(pcall(debug.getinfo,1,1)) show(debug.getinfo(1,""))
cl(debug.getlocal(f,1)) cl(debug.getlocal(f,2)) cl(debug.getlocal(f,3)) cl(debug.getlocal(f,-1)) cl(debug.getlocal(print,1)) cl(pcall(debug.getlocal,1)) cl(pcall(debug.getlocal)) cl(pcall(debug.getlocal,99,1)) cl(pcall(debug.getlocal,{},1)) cl(pcall(debug.getlocal,print))
-- upvalues
local a1,b1=10,20 local function g() return a1,b1 end local function h() return b1 end
cl(debug.getupvalue(g,1)) cl(debug.getupvalue(g,2)) cl(debug.getupvalue(g,3)) cl(debug.getupvalue(g,0)) cl(debug.getupvalue(g,-1)) cl(debug.getupvalue(print,1)) cl(debug.getupvalue(string.gmatch("x","x"),1)) cl(debug.setupvalue(g,1,11)) cl(a1) cl(debug.setupvalue(g,3,1)) cl(pcall(debug.setupvalue,g,1)) cl(pcall(debug.getupvalue,1,1)) cl(pcall(debug.getupvalue,g)) cl(debug.setupvalue(string.gmatch("x","x"),2,"y"))
cl(debug.upvalueid(g,2)==debug.upvalueid(h,1)) cl(type(debug.upvalueid(g,1))) cl(pcall(debug.upvalueid,g,3)) cl(pcall(debug.upvalueid,g,0)) cl(pcall(debug.upvalueid,print,1)) cl(pcall(debug.upvalueid,1,1)) cl(pcall(debug.upvaluejoin,g,3,h,1)) cl(pcall(debug.upvaluejoin,g,1,h,2)) cl(pcall(debug.upvaluejoin,g,1,print,1)) cl(pcall(debug.upvaluejoin,print,1,g,1)) cl(debug.upvaluejoin(g,1,h,1)) cl(g()) cl(pcall(debug.upvaluejoin,g,1,h)) cl(debug.getupvalue(load(string.dump(g,true)),1))
-- metatables, uservalues, registry
cl(debug.getmetatable("").__index==string) cl(debug.setmetatable(10,{__index=function(x,k) return k..x end})) cl((5).abc) cl(debug.setmetatable(10,nil)) cl(pcall(debug.setmetatable,10,1)) cl(pcall(debug.setmetatable,1)) cl(pcall(debug.getmetatable)) cl(debug.getmetatable(nil)) debug.setmetatable(nil,{__call=function() return "nilcall" end}) cl((nil)()) debug.setmetatable(nil,nil) cl(debug.setmetatable({},{__metatable=1})) cl(getmetatable(debug.setmetatable({},{__metatable="mt"}))) debug.setmetatable(print,{__index={name="fn"}}) cl(print.name, f.name) debug.setmetatable(print,nil) debug.setmetatable(true,{__len=function() return 7 end}) cl(#true,#false) debug.setmetatable(true,nil)
cl(debug.getuservalue(io.stdout)) cl(debug.getuservalue(io.stdout,1)) cl(debug.getuservalue(io.stdout,2)) cl(debug.getuservalue(1)) cl(debug.getuservalue({},1)) cl(pcall(debug.setuservalue,io.stdout,1)) cl(debug.setuservalue(io.stdout,1,1)) cl(debug.setuservalue(io.stdout,1,2)) cl(pcall(debug.setuservalue,1,1)) cl(pcall(debug.setuservalue,{},1)) cl(pcall(debug.getuservalue)) cl(pcall(debug.setuservalue,io.stdout))
cl(type(debug.getregistry())) cl(debug.getregistry()[2]==_G) cl(debug.getregistry()._LOADED==package.loaded) cl(debug.getregistry()._PRELOAD==package.preload) cl(type(debug.getregistry()[1]))
-- traceback
cl(debug.traceback("m")) cl(debug.traceback("m",0)) cl(debug.traceback("m",1)) cl(debug.traceback("m",2)) cl(debug.traceback("m",99)) cl(debug.traceback(nil)) cl(debug.traceback()) cl(debug.traceback(12)) cl(debug.traceback({})) cl(debug.traceback(true,1)) cl(debug.traceback(print)) cl(pcall(debug.traceback,"m","x")) cl(pcall(debug.traceback,"m",1.5)) cl(debug.traceback("m",-1)) cl(debug.traceback(nil,1)) cl(debug.traceback("a\0b"))
local co=coroutine.create(function(x) local y=x coroutine.yield(y) error("in co") end) cl(debug.traceback(co)) coroutine.resume(co,1) cl(debug.traceback(co)) cl(debug.traceback(co,"msg")) cl(debug.traceback(co,"msg",1)) cl(debug.traceback(co,nil)) cl(debug.traceback(co,{})) show(debug.getinfo(co,0,"nSl")) show(debug.getinfo(co,1,"nSltu")) show(debug.getinfo(co,2)) cl(debug.getlocal(co,1,1)) cl(debug.getlocal(co,1,2)) cl(debug.setlocal(co,1,2,"changed")) cl(debug.getlocal(co,1,2)) cl(pcall(debug.getlocal,co,9,1)) coroutine.resume(co) cl(debug.traceback(co)) cl(debug.getlocal(co,1,2)) show(debug.getinfo(co,1,"S"))
local function deep(n) if n==0 then return (debug.traceback("deep")) end local r=deep(n-1) return r end print((deep(40)))
-- hooks
local function rec(mask,count,fn) local log={} debug.sethook(function(e,l) log[#log+1]=e..":"..tostring(l) if #log>60 then debug.sethook() end end,mask,count) fn() debug.sethook() print(mask,count,#log,table.concat(log," ")) end
local function work() local s=0 for i=1,3 do s=s+i end
 if s>2 then s=math.floor(s) end
 return tostring(s) end
rec("c",0,work) rec("r",0,work) rec("l",0,work) rec("crl",0,work) rec("",5,work) rec("l",3,work) rec("cr",7,function() return work() end) rec("x",0,work) rec("",0,work)
cl(debug.gethook()) debug.sethook(print,"cl",3) debug.sethook() cl(debug.gethook()) local hk=function() end debug.sethook(hk,"lrc",100) local a,b,c=debug.gethook() debug.sethook() cl(a==hk,b,c) cl(pcall(debug.sethook,1)) cl(pcall(debug.sethook,print)) cl(pcall(debug.sethook,print,"c","x")) cl(pcall(debug.sethook,nil,"c")) cl(debug.gethook(co)) debug.sethook(co,hk,"c") cl(debug.gethook(co)==hk) debug.sethook(co) cl(debug.gethook(co)) cl(pcall(debug.sethook,co)) 
cl(pcall(function() debug.sethook(function() debug.sethook() error("from hook") end,"l") local x=1 
 local y=2 end))
debug.sethook(function(e) local d=debug.getinfo(2,"r") if d.ntransfer>0 then cl(e,d.ftransfer,d.ntransfer,debug.getlocal(2,d.ftransfer)) end end,"cr") math.max(3,4,5); (function(p,...) local q=p return q,... end)(1,2,3) debug.sethook()
cl(pcall(debug.setcstacklimit,200)) cl(pcall(debug.setcstacklimit))
cl(pcall(debug.upvaluejoin)) cl(pcall(debug.sethook,{},"c"))
