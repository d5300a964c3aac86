//! What was acknowledged is there exactly once, whenever the process ends.
