//! The data plane: splits, records, runs and merges as functions and cursors over borrowed slices.
//!
//! On its way a byte meets [`split`] (which bytes a mapper is fed), [`record`] and [`partition`] (what its output
//! means and where it goes), [`sort`] (in memory), [`run`] (on disk and on the wire, told apart by its [`digest`]), [`merge`] (back into one order).
//! Nothing here asks for memory because of a length it was merely told.

pub mod digest;
pub mod key;
pub mod merge;
pub mod partition;
pub mod record;
mod room;
pub mod run;
pub mod sort;
pub mod split;
