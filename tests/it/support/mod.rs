//! What several topics need: servers, wires, keys, hosts.

pub mod lab;
pub mod proxy;
pub mod sshd;
