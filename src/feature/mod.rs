//! Features: what one is, what it wants to know, where its files go, and which version a site
//! gets.
//!
//! Pure: it reads texts and lists that others fetched, and gives values or all problems at
//! once. It knows nothing of inventories; whoever resolves hands in plain wants.

mod catalog;
mod definition;
mod layout;
mod lock;
mod read;
mod resolve;
mod schema;
mod variables;

pub use catalog::{Catalog, Published, Relations};
pub use definition::{Feature, LinkSpec, Mount, Place, PlaceError, Side, TemplateSpec};
pub use layout::{Item, Layout, Origin, Tree, check_tree, layout};
pub use lock::{Lock, LockedSet, Move, Moves, OptOuts, Reworded, moves};
pub use read::parse;
pub use resolve::{
    Against, Ask, Asked, AskedSet, Choice, Chosen, Conflict, Held, Hold, Needs, OptOut,
    RequirementSet, Resolution, Solved, Through, Trials, Update, Want, requirement_sets, resolve,
    resolve_most,
};
pub use schema::{Kind, Schema, VariableSpec};
pub use variables::{Given, Had, Setting, VariableCheck};
