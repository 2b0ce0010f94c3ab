//! The transport against real sshds, and against servers that lie.

mod auth;
mod exec;
mod host_keys;
mod liar;
mod line;
mod reach;
mod reap;
