//! From texts to an inventory: read every entry, then check how they refer to each other.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    Group, Inventory, Layer, LayerName, Site,
    entry::{GroupEntry, Named, SiteEntry},
    hierarchy::{Hierarchy, reserved},
    membership::Membership,
    want::unknown_feature,
};
use crate::model::{
    FeatureName, GroupName, Position, Problem, Problems, SiteName,
    yaml::{self, Node},
};

/// How many sites an inventory may have.
const SITES: usize = 200_000;

/// A file's name, as messages show it, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The name, relative to the project where possible.
    pub file: String,
    /// The content.
    pub text: String,
}

/// Everything that makes an inventory.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The environment's name.
    pub environment: String,
    /// The files of groups and sites.
    pub files: Vec<Text>,
    /// Files of variables by the group they are for; later files win.
    pub group_vars: Vec<(String, Text)>,
    /// Files of variables by the site they are for; later files win.
    pub host_vars: Vec<(String, Text)>,
}

/// Reads an inventory.
///
/// # Errors
/// Everything that is wrong, in the order of files and lines. A file that is not YAML hides
/// what only a look at the whole would find.
pub fn read(sources: &Sources) -> Result<Inventory, Problems> {
    let mut problems = Problems::default();
    let inventory = read_all(sources, &mut problems);
    problems.0.sort();
    problems.0.dedup();
    if !problems.0.is_empty() {
        let vars = sources.group_vars.iter().chain(&sources.host_vars).map(|(_, text)| text);
        for text in sources.files.iter().chain(vars) {
            problems = problems.with_excerpts(&text.file, &text.text);
        }
    }
    match inventory {
        Some(inventory) => problems.or(inventory),
        None => Err(problems),
    }
}

#[derive(Default)]
struct Entries {
    groups: BTreeMap<GroupName, GroupEntry>,
    sites: Vec<SiteEntry>,
    /// The place of each site's entry in `sites`.
    index: HashMap<SiteName, usize>,
}

fn read_all(sources: &Sources, problems: &mut Problems) -> Option<Inventory> {
    let mut roots = Vec::new();
    for Text { file, text } in &sources.files {
        roots.push(problems.absorb(yaml::parse(file, text)));
    }
    let roots: Vec<Node> = roots.into_iter().collect::<Option<_>>()?;
    let mut entries = Entries::default();
    for root in &roots {
        entries.take(root, problems);
    }
    entries.take_group_vars(&sources.group_vars, problems);
    let own = entries.host_vars(&sources.host_vars, problems);
    entries.check_names(problems);
    entries.check_features(problems);
    Some(entries.assemble(&sources.environment, &own, problems))
}

impl Entries {
    fn take(&mut self, root: &Node, problems: &mut Problems) {
        let Some(mut fields) = root.fields(problems) else { return };
        let groups = fields.optional("groups");
        for (key, node) in groups.and_then(|node| node.map(problems)).unwrap_or_default() {
            let Some((name, group)) = GroupEntry::read(key, node, problems) else { continue };
            match self.groups.get(&name) {
                Some(first) => problems.push(twice(&name, &key.at, &first.at)),
                None => drop(self.groups.insert(name, group)),
            }
        }
        let sites = fields.optional("sites");
        for (key, node) in sites.and_then(|node| node.map(problems)).unwrap_or_default() {
            if let Some(site) = SiteEntry::read(key, node, problems) {
                self.take_site(site, problems);
            }
        }
        fields.refuse("vars", "has no place here", "write them in groups.all.vars", problems);
        fields.refuse("all", "is Ansible's form", "write `groups:` and `sites:`", problems);
        fields.refuse("hosts", "is Ansible's word", "write `sites:`", problems);
        fields.finish("an inventory", problems);
    }

    fn take_site(&mut self, mut site: SiteEntry, problems: &mut Problems) {
        let place = self.sites.len();
        let mut names = Vec::with_capacity(site.names.len());
        for name in site.names {
            match self.index.get(&name).and_then(|first| self.sites.get(*first)) {
                Some(first) => problems.push(twice(&name, &site.at, &first.at)),
                None if self.index.contains_key(&name) => {
                    let message = format!("the ranges make `{name}` twice");
                    problems.push(Problem::at(&site.at, message));
                }
                None => {
                    self.index.insert(name.clone(), place);
                    names.push(name);
                }
            }
        }
        site.names = names;
        if self.index.len() > SITES {
            problems.push(Problem::at(&site.at, format!("more than {SITES} sites")));
            return;
        }
        self.sites.push(site);
    }

    fn take_group_vars(&mut self, files: &[(String, Text)], problems: &mut Problems) {
        for (name, Text { file, text }) in files {
            let at = Position { file: Arc::from(file.as_str()), line: 1, column: 1 };
            let known = GroupName::new(name)
                .ok()
                .filter(|known| reserved(known).is_some() || self.groups.contains_key(known));
            let Some(group) = known else {
                let problem =
                    Problem::at(&at, format!("variables for `{name}`, but there is no such group"));
                problems.push(problem.suggest(name, self.groups.keys().map(GroupName::as_str)));
                continue;
            };
            let layer = Layer::parse(LayerName::Group(group.clone()), file, text);
            if let Some(layer) = problems.absorb(layer) {
                let entry = self.groups.entry(group).or_insert_with(|| GroupEntry::implied(at));
                entry.shared.add_layer(layer, problems);
            }
        }
    }

    fn host_vars(
        &self,
        files: &[(String, Text)],
        problems: &mut Problems,
    ) -> HashMap<SiteName, Vec<Layer>> {
        let mut layers: HashMap<SiteName, Vec<Layer>> = HashMap::new();
        for (name, Text { file, text }) in files {
            let Some((site, _)) = self.index.get_key_value(name.as_str()) else {
                let at = Position { file: Arc::from(file.as_str()), line: 1, column: 1 };
                let problem =
                    Problem::at(&at, format!("variables for `{name}`, but there is no such site"));
                problems.push(problem.suggest(name, self.index.keys().map(SiteName::as_str)));
                continue;
            };
            if let Some(layer) = problems.absorb(Layer::parse(LayerName::Site, file, text)) {
                layers.entry(site.clone()).or_default().push(layer);
            }
        }
        layers
    }

    fn check_names(&self, problems: &mut Problems) {
        for (name, group) in &self.groups {
            if self.index.contains_key(name.as_str()) {
                let message = format!("`{name}` is the name of a group and of a site");
                problems.push(Problem::at(&group.at, message).hint("rename the group"));
            }
            let (Some(reason), Some(child)) = (reserved(name), group.children.first()) else {
                continue;
            };
            problems
                .push(Problem::at(&child.at, format!("`{name}` {reason}: it takes no children")));
        }
        for name in ["all", "ungrouped"] {
            if let Some(site) = self.index.get(name).and_then(|place| self.sites.get(*place)) {
                problems.push(Problem::at(&site.at, format!("`{name}` is the name of a group")));
            }
        }
        let mut unknown: BTreeMap<&GroupName, Vec<&Position>> = BTreeMap::new();
        for Named { at, name } in self.sites.iter().flat_map(|site| &site.groups) {
            if let Some(reason) = reserved(name) {
                problems.push(Problem::at(at, format!("`{name}` {reason}")).hint("leave it out"));
            } else if !self.groups.contains_key(name) {
                unknown.entry(name).or_default().push(at);
            }
        }
        // What was meant is worked out once for a name, however many sites use it.
        for (name, places) in unknown {
            let problem = Problem::new(format!("there is no group `{name}`"));
            let near = problem.suggest(name.as_str(), self.groups.keys().map(GroupName::as_str));
            let problem = match near.hint {
                Some(_) => near,
                None => near.hint(format!("declare it: `groups: {{ {name}: {{}} }}`")),
            };
            for at in places {
                problems.push(Problem { at: Some(at.clone()), ..problem.clone() });
            }
        }
    }

    /// An opt-out or a hold of a feature that nobody wants is a mistyped name: silently ignored,
    /// it would let a popup or a new version through.
    fn check_features(&self, problems: &mut Problems) {
        let shared_parts = || {
            let groups = self.groups.values().map(|group| &group.shared);
            groups.chain(self.sites.iter().map(|site| &site.shared))
        };
        let wanted: BTreeSet<&FeatureName> = shared_parts()
            .flat_map(|shared| &shared.features.wants)
            .map(|want| &want.feature)
            .collect();
        let mut check = |feature: &FeatureName, from, what| {
            if !wanted.contains(feature) {
                let known = wanted.iter().map(|name| name.as_str());
                problems.push(unknown_feature(feature, from, what, known));
            }
        };
        for features in shared_parts().map(|shared| &shared.features) {
            for opt_out in &features.opt_outs {
                check(&opt_out.feature, &opt_out.from, "opts out of");
            }
            for hold in &features.holds {
                check(&hold.feature, &hold.from, "holds");
            }
        }
    }

    fn assemble(
        &self,
        environment: &str,
        own: &HashMap<SiteName, Vec<Layer>>,
        problems: &mut Problems,
    ) -> Inventory {
        let hierarchy = Hierarchy::new(&self.groups, problems);
        let mut memberships: HashMap<Vec<&GroupName>, Arc<Membership>> = HashMap::new();
        let mut groups = self.empty_groups(&hierarchy);
        let mut sites = Vec::with_capacity(self.index.len());
        for entry in &self.sites {
            let known = |named: &Named<GroupName>| self.groups.get_key_value(&named.name);
            let mut direct: Vec<&GroupName> =
                entry.groups.iter().filter_map(known).map(|(name, _)| name).collect();
            direct.sort();
            direct.dedup();
            let membership = memberships.entry(direct).or_insert_with_key(|direct| {
                Arc::new(Membership::new(direct, &self.groups, &hierarchy, problems))
            });
            for name in &entry.names {
                for group in &*membership.groups {
                    if let Some(group) = groups.get_mut(group) {
                        group.members.push(sites.len());
                    }
                }
                let own = own.get(name).map(Vec::as_slice).unwrap_or_default();
                sites.push(membership.site(name, entry, own, problems));
            }
        }
        let index = sites.iter().map(|site: &Site| site.name.clone()).zip(0..).collect();
        Inventory { environment: environment.to_owned(), groups, sites, index }
    }

    fn empty_groups(&self, hierarchy: &Hierarchy<'_>) -> BTreeMap<GroupName, Group> {
        let implied = ["all", "ungrouped"].into_iter().filter_map(|name| GroupName::new(name).ok());
        let implied = implied.map(|name| {
            let depth = hierarchy.depth(&name);
            (name, Group { at: None, children: Vec::new(), depth, members: Vec::new() })
        });
        let written = self.groups.iter().map(|(name, entry)| {
            let children = entry.children.iter().map(|child| child.name.clone()).collect();
            let at = Some(entry.at.clone());
            (
                name.clone(),
                Group { at, children, depth: hierarchy.depth(name), members: Vec::new() },
            )
        });
        implied.chain(written).collect()
    }
}

fn twice(name: impl std::fmt::Display, at: &Position, first: &Position) -> Problem {
    Problem::at(at, format!("`{name}` is here twice: it is already at {first}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::VariableValue;

    fn text(file: &str, text: &str) -> Text {
        Text { file: file.to_owned(), text: text.to_owned() }
    }

    fn fleet(sites: &str) -> Sources {
        Sources {
            environment: "production".to_owned(),
            files: vec![text("sites.yml", sites)],
            ..Sources::default()
        }
    }

    const SAMPLE: &str = r#"
groups:
  all:       { user: deploy, vars: { level: 0, top: all } }
  forms:     { features: { contact-form: "^2.1" } }
  promo:     { features: { popup: "^1.0" }, hold: { popup: 1.0.2 } }
  wordpress: { vars: { platform: wordpress }, docroot: "/var/www/{{ site }}" }
  eu:        { children: [eu-west, eu-north], vars: { level: 1, region: eu }, tags: { region: eu } }
  eu-west:   { vars: { level: 2 } }
  eu-north:  { vars: { level: 2 } }
sites:
  acme.example: { address: 203.0.113.10, groups: [wordpress, forms, eu-west], tags: { tier: canary } }
  "shop[01:03].example": { groups: [wordpress, forms, promo], vars: { level: 3 } }
  globex.example: { address: 203.0.113.10, port: 22, groups: [promo, forms], features: { popup: false }, platform: react }
  hold.example: { groups: [forms], hold: { contact-form: { version: 2.1.4, until: 2027-01-31 } } }
  alone.example: { features: { chat: "*" } }
"#;

    fn variable(inventory: &Inventory, site: &str, name: &str) -> String {
        let site = inventory.site(site).expect("a site");
        match &site.variables(&[]).get(name).expect("a variable").value {
            VariableValue::Plain(value) => value.to_string(),
            VariableValue::Secret(secret) => secret.to_string(),
        }
    }

    #[test]
    fn a_site_has_what_its_groups_say_and_its_own_words_win() {
        let inventory = read(&fleet(SAMPLE)).expect("a good inventory");
        let names: Vec<&str> = inventory.sites().iter().map(|site| site.name.as_str()).collect();
        assert_eq!(names.len(), 7);
        assert_eq!(names[1..4], ["shop01.example", "shop02.example", "shop03.example"]);
        let acme = inventory.site("acme.example").expect("acme");
        let groups: Vec<&str> = acme.groups.iter().map(GroupName::as_str).collect();
        assert_eq!(groups, ["all", "eu", "forms", "wordpress", "eu-west"]);
        assert_eq!(acme.settings.user.as_deref(), Some("deploy"));
        assert_eq!(acme.settings.platform, Some(crate::model::Platform::Wordpress));
        assert_eq!(acme.settings.docroot.as_deref(), Some("/var/www/{{ site }}"));
        let tags: Vec<String> =
            acme.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(tags, ["region=eu", "tier=canary"]);
        assert_eq!(acme.wants[0].from.to_string(), "group forms (sites.yml:4:28)");
        let globex = inventory.site("globex.example").expect("globex");
        assert_eq!(globex.settings.platform, Some(crate::model::Platform::React));
        let wants: Vec<&str> = globex.wants.iter().map(|want| want.feature.as_str()).collect();
        assert_eq!(wants, ["contact-form"]);
        assert_eq!(globex.opt_outs.len(), 1);
        let alone = inventory.site("alone.example").expect("alone");
        assert_eq!(
            alone.groups.iter().map(GroupName::as_str).collect::<Vec<_>>(),
            ["all", "ungrouped"]
        );
        assert_eq!(inventory.members("eu").count(), 1);
        assert_eq!(inventory.members("promo").count(), 4);
    }

    #[test]
    fn the_inner_variable_wins_and_everybody_is_explained() {
        let mut sources = fleet(SAMPLE);
        sources.group_vars = vec![
            ("eu-west".into(), text("group_vars/eu-west.yml", "level: 4\n")),
            ("all".into(), text("group_vars/all.yml", "top: file\n")),
        ];
        sources.host_vars =
            vec![("acme.example".into(), text("host_vars/acme.example.yml", "level: 5\n"))];
        let inventory = read(&sources).expect("a good inventory");
        assert_eq!(variable(&inventory, "acme.example", "level"), "5");
        assert_eq!(variable(&inventory, "acme.example", "region"), "\"eu\"");
        assert_eq!(variable(&inventory, "acme.example", "top"), "\"file\"");
        assert_eq!(variable(&inventory, "shop02.example", "level"), "3");
        let acme = inventory.site("acme.example").expect("acme");
        let extra = Layer::from_arguments(["level=9"]).expect("an argument");
        let story: Vec<String> = acme.explain(Some("level"), &[&extra])["level"]
            .iter()
            .map(|step| format!("{} {} {}", step.layer, step.variable.at, step.holds))
            .collect();
        assert_eq!(
            story,
            [
                "group all sites.yml:3:45 false",
                "group eu sites.yml:7:62 false",
                "group eu-west sites.yml:8:31 false",
                "group eu-west group_vars/eu-west.yml:1:8 false",
                "site host_vars/acme.example.yml:1:8 false",
                "command line -e:1:1 true",
            ]
        );
    }

    #[test]
    fn a_group_opts_out_for_its_sites_and_a_sites_own_word_stands() {
        let text = "groups:\n  promo: { features: { popup: '^1.0' } }\n  quiet: { features: { popup: false } }\n\
            sites:\n  a: { groups: [promo, quiet] }\n  b: { groups: [promo, quiet], features: { popup: '~1.2' } }\n  \
            c: { groups: [promo] }\n";
        let inventory = read(&fleet(text)).expect("a good inventory");
        let wants = |site: &str| {
            let wants = inventory.site(site).expect("a site").wants.iter();
            wants.map(|want| want.requirement.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(wants("a"), [""; 0]);
        assert_eq!(wants("b"), ["~1.2"]);
        assert_eq!(wants("c"), ["^1.0"]);
    }

    #[test]
    fn a_quarrel_about_the_platform_is_settled_by_a_deeper_group_or_by_the_site() {
        let text = "groups:\n  a: { platform: react, children: [deep] }\n  b: { platform: static }\n  c: { platform: static }\n  \
            deep: { platform: wordpress }\nsites:\n  x: { groups: [deep, b, c] }\n  y: { groups: [a, b, c], platform: static }\n";
        let inventory = read(&fleet(text)).expect("a good inventory");
        let platform = |site: &str| inventory.site(site).expect("a site").settings.platform;
        assert_eq!(platform("x"), Some(crate::model::Platform::Wordpress));
        assert_eq!(platform("y"), Some(crate::model::Platform::Static));
        let problems =
            read(&fleet(&text.replace(", platform: static }\n", " }\n"))).expect_err("a quarrel");
        assert!(
            problems.to_string().contains("the groups `a` and `b` say different platforms"),
            "{problems}"
        );
    }

    #[test]
    fn the_innermost_hold_counts() {
        let text = SAMPLE.replace(
            "groups: [wordpress, forms, promo]",
            "groups: [promo, forms], hold: { popup: 1.0.9 }",
        );
        let inventory = read(&fleet(&text)).expect("a good inventory");
        let version =
            |site: &str| inventory.site(site).expect("a site").holds["popup"].version.to_string();
        assert_eq!(version("globex.example"), "1.0.2");
        assert_eq!(version("shop01.example"), "1.0.9");
    }

    #[test]
    fn sites_at_one_address_and_port_are_on_one_host() {
        let inventory = read(&fleet(SAMPLE)).expect("a good inventory");
        let hosts = inventory.hosts();
        assert_eq!(hosts.len(), 6);
        assert_eq!((hosts[0].address, hosts[0].port), ("203.0.113.10", 22));
        let sites: Vec<&str> = hosts[0].sites.iter().map(|name| name.as_str()).collect();
        assert_eq!(sites, ["acme.example", "globex.example"]);
    }

    #[test]
    fn at_equal_depth_the_later_name_wins_and_depth_is_the_longest_way() {
        let inventory = read(&fleet(
            "groups:\n  a: { children: [c], vars: { v: a } }\n  b: { children: [a, c], vars: { v: b } }\n  \
             c: { }\n  d: { vars: { v: d } }\nsites:\n  x: { groups: [c, d] }\n",
        ))
        .expect("a good inventory");
        let groups: Vec<String> =
            inventory.site("x").expect("x").groups.iter().map(ToString::to_string).collect();
        assert_eq!(groups, ["all", "b", "d", "a", "c"]);
        assert_eq!(variable(&inventory, "x", "v"), "\"a\"");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(
            words in proptest::collection::vec(
                "(groups|sites|all|children|vars|features|hold|tags|port|address|a\\[1:3\\]|b|c|no|22|2\\.1|~|x-y|from_env|platform)",
                1..30,
            ),
            marks in proptest::collection::vec("(: |: \\{|: \\[|, |\\}|\\]|:\n  |:\n    |\n)", 30),
        ) {
            let text: String = words.iter().zip(&marks).flat_map(|(word, mark)| [word.as_str(), mark]).collect();
            let _ = read(&fleet(&text));
        }
    }

    #[test]
    fn the_same_texts_give_the_same_inventory_and_empty_ones_give_an_empty_one() {
        let shown = || format!("{:?}", read(&fleet(SAMPLE)).expect("good").groups);
        assert_eq!(shown(), shown());
        assert!(read(&fleet("")).expect("an empty inventory").sites().is_empty());
        assert!(read(&fleet("groups:\nsites:\n")).expect("an empty inventory").sites().is_empty());
    }
}
