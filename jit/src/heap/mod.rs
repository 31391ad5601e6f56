//! Values and heap objects.
