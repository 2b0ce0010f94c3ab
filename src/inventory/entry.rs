//! One entry of `groups` or `sites`, as written.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Layer, LayerName, Said, Settings, VariableValue, range, settings::checked, want::Features, word,
};
use crate::model::{
    GroupName, Platform, Position, Problem, Problems, SiteName, TagKey, Value,
    yaml::{Fields, Key, Node, Yaml},
};

/// What groups and sites have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    pub settings: Settings,
    pub tags: BTreeMap<TagKey, String>,
    pub features: Features,
    /// What it says of settings and tags, and where.
    pub said: Vec<Arc<Said>>,
    /// In the order in which they win: the entry's own, then files beside the inventory.
    pub layers: Vec<Arc<Layer>>,
    /// Files beside an inventory of Ansible's, with the number of its source.
    pub files: Vec<(usize, Arc<Layer>)>,
}

/// An entry of `groups`.
#[derive(Debug)]
pub(super) struct GroupEntry {
    pub at: Position,
    /// Whether our own form declares it, which it may once.
    pub is_native: bool,
    pub children: Vec<Named<GroupName>>,
    /// Ansible's `ansible_group_priority`: among groups of one depth the higher wins.
    pub priority: i64,
    pub shared: Shared,
}

/// An entry of `sites`: one site, or as many as its ranges make.
#[derive(Debug)]
pub(super) struct SiteEntry {
    pub at: Position,
    pub names: Vec<SiteName>,
    pub address: Option<String>,
    pub groups: Vec<Named<GroupName>>,
    /// Whether it is put into `all` itself, or into `ungrouped`, by name.
    pub in_all: bool,
    pub in_ungrouped: bool,
    pub shared: Shared,
}

/// A name and where it is used.
#[derive(Debug, Clone)]
pub(super) struct Named<T> {
    pub at: Position,
    pub name: T,
}

impl Shared {
    /// Reads all but variables: what Ansible's forms hold in a variable `fleet`.
    pub fn read_words(who: &LayerName, fields: &mut Fields<'_>, problems: &mut Problems) -> Self {
        let said = Said::read(who, fields).map(Arc::new).into_iter().collect();
        let settings = Settings::read(fields, problems);
        let mut shared = Self { settings, said, ..Self::default() };
        if let Some(node) = fields.optional("tags") {
            shared.tags = tags(node, problems);
        }
        if let Some(node) = fields.optional("features") {
            shared.features.read_features(who, node, problems);
        }
        if let Some(node) = fields.optional("hold") {
            shared.features.read_holds(who, node, problems);
        }
        shared
    }

    fn read(who: &LayerName, fields: &mut Fields<'_>, problems: &mut Problems) -> Self {
        let mut shared = Self::read_words(who, fields, problems);
        if let Some(node) = fields.optional("vars") {
            shared.add_layer(Layer::read(who.clone(), node, problems), problems);
        }
        shared
    }

    /// Takes what another part says of the same entry; the later words win.
    pub fn take(&mut self, more: Self) {
        self.settings.overlay(&more.settings);
        self.tags.extend(more.tags);
        self.said.extend(more.said);
        self.features.take(more.features);
        self.layers.extend(more.layers);
        self.files.extend(more.files);
    }

    /// Adds variables; a variable `platform` says what the setting of that name says.
    pub fn add_layer(&mut self, layer: Layer, problems: &mut Problems) {
        if let Some(variable) = layer.variables.get("platform") {
            let word = match &variable.value {
                VariableValue::Plain(Value::String(word)) => word.as_str(),
                _ => "",
            };
            match word.parse::<Platform>() {
                Ok(platform) => {
                    self.settings.platform = Some(platform);
                    let said = Said::one(&layer.name, "platform", word.to_owned(), &variable.at);
                    self.said.push(Arc::new(said));
                }
                Err(why) => problems.push(Problem::at(&variable.at, why.to_string())),
            }
        }
        self.layers.push(Arc::new(layer));
    }
}

impl GroupEntry {
    /// A group of which nothing is said.
    pub fn implied(at: Position) -> Self {
        Self { at, is_native: false, children: Vec::new(), priority: 1, shared: Shared::default() }
    }

    pub fn read(key: &Key, node: &Node, problems: &mut Problems) -> Option<(GroupName, Self)> {
        let name = key.parsed::<GroupName>(problems);
        let Some(mut fields) = node.fields(problems) else {
            return Some((name?, Self { is_native: true, ..Self::implied(key.at.clone()) }));
        };
        // Read on below a bad name, so that all problems are told at once.
        let who = name.clone().map_or(LayerName::Site, LayerName::Group);
        let shared = Shared::read(&who, &mut fields, problems);
        let children = fields.optional("children");
        let children = children.map(|node| names(node, problems)).unwrap_or_default();
        let way_out = "list the group under the site's own `groups`";
        fields.refuse("hosts", "is Ansible's word", way_out, problems);
        fields.refuse("sites", "does not belong in a group", way_out, problems);
        fields.refuse("address", "belongs to one site", "move it to the site", problems);
        fields.finish("a group", problems);
        let entry = Self { is_native: true, children, shared, ..Self::implied(key.at.clone()) };
        Some((name?, entry))
    }
}

impl SiteEntry {
    /// A site of which nothing is said.
    pub fn named(name: SiteName, at: Position) -> Self {
        Self {
            at,
            names: vec![name],
            address: None,
            groups: Vec::new(),
            in_all: false,
            in_ungrouped: false,
            shared: Shared::default(),
        }
    }

    pub fn read(key: &Key, node: &Node, problems: &mut Problems) -> Option<Self> {
        let names = site_names(key, problems);
        let mut fields = node.fields(problems)?;
        let address = fields.optional("address");
        let written = address.map(|node| node.at.clone());
        if let (Some(node), Some([_, _, ..])) = (address, names.as_deref()) {
            let problem = node.problem("one address for several sites");
            problems.push(
                problem.hint(
                    "a range's sites are reached by their own names, or write them one by one",
                ),
            );
        }
        let address = address.and_then(|node| checked(node, word::address, problems));
        let groups = fields.optional("groups");
        let groups = groups.map(|node| self::names(node, problems)).unwrap_or_default();
        let mut shared = Shared::read(&LayerName::Site, &mut fields, problems);
        if let (Some(at), Some(address)) = (written, &address) {
            let said = Said::one(&LayerName::Site, "address", address.clone(), &at);
            shared.said.push(Arc::new(said));
        }
        for (key, known) in
            [("ansible_host", "address"), ("ansible_port", "port"), ("ansible_user", "user")]
        {
            let way_out = format!("write `{known}`");
            fields.refuse(key, "is Ansible's word", &way_out, problems);
        }
        fields.finish("a site", problems);
        Some(Self {
            at: key.at.clone(),
            names: names?,
            address,
            groups,
            in_all: true,
            in_ungrouped: false,
            shared,
        })
    }
}

fn site_names(key: &Key, problems: &mut Problems) -> Option<Vec<SiteName>> {
    let texts = range::expand(&key.text)
        .map_err(|why| problems.push(key.problem(format!("`{}`: {why}", key.text))))
        .ok()?;
    // The names of a range are alike: one complaint is enough.
    let names: Result<Vec<SiteName>, _> = texts.iter().map(|text| SiteName::new(text)).collect();
    names.map_err(|why| problems.push(key.problem(why.to_string()))).ok()
}

fn names(node: &Node, problems: &mut Problems) -> Vec<Named<GroupName>> {
    let named = |node: &Node, problems: &mut Problems| {
        Some(Named { at: node.at.clone(), name: node.parsed(problems)? })
    };
    // One name alone is clear enough.
    match &node.value {
        Yaml::Text(_) => named(node, problems).into_iter().collect(),
        _ => node.list_of(problems, named),
    }
}

fn tags(node: &Node, problems: &mut Problems) -> BTreeMap<TagKey, String> {
    let mut tags = BTreeMap::new();
    for (key, node) in node.map(problems).unwrap_or_default() {
        let name = key.parsed(problems);
        let value = match &node.value {
            Yaml::Int(number) => Some(number.to_string()),
            Yaml::Bool(value) => Some(value.to_string()),
            _ => checked(node, word::tag_value, problems),
        };
        if let (Some(name), Some(value)) = (name, value) {
            tags.insert(name, value);
        }
    }
    tags
}
