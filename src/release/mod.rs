//! What goes to hosts and what it is made of: manifests, archives, differences.
//!
//! Pure: it works over byte streams that others open, and knows no disk and no network.

pub mod archive;
pub mod artifact;
mod tar;

pub use artifact::ArtifactManifest;

mod difference;
mod manifest;
mod payload;
mod site_journal;
mod tree;
mod wanted;

pub use difference::{Difference, LineDifference, ancestors};
pub use manifest::{Entry, Manifest, Part, Texts, TreePath, identity};
pub use payload::{Coding, Deliver, Piece};
pub use site_journal::{Record, SiteJournal, Verb, decode, encode};
pub use tree::{Change, Tree};
pub use wanted::{Source, Sources, Wanted, WantedLink};
