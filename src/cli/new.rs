//! `new`: a site or a feature, checked before it is written.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Door, Failure, Outcome, exit, files};
use crate::{
    inventory::Text,
    model::{FeatureName, Platform, Problem, SiteName},
    project::Project,
    report::{Line, Tone},
};

/// What is made.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// A site, in a file of its own in the inventory
    Site(Site),
    /// A feature with one script, for all platforms
    Feature(Feature),
}

/// A new site.
#[derive(Debug, clap::Args)]
pub struct Site {
    /// Its name, usually its domain
    name: String,
    /// The host's name or IP address, when it is not the site's name
    #[arg(long)]
    address: Option<String>,
    /// Its groups, with commas
    #[arg(short, long = "group", value_delimiter = ',')]
    groups: Vec<String>,
    /// wordpress, static or react, when its groups do not say
    #[arg(long)]
    platform: Option<String>,
    /// The directory that the web server serves
    #[arg(long, value_name = "PATH")]
    docroot: Option<String>,
    /// The public URL
    #[arg(long)]
    url: Option<String>,
}

/// A new feature.
#[derive(Debug, clap::Args)]
pub struct Feature {
    /// Its name: lower case, digits and dashes
    name: String,
}

/// Makes it.
pub fn run(verb: Verb, door: &Door) -> Outcome {
    match verb {
        Verb::Site(args) => site(&args, door),
        Verb::Feature(args) => feature(&args, door),
    }
}

fn site(args: &Site, door: &Door) -> Outcome {
    let name = SiteName::new(&args.name)?;
    let project = door.project()?;
    let environment = door.environment(&project)?;
    let directory = project.path(&environment.inventory);
    let text = entry(&name, args);
    if !directory.is_dir() {
        let problem =
            Problem::new(format!("{} is one file, which is yours to edit", environment.inventory));
        return Err(Failure::usage(problem.hint(format!("add to it:\n{text}"))));
    }
    // The whole inventory must still be good with it; an unknown group is told here.
    let file = Path::new(&environment.inventory).join(format!("{name}.yml"));
    let mut sources = project.inventory_sources(environment)?;
    sources.files.push(Text { file: file.display().to_string(), text: text.clone() });
    crate::inventory::read(&sources)?;
    write(&project, &file, &text, door)?;
    let next = format!("fleetctl hosts trust {name}, then fleetctl plan --site {name}");
    door.screen.note(&Line::of(Tone::Dim, "next: ").add(Tone::Plain, &next))?;
    Ok(exit::DONE)
}

fn entry(name: &SiteName, args: &Site) -> String {
    let mut text = format!("sites:\n  {}:", quoted(name.as_str()));
    let mut fields: Vec<(&str, String)> = Vec::new();
    for (key, value) in [
        ("address", &args.address),
        ("url", &args.url),
        ("docroot", &args.docroot),
        ("platform", &args.platform),
    ] {
        fields.extend(value.as_ref().map(|value| (key, quoted(value))));
    }
    if !args.groups.is_empty() {
        let groups: Vec<String> = args.groups.iter().map(|group| quoted(group.trim())).collect();
        fields.push(("groups", format!("[{}]", groups.join(", "))));
    }
    text.push('\n');
    for (key, value) in fields {
        text.push_str(&format!("    {key}: {value}\n"));
    }
    text
}

/// A word as YAML. What JSON quotes, YAML reads as the same text.
fn quoted(word: &str) -> String {
    let is_plain = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        && (word.contains(['.', '/', '-']) || word.parse::<Platform>().is_ok());
    if is_plain { word.to_owned() } else { serde_json::Value::from(word).to_string() }
}

fn feature(args: &Feature, door: &Door) -> Outcome {
    let name = FeatureName::new(&args.name)?;
    let project = door.project()?;
    let top = PathBuf::from("features").join(name.as_str());
    if project.root.join(&top).exists() {
        let problem = Problem::new(format!("{}: is there already", top.display()));
        return Err(Failure::usage(problem.hint("nothing was written; take another name")));
    }
    let script = format!("files/common/public/{name}.js");
    let loader = format!("files/wordpress/private/{name}.php");
    let definition = format!(
        "name: {name}\nversion: 0.1.0\ndescription: What it does, in one line\n\
         platforms: [wordpress, static, react]\n\
         # vars:\n#   recipient: {{ type: email, required: true, description: \"who gets the mail\" }}\n\
         mount:\n  wordpress: private/{name}.php\n  static: public/{name}.js\n  react: public/{name}.js\n"
    );
    let php = format!(
        "<?php\n// Loaded by WordPress as a must-use plugin.\nadd_action('wp_enqueue_scripts', function () {{\n    \
         wp_enqueue_script('{name}', '/_features/{name}/{name}.js', array(), null, true);\n}});\n"
    );
    let js = format!("console.info('{name}: it works');\n");
    write(&project, &top.join("feature.yml"), &definition, door)?;
    write(&project, &top.join(script), &js, door)?;
    write(&project, &top.join(loader), &php, door)?;
    let next =
        format!("write it, say in the inventory who wants it, and fleetctl feature publish {name}");
    door.screen.note(&Line::of(Tone::Dim, "next: ").add(Tone::Plain, &next))?;
    Ok(exit::DONE)
}

fn write(project: &Project, file: &Path, text: &str, door: &Door) -> Result<(), Failure> {
    files::write_new(&project.root.join(file), text)?;
    let line = Line::of(Tone::Good, "+ ").add(Tone::Plain, &file.display().to_string());
    door.screen.show([&line]).map_err(Into::into)
}
