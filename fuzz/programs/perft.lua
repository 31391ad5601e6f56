-- A chess move generator: it counts the positions that can be reached in a number of moves. The counts
-- are known (perft); castling, en passant and promotions included.

-- The board is 10 x 12 with a border. Pieces: 1 to 6 are pawn, knight, bishop, rook, queen, king; black's
-- are negative; 7 is outside.
local PAWN, KNIGHT, BISHOP, ROOK, QUEEN, KING, OUTSIDE = 1, 2, 3, 4, 5, 6, 7
local letters = {P = 1, N = 2, B = 3, R = 4, Q = 5, K = 6}
local steps = {
  [KNIGHT] = {-21, -19, -12, -8, 8, 12, 19, 21},
  [BISHOP] = {-11, -9, 9, 11},
  [ROOK] = {-10, -1, 1, 10},
  [QUEEN] = {-11, -10, -9, -1, 1, 9, 10, 11},
  [KING] = {-11, -10, -9, -1, 1, 9, 10, 11},
}

local function position(fen)
  local board = {}
  for i = 0, 119 do board[i] = OUTSIDE end
  local at, file = 21, 0
  local rows, turn, castling, passing = fen:match("(%S+) (%S+) (%S+) (%S+)")
  for c in rows:gmatch(".") do
    if c == "/" then
      at, file = at + 10, 0
    elseif c:match("%d") then
      for _ = 1, tonumber(c) do
        board[at + file] = 0
        file = file + 1
      end
    else
      local piece = letters[c:upper()]
      board[at + file] = c:match("%u") and piece or -piece
      file = file + 1
    end
  end
  local p = {board = board, side = turn == "w" and 1 or -1, passing = 0, kings = {}}
  p.rights = {castling:find("K", 1, true) ~= nil, castling:find("Q", 1, true) ~= nil,
    castling:find("k", 1, true) ~= nil, castling:find("q", 1, true) ~= nil}
  if passing ~= "-" then
    p.passing = 21 + (8 - tonumber(passing:sub(2))) * 10 + passing:byte() - 97
  end
  for i = 21, 98 do
    if board[i] == KING then p.kings[1] = i elseif board[i] == -KING then p.kings[-1] = i end
  end
  return p
end

local function attacked(board, square, by)
  for _, d in ipairs(steps[KNIGHT]) do
    if board[square + d] == by * KNIGHT then return true end
  end
  for i, d in ipairs(steps[QUEEN]) do
    local straight = d == -10 or d == -1 or d == 1 or d == 10
    local slider = straight and ROOK or BISHOP
    local at, distance = square + d, 1
    local piece = board[at]
    while piece == 0 do
      at, distance = at + d, distance + 1
      piece = board[at]
    end
    if piece ~= OUTSIDE then
      piece = piece * by
      if piece == QUEEN or piece == slider or piece == KING and distance == 1 then return true end
    end
  end
  local back = by * 10
  return board[square + back - 1] == by * PAWN or board[square + back + 1] == by * PAWN
end

-- Moves are numbers: from, to, promotion, kind (1 double step, 2 en passant, 3 castling).
local function move(from, to, promotion, kind)
  return from | to << 7 | (promotion or 0) << 14 | (kind or 0) << 18
end

local function pawn_moves(p, from, list)
  local board, side = p.board, p.side
  local ahead = from - 10 * side
  local last = side == 1 and ahead < 30 or side == -1 and ahead > 90
  local function add(to, kind)
    if last then
      for piece = KNIGHT, QUEEN do list[#list + 1] = move(from, to, piece) end
    else
      list[#list + 1] = move(from, to, 0, kind)
    end
  end
  if board[ahead] == 0 then
    add(ahead)
    local home = side == 1 and from > 80 or side == -1 and from < 40
    if home and board[ahead - 10 * side] == 0 then add(ahead - 10 * side, 1) end
  end
  for d = -1, 1, 2 do
    local target = board[ahead + d]
    if target ~= OUTSIDE and target * side < 0 then add(ahead + d)
    elseif ahead + d == p.passing and target == 0 then add(ahead + d, 2) end
  end
end

local function castling_moves(p, list)
  local board, side = p.board, p.side
  local base = side == 1 and 0 or 2
  local king = p.kings[side]
  if not (p.rights[base + 1] or p.rights[base + 2]) or attacked(board, king, -side) then return end
  if p.rights[base + 1] and board[king + 1] == 0 and board[king + 2] == 0
    and not attacked(board, king + 1, -side) then
    list[#list + 1] = move(king, king + 2, 0, 3)
  end
  if p.rights[base + 2] and board[king - 1] == 0 and board[king - 2] == 0 and board[king - 3] == 0
    and not attacked(board, king - 1, -side) then
    list[#list + 1] = move(king, king - 2, 0, 3)
  end
end

local function moves(p)
  local board, side, list = p.board, p.side, {}
  for from = 21, 98 do
    local piece = board[from]
    if piece ~= OUTSIDE and piece * side > 0 then
      piece = piece * side
      if piece == PAWN then
        pawn_moves(p, from, list)
      else
        local slides = piece ~= KNIGHT and piece ~= KING
        for _, d in ipairs(steps[piece]) do
          local to = from + d
          while true do
            local target = board[to]
            if target == OUTSIDE or target * side > 0 then break end
            list[#list + 1] = move(from, to)
            if target ~= 0 or not slides then break end
            to = to + d
          end
        end
      end
    end
  end
  castling_moves(p, list)
  return list
end

-- Squares whose piece, once moved or taken, ends a right to castle.
local corners = {[95] = {1, 2}, [98] = {1}, [91] = {2}, [25] = {3, 4}, [28] = {3}, [21] = {4}}

-- Makes a move and returns what takes it back.
local function make(p, m)
  local board, side = p.board, p.side
  local from, to, promotion, kind = m & 127, m >> 7 & 127, m >> 14 & 15, m >> 18
  local moved, taken, passing, king = board[from], board[to], p.passing, p.kings[side]
  local rights = {table.unpack(p.rights)}
  board[to] = promotion ~= 0 and promotion * side or moved
  board[from] = 0
  p.passing = 0
  if kind == 1 then p.passing = (from + to) // 2
  elseif kind == 2 then board[to + 10 * side] = 0
  elseif kind == 3 then
    local rook = to > from and from + 3 or from - 4
    board[(from + to) // 2], board[rook] = board[rook], 0
  end
  if moved == KING * side then p.kings[side] = to end
  for _, square in ipairs {from, to} do
    for _, right in ipairs(corners[square] or {}) do p.rights[right] = false end
  end
  p.side = -side
  return function()
    if kind == 2 then board[to + 10 * side] = -PAWN * side
    elseif kind == 3 then
      local rook = to > from and from + 3 or from - 4
      board[rook], board[(from + to) // 2] = board[(from + to) // 2], 0
    end
    board[from], board[to] = moved, taken
    p.side, p.passing, p.rights, p.kings[side] = side, passing, rights, king
  end
end

local function perft(p, depth)
  local count = 0
  for _, m in ipairs(moves(p)) do
    local side = p.side
    local undo = make(p, m)
    if not attacked(p.board, p.kings[side], -side) then
      count = count + (depth > 1 and perft(p, depth - 1) or 1)
    end
    undo()
  end
  return count
end

for _, known in ipairs {
  {"start", "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq -", {20, 400}},
  {"kiwipete", "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq -", {48, 2039}},
  {"endgame", "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - -", {14, 191, 2812}},
  {"promotions", "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq -", {6, 264}},
} do
  local name, fen, counts = known[1], known[2], known[3]
  local p = position(fen)
  for depth, count in ipairs(counts) do
    local found = perft(p, depth)
    print(name, depth, found, found == count and "right" or "WRONG")
  end
end
