//! Generator, reducer, campaign and the `plumb` command.
