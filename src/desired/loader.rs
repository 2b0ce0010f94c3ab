//! The generated loader: the one file through which a platform finds all features of a site.

use std::collections::BTreeMap;

use crate::{
    model::{FeatureName, Platform},
    release::Part,
};

/// Where the loader is in the release, and its text.
pub(super) fn text(
    platform: Platform,
    features: &BTreeMap<FeatureName, Part>,
) -> (&'static str, String) {
    let entries = features.values().filter_map(|part| Some((part, part.entry.as_deref()?)));
    match platform {
        Platform::Wordpress => {
            let entries = entries.filter_map(|(_, path)| path.strip_prefix("private/"));
            ("private/loader.php", php(entries))
        }
        Platform::Static | Platform::React => {
            let entries = entries.filter_map(|(part, path)| {
                // The version in the query makes browsers fetch a new one when there is one.
                Some(format!("{}?v={}", path.strip_prefix("public/")?, part.digest.short()))
            });
            ("public/loader.js", js(entries))
        }
    }
}

/// The links through which the platform reaches the release: where in the docroot, what in the
/// release, and whether the directory of the link may be made.
///
/// A WordPress site loads every PHP file in `wp-content/mu-plugins/` without any activation in
/// its database (WordPress handbook, "Must Use Plugins"); the directory is often missing.
pub(super) fn links(platform: Platform) -> Vec<(&'static str, &'static str, bool)> {
    let assets = ("_features", "public", false);
    match platform {
        Platform::Wordpress => vec![
            assets,
            ("wp-content/mu-plugins/fleetctl-features.php", "private/loader.php", true),
        ],
        Platform::Static | Platform::React => vec![assets],
    }
}

fn php<'a>(entries: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from(
        "<?php\n/*\n * Plugin Name: Features\n * Description: Loads the shared features of this site. Written by fleetctl at every deploy; changes are lost.\n */\nif (!defined('ABSPATH')) {\n\texit;\n}\n",
    );
    for entry in entries {
        // The entry is a path of plain names, checked when the feature was published.
        let quoted = entry.replace('\\', "\\\\").replace('\'', "\\'");
        text.push_str(&format!("require_once __DIR__ . '/{quoted}';\n"));
    }
    text
}

fn js(entries: impl Iterator<Item = String>) -> String {
    let list: Vec<serde_json::Value> = entries.map(Into::into).collect();
    format!(
        "// Loads the shared features of this site. Written by fleetctl at every deploy; changes are lost.\n(function () {{\n  var me = document.currentScript;\n  var base = me ? me.src.replace(/loader\\.js.*$/, '') : '/_features/';\n  {}.forEach(function (path) {{\n    var script = document.createElement('script');\n    script.src = base + path;\n    script.async = false;\n    document.head.appendChild(script);\n  }});\n}})();\n",
        serde_json::Value::Array(list)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn features(entry: &str) -> BTreeMap<FeatureName, Part> {
        let part = Part {
            version: "1.0.0".parse().unwrap(),
            digest: Digest::of(b"x"),
            entry: Some(entry.to_owned()),
        };
        [(FeatureName::new("popup").unwrap(), part)].into()
    }

    #[test]
    fn php_is_required_from_beside_the_loader() {
        let (path, text) = text(Platform::Wordpress, &features("private/popup/it's.php"));
        assert_eq!(path, "private/loader.php");
        assert!(text.ends_with("require_once __DIR__ . '/popup/it\\'s.php';\n"), "{text}");
    }

    #[test]
    fn scripts_are_loaded_by_version() {
        let (path, text) = text(Platform::React, &features("public/popup/p.js"));
        assert_eq!(path, "public/loader.js");
        let short = Digest::of(b"x").short();
        assert!(text.contains(&format!("[\"popup/p.js?v={short}\"].forEach")), "{text}");
    }
}
