//! Traces in text form under `filetests/backend`: sizes of code that must not grow.
