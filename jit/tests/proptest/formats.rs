//! `string.format`: random specifications with arguments that fit and that do not.

use crate::edges::{short_string, value};
use crate::harness::check;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn spec() -> impl Strategy<Value = String> + Clone {
    let usual =
        ("[-+#0 ]{0,2}", "[1-9]{0,2}", "([.][0-9]{0,2})?", select(b"cdiouxXaAeEfFgGsqp%".to_vec()))
            .prop_map(|(flags, width, precision, conversion)| {
                format!("%{flags}{width}{precision}{}", conversion as char)
            });
    prop_oneof![
        6 => usual,
        2 => select(vec!["%d", "%s", "%5s", "%-5s|", "%.3s", "%q", "%x", "%g", "%c", "%%", "%i", "%10.4s"]).prop_map(String::from),
        1 => "%[-+#0 .]{0,6}[0-9]{0,3}[.]{0,1}[0-9]{0,3}[a-zA-Z%]?",
        1 => select(vec!["text", "", "\0", "%", "%\0", "%-", "%10", "%.", "%lld", "%hd", "%y", "%123d", "%.123d"])
            .prop_map(String::from),
    ]
}

/// `%p` prints an address unless the value has none.
fn argument(format: &str, given: &[String]) -> String {
    let plain: Vec<String> = given
        .iter()
        .map(|text| {
            if format.contains('p') && text.starts_with(['{', 'm', 'c', '"', '\'']) {
                "1".into()
            } else {
                text.clone()
            }
        })
        .collect();
    plain.join(", ")
}

#[test]
fn formats() {
    let arguments = vec(prop_oneof![3 => value(), 1 => short_string()], 0..4);
    check(
        1200,
        (vec(spec(), 1..4), arguments).prop_map(|(specs, given)| {
            let format = specs.concat();
            let mut text = format!("T(string.format, {}", crate::edges::quote(format.as_bytes()));
            let given = argument(&format, &given);
            if !given.is_empty() {
                text += &format!(", {given}");
            }
            // Addresses of what `%s` shows, and the sign of a NaN, are not Lua's to say.
            text.replace("{}", "setmetatable({}, {__tostring = function() return 'obj' end})")
                .replace(
                    "coroutine.create(math.type)",
                    "setmetatable({}, {__name = 'N', __tostring = function() return 1 end})",
                )
                .replace("(0/0)", "1e300")
                .replace(", math.type", ", true")
                + ")"
        }),
    );
}

/// `%q` writes what `load` reads back.
#[test]
fn quoted_values_read_back() {
    check(800, prop_oneof![value(), short_string()].prop_map(|x| {
        format!("T(function(v) local q = string.format('%q', v) S(q) return load('return ' .. q)() end, {x})")
    }));
}
