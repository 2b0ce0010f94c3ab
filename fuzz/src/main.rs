//! The fuzzer: feeds the parser that `FUZZ_TARGET` names. See `fuzz/run`.

#![no_main]

mod targets;

use std::{env, sync::LazyLock};

use libfuzzer_sys::fuzz_target;

static FEED: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a parser");
    let found = targets::ALL.iter().find(|parser| parser.name == name);
    found.unwrap_or_else(|| panic!("no parser is called {name}")).feed
});

fuzz_target!(|bytes: &[u8]| FEED(bytes));
