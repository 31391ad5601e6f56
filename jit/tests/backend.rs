//! The backend: encodings against an independent decoder, every op lowered, traces run.

mod backend {
    mod encodings;
    mod ops;
}
