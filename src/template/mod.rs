//! Templates: Jinja as Ansible's `template` module speaks it, strict, and wary of secrets.
//!
//! Pure: text and variables in, [`Content`](crate::model::Content) or a problem with its line
//! out. Templates come from the project alone; what a host said is never one. A closed list of
//! filters and tests is known, nothing reads files, includes or the environment, and whatever
//! touched a secret comes out tainted. Known difference to Jinja2: a boolean is never equal to
//! a number (`1 == true`). The template engine is named in this room only.

mod escape;
mod filters;
mod fluent;
mod literal;
mod methods;
mod render;
mod secrets;

pub use render::Templates;
pub use secrets::{Variable, Variables};
