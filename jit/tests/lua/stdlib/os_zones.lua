-- Dates and times at the edges of daylight saving; the test runs this in several time zones.
for _, t in ipairs{0, 86399, 1e9, 1700000000, 1711846799, 1711846800, 1729990799,1729990800, -1, -86400*365*80, 2^31, 2^33//1|0, 253402300799, -62135596800} do
  for _, f in ipairs{"*t","!*t"} do
    local ok, d = pcall(os.date, f, t)
    if ok then local k={} for n,v in pairs(d) do k[#k+1]=n.."="..tostring(v) end table.sort(k) print(t,f,table.concat(k," ")) 
      print(pcall(os.time,d))
    else print(t,f,d) end
  end
  for c in ("aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%"):gmatch"." do print(t, c, pcall(os.date, "%"..c, t), pcall(os.date, "!%"..c, t)) end
  for _,m in ipairs{"Ec","EC","Ex","EX","Ey","EY","Od","Oe","OH","OI","Om","OM","OS","Ou","OU","OV","Ow","OW","Oy"} do print(t,m,pcall(os.date,"%"..m,t)) end
end
for _, m in ipairs{"E","O","Ez","Oz","Ea","Q","","k","l","s","P","i","f","J","K","L","N","o","q","v","+","-d","_d","0d"} do print(m, pcall(os.date,"%"..m,0), pcall(os.date,"a%"..m.."b",0)) end
for _, tab in ipairs{{year=2024,month=2,day=30},{year=2024,month=14,day=-3,hour=25,min=-61,sec=3600},{year=2024,month=3,day=31,hour=2,min=30},{year=2024,month=3,day=31,hour=2,min=30,isdst=true},{year=2024,month=10,day=27,hour=2,min=30,isdst=false},{year=2024,month=10,day=27,hour=2,min=30,isdst=true},{year=1900,month=1,day=1},{year=1,month=1,day=1},{year=9999,month=12,day=31},{year="2024",month="0x2",day=" 3 "},{year=2024.0,month=2,day=3},{year=2024.5,month=2,day=3},{year=2024,month=2},{year=2024,day=2},{month=1,day=1},{year=2^40,month=1,day=1},{year=2024,month=1,day=2^31},{year=2024,month=1,day=2^31-1},{year=2024,month=1,day=1,hour="x"},{year=2024,month=1,day=1,isdst="x"},{year=math.maxinteger,month=1,day=1},{year=math.mininteger,month=1,day=1},{year=2147483647+1900,month=1,day=1},{year=2024,month=2147483648,day=1},{year=2024,month=2147483647,day=1},{year=2024,month=1,day=1,hour=2147483647,min=2147483647,sec=2147483647}} do
  local ok, t = pcall(os.time, tab) print(_, ok, t)
  local k={} for n,v in pairs(tab) do k[#k+1]=n.."="..tostring(v) end table.sort(k) print(table.concat(k," "))
end
print(pcall(os.time,1),pcall(os.time,"x"),pcall(os.date,1),pcall(os.date,{}),pcall(os.date,"%c",{}),pcall(os.date,"%c","x"),pcall(os.date,"%c",1.5),pcall(os.date,"%c",2^60),pcall(os.date,"*t",2^60),pcall(os.date,"!%c",2^60), pcall(os.date,"%c","0"))
print(os.date("",0), os.date("!",0), os.date("%%",0), os.date("!*tx",0)~=nil, type(os.date"*t"), pcall(os.date,"*txyz",0), os.date("a\0b%d",0))
print(pcall(os.difftime), pcall(os.difftime,1), pcall(os.difftime,1,2), pcall(os.difftime,"x"), pcall(os.difftime, 2^70), os.difftime(5,2), pcall(os.difftime,5.5,1))
print(os.date(("%c"):rep(100),0)==os.date("%c",0):rep(100))
