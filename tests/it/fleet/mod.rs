//! The whole product over sixty real hosts: what a person types, what visitors then see.
//!
//! Everything goes through the real binary, real sshd, nginx and php-fpm, a login that is not
//! root, and sudo. What stands on hosts is judged without fleetctl.

mod broken;
mod contention;
mod killed;
mod main_job;
mod membership;
mod project;
mod rollback;
mod sight;
mod sixty;
mod words;
