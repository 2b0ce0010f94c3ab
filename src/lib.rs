//! fleetctl: an agentless deployment orchestrator over SSH for fleets of websites.
//!
//! The house has floors, and arrows only go down (see `ARCHITECTURE.md`):
//!
//! ```text
//! 7 door        main.rs  lib.rs  cli/
//! 6 audience    report/  store/           and pipeline.rs, which fills a session
//! 5 motor       engine/
//! 4 hands       transport/  registry/  project.rs
//! 3 verdicts    desired.rs  plan/  rollout/
//! 2 languages   inventory/  feature/  playbook/  release/
//! 1 vocabulary  resource/  template/  event.rs
//! 0 ground      model/  shell/
//! ```

#[cfg(test)]
mod cases;
pub mod cli;
pub mod desired;
pub mod engine;
pub mod event;
pub mod feature;
pub mod inventory;
pub mod model;
pub mod pipeline;
pub mod plan;
pub mod playbook;
pub mod project;
pub mod registry;
pub mod release;
pub mod report;
pub mod resource;
pub mod rollout;
pub mod shell;
pub mod store;
pub mod template;
pub mod transport;
