//! The door: everything happens in [`fleetctl::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    fleetctl::cli::main()
}
