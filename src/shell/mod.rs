//! The language that hosts understand: words, scripts, and the frames their answers come in.
//!
//! Pure text in, pure text out. Nothing here knows what a site or a release is, and nobody else
//! writes shell: values become words through [`quote`] alone, and every script that crosses the
//! wire is a file in `scripts/`, checked by shellcheck and run in tests under several shells.

mod frame;
mod script;
mod word;

pub use frame::{Frame, FrameError};
pub use script::{As, Part, Script, library};
pub use word::{command_line, quote};
