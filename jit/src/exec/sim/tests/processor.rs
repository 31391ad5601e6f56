//! The simulator against the processor it runs on: random words of every supported form on random
//! register states. Runs on aarch64 hosts, or under an emulator.
