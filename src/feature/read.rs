//! Reads `feature.yml`.

use std::collections::BTreeSet;

use semver::Version;

use super::{Feature, LinkSpec, Mount, Place, Relations, Schema, Side, TemplateSpec, VariableSpec};
use crate::{
    model::{
        ArtifactPath, FeatureName, Platform, Problems, Requirement,
        yaml::{self, Fields, Node, Yaml},
    },
    resource::GateSpec,
};

/// Words that mean something else in a template.
const RESERVED: [&str; 17] = [
    "true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else",
    "for", "loop", "self", "caller",
];

/// Reads a feature's definition; `file` is its name for messages.
///
/// # Errors
/// Everything that is wrong with it, with places and excerpts.
pub fn parse(file: &str, text: &str) -> Result<Feature, Problems> {
    let node = yaml::parse(file, text)?;
    let mut problems = Problems::default();
    let feature = read(&node, &mut problems);
    match feature {
        Some(feature) => problems.or(feature),
        None => Err(problems),
    }
    .map_err(|problems| problems.with_excerpts(file, text))
}

fn read(node: &Node, problems: &mut Problems) -> Option<Feature> {
    let mut fields = node.fields(problems)?;
    let name = fields.required("name", problems);
    let name = name.and_then(|node| node.parsed::<FeatureName>(problems));
    let version = fields.required("version", problems);
    let version = version.and_then(|node| read_version(node, problems));
    let description = fields.optional("description").and_then(|node| node.text(problems));
    let platforms = match fields.optional("platforms") {
        Some(node) => read_platforms(node, problems),
        None => Platform::ALL.into(),
    };
    let schema = fields.optional("vars").map(|node| read_schema(node, problems));
    let templates = fields.optional("templates").map(|node| {
        node.list_of(problems, |item, problems| read_template(item, &platforms, problems))
    });
    let mount = fields.optional("mount");
    let links = fields
        .optional("links")
        .map(|node| node.list_of(problems, |item, problems| read_link(item, &platforms, problems)));
    let health = fields.optional("health").map(|node| node.list_of(problems, GateSpec::read));
    let requires = relations(fields.optional("requires"), name.as_ref(), problems);
    let conflicts = relations(fields.optional("conflicts"), name.as_ref(), problems);
    refuse_later(&mut fields, problems);
    fields.finish("`feature.yml`", problems);
    let mut feature = Feature {
        name: name?,
        version: version?,
        description: description.map(str::to_owned),
        platforms,
        requires,
        conflicts,
        schema: schema.unwrap_or_default(),
        templates: templates.unwrap_or_default(),
        mount: [].into(),
        links: links.unwrap_or_default(),
        health: health.unwrap_or_default(),
    };
    read_mount(mount, node, &mut feature, problems);
    Some(feature)
}

/// Reads `requires: { form-core: "^1.2" }` and `conflicts` alike.
fn relations(
    node: Option<&Node>,
    owner: Option<&FeatureName>,
    problems: &mut Problems,
) -> Relations {
    let mut relations = Relations::new();
    // `[]` says that there are none as well as `{}` does.
    let node = node.filter(|node| !matches!(&node.value, Yaml::List(items) if items.is_empty()));
    for (key, node) in node.and_then(|node| node.map(problems)).unwrap_or_default() {
        let name = key.parsed::<FeatureName>(problems);
        if owner.is_some() && name.as_ref() == owner {
            problems.push(key.problem(format!("`{}` cannot speak of itself here", key.text)));
        }
        let requirement = match &node.value {
            Yaml::Text(_) => node.parsed::<Requirement>(problems),
            Yaml::Int(_) | Yaml::Float(_) => {
                let problem = node.expected("a version requirement");
                problems.push(problem.hint("put it in quotes, as in \"^2.1\""));
                None
            }
            _ => {
                let problem = node.expected("a version requirement such as \"^2.1\"");
                problems.push(problem.hint("write \"*\" for any version"));
                None
            }
        };
        relations.extend(name.zip(requirement));
    }
    relations
}

/// Keys whose time has not come.
fn refuse_later(fields: &mut Fields<'_>, problems: &mut Problems) {
    let hint = "use `links`, `templates`, or `release.after` of a play";
    for key in ["tasks", "migrations", "app"] {
        fields.refuse(key, "comes in a later version", hint, problems);
    }
    let hint = "files are found by their place: files/common/public/…, files/wordpress/private/…";
    fields.refuse("files", "is a directory and not a key", hint, problems);
}

fn read_version(node: &Node, problems: &mut Problems) -> Option<Version> {
    if let Yaml::Float(_) | Yaml::Int(_) = node.value {
        problems.push(node.expected("a whole version such as 2.1.0"));
        return None;
    }
    let text = node.text(problems)?;
    match text.parse::<Version>() {
        Ok(version) if version.build.is_empty() => return Some(version),
        Ok(_) => {
            let hint = "versions that differ in it alone could not be told apart";
            problems.push(node.problem("a version here has no build metadata (`+…`)").hint(hint));
        }
        Err(why) => {
            let message = format!("`{text}` is no version ({why})");
            problems.push(node.problem(message).hint("as in 2.1.0 or 2.2.0-rc.1"));
        }
    }
    None
}

fn read_platforms(node: &Node, problems: &mut Problems) -> BTreeSet<Platform> {
    let mut platforms = BTreeSet::new();
    for item in node.one_or_many() {
        if let Some(platform) = item.parsed::<Platform>(problems)
            && !platforms.insert(platform)
        {
            problems.push(item.problem(format!("`{platform}` is there twice")));
        }
    }
    if node.one_or_many().is_empty() {
        problems.push(node.problem("no platform could use it"));
    }
    platforms
}

/// The platforms of a part of a feature, which must be platforms of the feature.
fn read_part_platforms(
    node: Option<&Node>,
    all: &BTreeSet<Platform>,
    problems: &mut Problems,
) -> BTreeSet<Platform> {
    let Some(node) = node else { return all.clone() };
    let found = read_platforms(node, problems);
    for platform in found.difference(all) {
        problems.push(not_a_platform(node, *platform));
    }
    found
}

fn not_a_platform(node: &Node, platform: Platform) -> crate::model::Problem {
    node.problem(format!("`{platform}` is not among the feature's `platforms`"))
        .hint("add it there, or remove it here")
}

fn read_schema(node: &Node, problems: &mut Problems) -> Schema {
    let mut schema = Schema::new();
    for (key, value) in node.map(problems).unwrap_or_default() {
        let name = key.text.as_str();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(word) {
            let problem = key.problem(format!("`{name}` is no name for a variable"));
            problems.push(problem.hint("letters, digits and underscores, not a digit first"));
        } else if RESERVED.contains(&name) {
            problems.push(key.problem(format!("`{name}` means something else in templates")));
        } else if let Some(mut spec) = VariableSpec::read(value, problems) {
            spec.at = key.at.clone();
            schema.insert(name.to_owned(), spec);
        }
    }
    schema
}

fn read_template(
    node: &Node,
    all: &BTreeSet<Platform>,
    problems: &mut Problems,
) -> Option<TemplateSpec> {
    let mut fields = node.fields(problems)?;
    let from = fields.required("from", problems).and_then(|node| {
        let text = node.text(problems)?;
        let path = ArtifactPath::new(text);
        path.map_err(|why| problems.push(node.problem(format!("`{text}` {why}")))).ok()
    });
    let to = fields.required("to", problems).and_then(|node| node.parsed::<Place>(problems));
    let platforms = read_part_platforms(fields.optional("platforms"), all, problems);
    fields.finish("a template", problems);
    Some(TemplateSpec { from: from?, to: to?, platforms, at: node.at.clone() })
}

fn read_link(node: &Node, all: &BTreeSet<Platform>, problems: &mut Problems) -> Option<LinkSpec> {
    let mut fields = node.fields(problems)?;
    let place = fields.required("at", problems);
    let to = fields.required("to", problems).and_then(|node| node.parsed::<Place>(problems));
    let adopt = fields.optional("adopt").and_then(|node| node.boolean(problems));
    let platforms = read_part_platforms(fields.optional("platforms"), all, problems);
    fields.finish("a link", problems);
    let place = place?;
    let path = place.text(problems)?;
    if !path.starts_with(['/', '{']) {
        let problem = place.problem(format!("`{path}` is not an absolute path"));
        problems.push(problem.hint(format!("as in \"{{{{ docroot }}}}/{path}\"")));
    }
    Some(LinkSpec {
        path: path.to_owned(),
        to: to?,
        adopt: adopt.unwrap_or_default(),
        platforms,
        at: place.at.clone(),
    })
}

fn read_mount(node: Option<&Node>, whole: &Node, feature: &mut Feature, problems: &mut Problems) {
    for (key, value) in node.and_then(|node| node.map(problems)).unwrap_or_default() {
        let Some(platform) = key.parsed::<Platform>(problems) else { continue };
        if !feature.platforms.contains(&platform) {
            problems.push(not_a_platform(value, platform));
            continue;
        }
        if value.is_null() {
            feature.mount.insert(platform, Mount { place: None, at: value.at.clone() });
            continue;
        }
        let Some(place) = value.parsed::<Place>(problems) else { continue };
        let (side, suffix) = match platform {
            Platform::Wordpress => (Side::Private, ".php"),
            Platform::Static | Platform::React => (Side::Public, ".js"),
        };
        if place.side != side || !place.path.as_str().ends_with(suffix) {
            let wanted = format!("{}/{}{suffix}", side.as_str(), feature.name);
            let message =
                format!("what `{platform}` loads is a `{suffix}` file below `{}/`", side.as_str());
            problems.push(value.problem(message).hint(format!("as in `{wanted}`")));
        }
        feature.mount.insert(platform, Mount { place: Some(place), at: value.at.clone() });
    }
    let at = node.unwrap_or(whole);
    for platform in &feature.platforms {
        let linked = feature.links.iter().any(|link| link.platforms.contains(platform));
        if !feature.mount.contains_key(platform) && !linked {
            let message = format!("nothing loads this feature on `{platform}`");
            let hint = format!(
                "name a file in `mount: {{ {platform}: … }}`, say `{platform}: null` if nothing is to be loaded, or leave it out of `platforms`"
            );
            problems.push(at.problem(message).hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::Kind;

    const WHOLE: &str = "\
name: contact-form
version: 2.1.0
description: A form that reaches somebody
requires: []
platforms: [wordpress, static]
vars:
  recipient: { type: email, required: true, description: Who gets it }
  theme: { choices: [light, dark], default: light }
  fields: { type: list, default: [name, message] }
  retries: { type: integer, default: 3 }
  smtp_password: { secret: true, required: true }
  endpoint: url
templates:
  - { from: templates/config.php.j2, to: private/config.php, platforms: [wordpress] }
mount:
  wordpress: private/contact-form.php
  static: public/contact-form.js
links:
  - { at: \"{{ docroot }}/form.php\", to: private/endpoint.php, adopt: true, platforms: static }
health:
  - http: /
";

    #[test]
    fn a_definition_is_read_whole() {
        let feature = parse("feature.yml", WHOLE).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(feature.name.as_str(), "contact-form");
        assert_eq!(feature.version, Version::new(2, 1, 0));
        assert_eq!(feature.platforms, [Platform::Wordpress, Platform::Static].into());
        assert_eq!(feature.schema.len(), 6);
        assert_eq!(feature.schema["theme"].kind, Kind::Choice(vec!["light".into(), "dark".into()]));
        assert_eq!(feature.schema["endpoint"].kind, Kind::Url);
        assert!(feature.schema["smtp_password"].secret);
        assert_eq!(feature.templates[0].to.to_string(), "private/config.php");
        assert_eq!(
            feature.templates[0].to.in_release(&feature.name),
            "private/contact-form/config.php"
        );
        assert!(feature.links[0].adopt);
        assert_eq!(feature.health.len(), 1);
        assert_eq!(feature.mount.len(), 2);
    }

    #[test]
    fn what_cannot_be_a_feature_is_refused() {
        let cases = include_str!("../../tests/cases/feature/refused.yml");
        crate::cases::refused(cases, |text| parse("f.yml", text).map_err(|p| p.to_string()));
    }

    proptest::proptest! {
        #[test]
        fn one_changed_character_never_makes_the_reader_panic(
            at in 0..WHOLE.len(),
            with in proptest::sample::select(vec!["", " ", "\n", ":", "[", "}", "\"", "&", "*", "é", "\t", "0"]),
        ) {
            let text = format!("{}{with}{}", &WHOLE[..at], &WHOLE[at + 1..]);
            let _ = parse("f.yml", &text);
        }
    }
}
