//! The audiences of a run, and everything else that is shown: the only room that owns colour.
//!
//! Each reporter takes [`Stamped`](crate::event::Stamped) events and writes to what it is
//! given; none asks a host, a file or a clock. All are fed by the same [`Tally`], so a run
//! that is replayed from its journal shows what it showed live. Text reaches a writer only as
//! a [`Line`], and every line is made safe for a terminal when it is made.

pub mod audit;
mod collapse;
mod diff;
mod json;
mod line;

mod plain;
pub mod plan;
mod recap;
#[cfg(test)]
mod screens_test;
mod story;
mod table;
mod tally;
mod tty;
mod words;

pub use crate::model::{listed, ranges};
pub use collapse::{Shared, collapse, outputs};
pub use diff::diff;
pub use json::Json;
pub use line::{Line, Look, Tone, terminal_width};
pub use plain::Plain;
pub use recap::{next_step, recap, where_lines};
pub use story::Detail;
pub use table::Table;
pub use tally::Tally;
pub use tty::Tty;
pub use words::{bytes, plural, took};
