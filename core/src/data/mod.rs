//! The data plane: splits, records, runs and merges as functions and cursors over borrowed slices.
