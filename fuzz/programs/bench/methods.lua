-- Objects, methods, inheritance.
local Account = {}
Account.__index = Account
function Account.new(balance) return setmetatable({ balance = balance }, Account) end
function Account:deposit(n) self.balance = self.balance + n return self end
function Account:get() return self.balance end
local Savings = setmetatable({}, { __index = Account })
Savings.__index = Savings
function Savings.new(balance) return setmetatable({ balance = balance, rate = 3 }, Savings) end
function Savings:interest() return self:deposit(self.rate) end
local a, b = Account.new(0), Savings.new(0)
for i = 1, 300000 do
  a:deposit(i)
  b:interest():deposit(1)
end
return a:get() + b:get()
