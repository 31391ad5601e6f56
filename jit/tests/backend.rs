//! The backend: encodings against an independent decoder, every op lowered, random traces run by
//! the simulator and by the IR evaluator.

mod backend {
    mod differential;
    mod encodings;
    mod files;
    mod generate;
    mod limits;
    mod rng;
    mod world;
}
