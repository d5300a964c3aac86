//! The tables of the control plane.

mod incidents;
mod plans;
mod rows;
mod targets;

pub use incidents::{close_incident, open_incident, open_incidents_on, save_incident};
pub use plans::{
    StoredPlan, actions, insert, insert_approval, list, load, load_for_update, of_step, of_subject, past, running, save,
};
pub use targets::{Report, save_target, target};
