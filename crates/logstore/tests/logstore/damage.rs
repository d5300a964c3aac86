//! Damaged files are named and set aside, and the rest stays readable.
