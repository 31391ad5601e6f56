//! Random calls with random arguments, on ours and on PUC Lua, byte for byte.
//!
//! In:  strategies that make Lua statements, one module a topic.
//! Out: nothing, or the shortest program that prints something else under PUC.
//!
//! A statement prints what it computes through `T`, which shows subtype and every bit of a number, and
//! the message of an error. `PROPTEST_CASES` sets the number of programs for all tests here.

mod arithmetic;
mod chunks;
mod dates;
mod edges;
mod formats;
mod harness;
mod math;
mod numerals;
mod packing;
mod patterns;
mod strings;
mod tables;
mod utf8;
