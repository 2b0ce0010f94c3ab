//! The exit codes: constant, and the same for every verb. Scripts and cron decide by them.
//!
//! A run of several sites ends with the code that [`crate::rollout::exit_code`] gives; the others
//! are given here, at the door.

/// Done, and nothing is pending.
pub const DONE: u8 = 0;
/// An error of fleetctl itself or of this machine: a full disk, a file that cannot be written.
pub const INTERNAL: u8 = 1;
/// The command line is wrong, or what it targets matched nothing.
pub const USAGE: u8 = 2;
/// What the project says is wrong.
pub const INVALID: u8 = 3;
/// Some site failed, within the budget.
pub const FAILED: u8 = 4;
/// Aborted, and nothing was rolled back: also when a person says no.
pub const ABORTED: u8 = 5;
/// Only unreachable sites.
pub const UNREACHABLE: u8 = 8;
/// Changes or drift are pending (`plan`, `audit`).
pub const PENDING: u8 = 10;
/// Authentication or a host key.
pub const DENIED: u8 = 12;
/// A secret could not be had.
pub const SECRET: u8 = 13;

/// The codes as `--help` shows them.
pub const TABLE: &str = "\
Exit codes:
    0  done, nothing pending
    1  an error of fleetctl or of this machine
    2  the command line is wrong, or its target matched nothing
    3  something in the project is wrong
    4  some site failed, within the budget
    5  aborted, nothing rolled back
    6  aborted and rolled back
    7  a rollback itself failed
    8  the only trouble is unreachable hosts
    9  a host lock is held by another run
   10  something is pending (plan, audit, lock --check, feature outdated)
   11  hosts have moved since the plan was made
   12  authentication or a host key
   13  a secret could not be had
  130, 143  interrupted; the same command goes on";
