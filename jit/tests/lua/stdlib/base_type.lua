print(type(nil), type(1), type(1.5), type("x"), type(true), type({}), type(print), type(function() end), type(nil, 1))
try(type)
bad(type)
print(_VERSION, _G._G == _G, _G.print == print, type(_ENV), _ENV == _G)
