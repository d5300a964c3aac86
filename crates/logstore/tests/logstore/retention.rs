//! What is old goes when it is told to.
