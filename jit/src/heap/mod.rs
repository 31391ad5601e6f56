//! Values and heap objects: the layouts that traces read, and the collector.

pub mod layout;
pub mod value;
