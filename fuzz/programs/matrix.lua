-- Matrices as objects: products, LU decomposition with pivoting, inverse, determinant, power iteration.
local Matrix = {} Matrix.__index = Matrix

local function new(rows, columns, f)
  local m = {rows = rows, columns = columns}
  for i = 1, rows do
    local row = {}
    for j = 1, columns do row[j] = f(i, j) end
    m[i] = row
  end
  return setmetatable(m, Matrix)
end
local function identity(n) return new(n, n, function(i, j) return i == j and 1.0 or 0.0 end) end

function Matrix.__add(a, b) return new(a.rows, a.columns, function(i, j) return a[i][j] + b[i][j] end) end
function Matrix.__sub(a, b) return new(a.rows, a.columns, function(i, j) return a[i][j] - b[i][j] end) end
function Matrix.__unm(a) return new(a.rows, a.columns, function(i, j) return -a[i][j] end) end
function Matrix.__mul(a, b)
  if type(a) == "number" then return new(b.rows, b.columns, function(i, j) return a * b[i][j] end) end
  if type(b) == "number" then return b * a end
  if a.columns ~= b.rows then error(("cannot multiply %dx%d by %dx%d"):format(a.rows, a.columns, b.rows, b.columns), 2) end
  return new(a.rows, b.columns, function(i, j)
    local sum, row = 0, a[i]
    for k = 1, #row do sum = sum + row[k] * b[k][j] end
    return sum
  end)
end
function Matrix.__pow(a, n)
  local result = identity(a.rows)
  for _ = 1, n do result = result * a end
  return result
end
function Matrix.__eq(a, b)
  for i = 1, a.rows do
    for j = 1, a.columns do
      if a[i][j] ~= b[i][j] then return false end
    end
  end
  return a.rows == b.rows and a.columns == b.columns
end
function Matrix.__call(a, i, j) return a[i][j] end
function Matrix.__tostring(a)
  local lines = {}
  for i = 1, a.rows do
    local cells = {}
    for j = 1, a.columns do cells[j] = ("%9.4f"):format(a[i][j]) end
    lines[i] = table.concat(cells, " ")
  end
  return table.concat(lines, "\n")
end
function Matrix:transposed() return new(self.columns, self.rows, function(i, j) return self[j][i] end) end
function Matrix:norm()
  local sum = 0
  for i = 1, self.rows do
    for j = 1, self.columns do sum = sum + self[i][j] ^ 2 end
  end
  return sum ^ 0.5
end

-- Lower and upper triangle in one matrix, the order of rows, and the sign of that order; nil if singular.
local function decompose(a)
  local n, m = a.rows, new(a.rows, a.columns, function(i, j) return a[i][j] + 0.0 end)
  local order, sign = {}, 1
  for i = 1, n do order[i] = i end
  for column = 1, n do
    local pivot = column
    for i = column + 1, n do
      if math.abs(m[i][column]) > math.abs(m[pivot][column]) then pivot = i end
    end
    if math.abs(m[pivot][column]) < 1e-12 then return nil end
    if pivot ~= column then
      m[pivot], m[column] = m[column], m[pivot]
      order[pivot], order[column] = order[column], order[pivot]
      sign = -sign
    end
    for i = column + 1, n do
      local factor = m[i][column] / m[column][column]
      m[i][column] = factor
      for j = column + 1, n do m[i][j] = m[i][j] - factor * m[column][j] end
    end
  end
  return m, order, sign
end

function Matrix:determinant()
  local m, _, sign = decompose(self)
  if not m then return 0.0 end
  local product = sign
  for i = 1, m.rows do product = product * m[i][i] end
  return product
end

function Matrix:inverse()
  local m, order = decompose(self)
  if not m then error("the matrix is singular", 2) end
  local n, result = m.rows, {}
  for column = 1, n do
    local x = {}
    for i = 1, n do
      local sum = order[i] == column and 1.0 or 0.0
      for j = 1, i - 1 do sum = sum - m[i][j] * x[j] end
      x[i] = sum
    end
    for i = n, 1, -1 do
      local sum = x[i]
      for j = i + 1, n do sum = sum - m[i][j] * x[j] end
      x[i] = sum / m[i][i]
    end
    result[column] = x
  end
  return new(n, n, function(i, j) return result[j][i] end)
end

local hilbert = new(6, 6, function(i, j) return 1 / (i + j - 1) end)
print(("%.6e"):format(hilbert:determinant()), ("%.3e"):format((hilbert * hilbert:inverse() - identity(6)):norm()))
local integers = new(4, 4, function(i, j) return (i * 7 + j * 3) % 5 - (i == j and 3 or 0) end)
print(integers)
print(integers:determinant(), integers:transposed():determinant())
print(integers:inverse())
print(math.type((integers * integers)(1, 1)), math.type((integers * 0.5)(1, 1)), integers * integers == integers ^ 2, integers == -integers)
print(pcall(function() return new(2, 3, function() return 1 end) * integers end))
print(pcall(Matrix.inverse, new(3, 3, function(i, j) return i * j end)))
print(new(3, 3, function(i, j) return i * j end):determinant(), (2 * identity(2) + identity(2) * 3):determinant())

local fibonacci = setmetatable({rows = 2, columns = 2, {1, 1}, {1, 0}}, Matrix)
local m = fibonacci
for _ = 1, 88 do m = m * fibonacci end
print(m(1, 2), math.type(m(1, 2)), (fibonacci ^ 60)(1, 2))

local symmetric = new(5, 5, function(i, j) return i == j and 4.0 or 1 / (i + j) end)
local vector, eigenvalue = new(5, 1, function(i) return i end), 0
for _ = 1, 200 do
  vector = symmetric * vector
  eigenvalue = vector:norm()
  vector = (1 / eigenvalue) * vector
end
print(("%.10f"):format(eigenvalue), (symmetric * vector - eigenvalue * vector):norm() < 1e-6)
