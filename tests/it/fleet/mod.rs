//! The whole product over sixty real hosts: what a person types, what visitors then see.
//!
//! Everything goes through the real binary, real sshd, nginx and php-fpm, a login that is not
//! root, and sudo. What stands on hosts is judged without fleetctl.

mod blackhole;
mod broken;
mod bucket;
mod contention;
mod doctor;
mod hostile;
mod killed;
mod lease;
mod locked;
mod main_job;
mod membership;
mod project;
mod rollback;
mod secrets;
mod sight;
mod sixty;
mod stalled;
mod words;
