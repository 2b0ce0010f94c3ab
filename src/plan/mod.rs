//! What a host has against what it should have: verdicts, ordered changes, and how to take
//! them back. Pure and total: a plan is a value, and making one cannot fail.
//!
//! The same code serves `plan`, `deploy`, `audit` and `rollback`, which is why a plan can be
//! trusted. It must never touch a host, a clock or a disk.

mod deviation;
mod ground;
mod observation;
mod preflight;
mod prune;
mod site;

pub use deviation::{Deviation, Kind, compared, damaged, deviations, is_unfit_as_base};
pub use ground::Above;
pub use observation::{Current, Holder, HostLock, Observation, UndoRecord};
pub use preflight::{Needs, obstacles};
pub use prune::{Prune, prune};
pub use site::{Base, Decision, Deployment, Policy, plan};
