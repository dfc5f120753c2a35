//! From stored descriptions to the stored code, and from Python to these descriptions.
//!
//! The classes are those of `interop/python/typed`, which real nodes echo in the suite against them, and
//! those of `tests/python/corners.py`, which only have to compile.

mod corners;
mod errors;
mod golden;
mod python;
mod words;
