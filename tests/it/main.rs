//! Tests against real programs: one binary, a module per topic.

#[cfg(test)]
mod cli;
#[cfg(test)]
mod diff;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod fuzz;
mod lab;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod wire;
