//! `os.date` and `os.time`: random formats and tables that need normalising.

use crate::edges::{index, quote, value};
use crate::harness::check;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn field() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        8 => (-100i64..3000).prop_map(|n| n.to_string()),
        4 => (-2i64..70).prop_map(|n| n.to_string()),
        1 => select(vec!["nil", "'12'", "1.0", "1.5", "'x'", "{}", "2^31", "2^40", "-2^31", "2147483647", "-2147483648",
            "2147485547", "2147485548", "-2147481748", "-2147481749", "math.maxinteger", "math.mininteger"]).prop_map(String::from),
    ]
}

#[test]
fn times() {
    let small = || -40i64..80;
    let usual = (1900i64..2200, small(), small(), small(), small(), small(), select(vec!["true", "false", "nil"]))
        .prop_map(|(year, month, day, hour, min, sec, dst)| format!(
            "{{year = {year}, month = {month}, day = {day}, hour = {hour}, min = {min}, sec = {sec}, isdst = {dst}}}"
        ));
    let wild = vec(
        (select(vec!["year", "month", "day", "hour", "min", "sec", "isdst", "wday"]), field()),
        0..6,
    )
    .prop_map(|fields| {
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        format!("{{year = 2000, month = 1, day = 1, {}}}", fields.join(", "))
    });
    check(
        900,
        prop_oneof![usual, wild].prop_map(|table| {
            format!(
        "T(function(t) local n = os.time(t) S(n)
         return t.year, t.month, t.day, t.hour, t.min, t.sec, t.wday, t.yday, t.isdst end, {table})"
    )
        }),
    );
}

#[test]
fn dates() {
    let piece = prop_oneof![
        6 => select(b"aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%".to_vec()).prop_map(|c| format!("%{}", c as char)),
        1 => (select(vec!["E", "O"]), "[a-zA-Z]").prop_map(|(e, c)| format!("%{e}{c}")),
        1 => "%[ -~]",
        1 => select(vec!["%", "text", "%E", "%O", "\0", "%\0", "*t", "!", "", "%Q", "%5d"]).prop_map(String::from),
    ];
    let format = (select(vec!["!", "!", "", "!*t", "*t", "*x", "!!"]), vec(piece, 0..4))
        .prop_map(|(start, pieces)| quote(format!("{start}{}", pieces.concat()).as_bytes()));
    let time = prop_oneof![
        6 => (-5_000_000_000i64..20_000_000_000).prop_map(|t| t.to_string()),
        2 => index(),
        1 => value(),
        1 => select(vec!["2^40", "1 << 40", "1 << 55", "67767976233532799", "67768036191676799", "67768036191676800",
            "-67768040609740800", "-67768040609740801", "math.maxinteger", "math.mininteger"]).prop_map(String::from),
    ];
    check(
        1000,
        (format, time).prop_map(|(format, time)| {
            format!(
                "T(function() local d = os.date({format}, {time})
         if type(d) == 'string' then return d end
         return d.year, d.month, d.day, d.hour, d.min, d.sec, d.wday, d.yday, d.isdst end)"
            )
        }),
    );
    check(200, (value(), value()).prop_map(|(a, b)| format!("T(os.difftime, {a}, {b})")));
}
