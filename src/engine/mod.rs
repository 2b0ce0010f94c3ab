//! The motor: what is decided elsewhere is done here, to all hosts at once.
//!
//! One dispatcher hears everything (workers, timers, signals) and is the only one that makes
//! events; one worker per site does what it is told, step by step, and asks for a permit before
//! it changes anything. Nothing here prints, and nothing here decides what a pure room can.

pub mod adhoc;
mod back;
pub mod cache;
pub mod check;
pub mod emit;
mod errand;
mod foresight;
mod gates;
pub mod host;
mod leftover;
pub mod line;
pub mod mouth;
pub mod parcels;
pub mod process;
mod reading;
pub mod scripts;
pub mod session;
mod settle;
mod signals;
pub mod site;
mod tls;
pub mod url;

#[cfg(test)]
mod tests;
