//! `table.*`: lists with holes and mixed elements, every index near an edge, comparators that lie.

use crate::edges::{
    fill, index, integer, integer_literal, number, short_string, small_index, value,
};
use crate::harness::check;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn plain_list() -> impl Strategy<Value = String> + Clone {
    let element =
        prop_oneof![4 => (-5i64..9).prop_map(|i| i.to_string()), 1 => value(), 1 => short_string()];
    vec(element, 0..9).prop_map(|items| format!("{{{}}}", items.join(", ")))
}

fn list() -> impl Strategy<Value = String> + Clone {
    let items = plain_list();
    prop_oneof![
        8 => items.clone(),
        1 => (items.clone(), small_index()).prop_map(|(items, n)| {
            format!("setmetatable({items}, {{__len = function() return {n} end}})")
        }),
        1 => items.prop_map(|items| format!(
            "(function(base) return setmetatable({{}}, {{__len = function() return #base end,
             __index = function(_, k) S('get', k) return base[k] end,
             __newindex = function(_, k, v) S('set', k, v) base[k] = v end}}) end)({items})"
        )),
    ]
}

#[test]
fn lists() {
    let form = select(vec![
        "T(table.concat, L)",
        "T(table.concat, L, V)",
        "T(table.concat, L, ',', I)",
        "T(table.concat, L, ', ', I, J)",
        "T(table.unpack, L)",
        "T(table.unpack, L, I)",
        "T(table.unpack, L, I, J)",
        "do local t = L T(table.insert, t, V) S(#t, rawlen(t), rawget(t, #t)) end",
        "do local t = L T(table.insert, t, I, V) S(table.unpack(t, -2, 10)) end",
        "T(table.insert, L, I, V, V)",
        "T(table.insert, L)",
        "do local t = L T(table.remove, t) S(table.unpack(t, -2, 10)) end",
        "do local t = L T(table.remove, t, I) S(table.unpack(t, -2, 10)) end",
        "do local t = L T(function() return table.unpack(table.move(t, I, J, K), -9, 12) end) end",
        "do local t, u = L, L T(function() return table.unpack(table.move(t, I, J, K, u), -9, 12) end) end",
        "T(function() local p = table.pack(V, nil, V) return p.n, p[1], p[3], #p end)",
        "T(function() return #L, rawlen(L), next(L) end)",
        "T(next, L, V)",
        "T(rawequal, V, V)",
        "T(select, I, table.unpack(L))",
        "T(table.move, L, I, J, V)",
        "T(table.concat, V, V, I, J)",
        "T(ipairs(L))",
        "T(rawget, L, V)",
        "T(rawset, L, V, I)",
    ]);
    let indexes = (small_index(), small_index(), small_index());
    check(
        1200,
        (form, list(), value(), indexes).prop_map(|(form, list, value, (i, j, k))| {
            fill(form, &[('L', &list), ('V', &value), ('I', &i), ('J', &j), ('K', &k)])
        }),
    );
}

/// Short ranges at the ends of the integers. The lists have no `__len`: below a negative one, positions far
/// away are valid, and everything between is moved.
#[test]
fn far_ranges() {
    let form = select(vec![
        "T(table.move, L, F, E, K)",
        "T(table.unpack, L, F, E)",
        "T(table.concat, L, ',', F, E)",
        "T(function() local t = L table.move(t, F, E, K) return t[F], t[E], t[K] end)",
        "T(table.insert, L, K, 0)",
        "T(table.remove, L, K)",
        "T(select, K, 1, 2)",
    ]);
    let range = (integer(), -3i64..6, index());
    check(
        800,
        (form, plain_list(), range).prop_map(|(form, list, (from, length, to))| {
            // A range that wraps around is as long as all integers.
            let (from, end) = match from.checked_add(length) {
                Some(end) => (from, end),
                None => (1, 3),
            };
            let end = integer_literal(end);
            fill(form, &[('L', &list), ('F', &integer_literal(from)), ('E', &end), ('K', &to)])
        }),
    );
}

#[test]
fn sorting() {
    let elements = prop_oneof![
        3 => vec((-9i64..9).prop_map(|i| i.to_string()), 0..60),
        2 => vec(number(), 0..20),
        1 => vec(short_string(), 0..20),
        1 => vec(value(), 0..8),
        1 => (0usize..90).prop_map(|n| (0..n).map(|i| i.to_string()).collect()),
        1 => (0usize..90).prop_map(|n| (0..n).map(|i| (n - i).to_string()).collect()),
    ];
    // Each comparator shows every pair that it is asked about, in order, as a number.
    let comparator = prop_oneof![
        3 => Just("a < b".to_string()),
        1 => select(vec!["a <= b", "a > b", "true", "false", "a ~= b", "tostring(a) < tostring(b)", "nil", "0"]).prop_map(String::from),
        2 => any::<u32>().prop_map(|bits| format!("({bits} >> (n % 32)) & 1 == 0")),
        1 => (1u32..50).prop_map(|stop| format!("n < {stop} and a < b or n >= {stop} and error('stop', 0)")),
    ];
    check(1500, (elements, comparator, any::<bool>()).prop_map(|(elements, comparator, plain)| {
        let list = elements.join(", ");
        if plain {
            return format!("do local t = {{{list}}} T(table.sort, t) S(table.unpack(t)) end");
        }
        format!(
            "do local t, n, trail = {{{list}}}, 0, 0
             T(table.sort, t, function(a, b) n = n + 1
               local x, y = tonumber(a) or 0, tonumber(b) or 0
               trail = trail * 31 + (math.tointeger(x) or n) * 7 + (math.tointeger(y) or n) return {comparator} end)
             S(n, trail, table.unpack(t)) end"
        )
    }));
}
