//! The miner through its public door.

mod headers;
mod joining;
mod mining;
mod public_forms;
mod robustness;
