//! The wire between the engine and a host: what crosses it, what it costs, and what a site is
//! left with when it breaks.

mod bed;
mod cut;
mod fault;
mod kit;
mod price;
mod quote;
mod shells;
mod silence;
mod thrift;
