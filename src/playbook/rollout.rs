//! `rollout`: how a play reaches its sites.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    event::{Batches, Budget, OnAbort, Share},
    model::{
        Problems, TagKey,
        yaml::{Fields, Node, Yaml},
    },
    resource::GateSpec,
};

/// How a play reaches its sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutSpec {
    /// How many at once.
    pub batches: Batches,
    /// In which order.
    pub order: SiteOrder,
    /// How much may go wrong before it stops.
    pub budget: Budget,
    /// What is undone then.
    pub on_abort: OnAbort,
    /// Between two batches.
    pub pause: Duration,
    /// Tags of the sites that make the first batch, before all others; none when empty.
    pub canary: BTreeMap<TagKey, String>,
    /// What must be well at a site for it to count as done.
    pub gates: Vec<GateSpec>,
}

/// The order in which sites take their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteOrder {
    /// As written in the inventory.
    Inventory,
    /// By name.
    Name,
    /// The inventory's, backwards.
    Reverse,
    /// By chance; the same number gives the same order, and without one the run gives it.
    Shuffle(Option<u32>),
}

impl Default for RolloutSpec {
    fn default() -> Self {
        let waves =
            vec![Share::Count(1), Share::percent(10), Share::percent(50), Share::percent(100)];
        Self {
            batches: Batches::Sizes(waves),
            order: SiteOrder::Inventory,
            budget: Budget { failed: Share::Count(0), unreachable: Share::percent(10) },
            on_abort: OnAbort::RollbackBatch,
            pause: Duration::ZERO,
            canary: BTreeMap::new(),
            gates: vec![GateSpec::default()],
        }
    }
}

impl RolloutSpec {
    /// Whether a site with these tags goes first.
    #[must_use]
    pub fn is_canary(&self, tags: &BTreeMap<TagKey, String>) -> bool {
        !self.canary.is_empty()
            && self.canary.iter().all(|(key, value)| tags.get(key) == Some(value))
    }

    pub(super) fn read(&mut self, node: &Node, problems: &mut Problems) {
        let Some(mut fields) = node.fields(problems) else { return };
        let sizes = fields.either("batches", "serial", problems);
        let window = fields.optional("window");
        if let (Some(_), Some(window)) = (sizes, window) {
            problems.push(
                window
                    .problem("`batches` and `window` exclude each other")
                    .hint("batches wait for their slowest site; a window does not. Keep one"),
            );
        }
        if let Some(found) = sizes.and_then(|node| read_batches(node, problems)) {
            self.batches = found;
        }
        let window = window.and_then(|node| node.integer(1..=10_000, problems));
        if let Some(count) = window.and_then(|count| u32::try_from(count).ok()) {
            self.batches = Batches::Window(count);
        }
        if let Some(order) = fields.optional("order").and_then(|node| read_order(node, problems)) {
            self.order = order;
        }
        if let Some(node) = fields.optional("budget") {
            self.read_budget(node, problems);
        }
        let policies =
            [OnAbort::Keep, OnAbort::RollbackFailed, OnAbort::RollbackBatch, OnAbort::RollbackAll]
                .map(|policy| (policy.as_str(), policy));
        if let Some(policy) =
            fields.optional("on_abort").and_then(|node| node.choice(&policies, problems))
        {
            self.on_abort = policy;
        }
        if let Some(pause) = fields.optional("pause").and_then(|node| node.duration(problems)) {
            self.pause = pause;
        }
        if let Some(node) = fields.optional("canary") {
            self.canary = read_canary(node, problems);
        }
        if let Some(node) = fields.optional("gates") {
            self.gates = node.list_of(problems, GateSpec::read);
        }
        fields.refuse("soak", "comes in a later version", "use `pause` meanwhile", problems);
        refuse_ansible(&mut fields, problems);
        fields.finish("`rollout`", problems);
    }

    fn read_budget(&mut self, node: &Node, problems: &mut Problems) {
        let Some(mut fields) = node.fields(problems) else { return };
        let failed = fields.optional("failed").and_then(|node| read_share(node, problems));
        let unreachable = fields.optional("unreachable").and_then(|n| read_share(n, problems));
        self.budget.failed = failed.unwrap_or(self.budget.failed);
        self.budget.unreachable = unreachable.unwrap_or(self.budget.unreachable);
        fields.finish("`budget`", problems);
    }
}

/// Ansible's stop rules: ours is the budget alone.
pub(super) fn refuse_ansible(fields: &mut Fields<'_>, problems: &mut Problems) {
    let why = "is not supported: the budget is the only stop rule";
    fields.refuse(
        "max_fail_percentage",
        why,
        "use `budget: { failed: 10% }` in `rollout`",
        problems,
    );
    fields.refuse("any_errors_fatal", why, "`budget: { failed: 0 }` is the default", problems);
}

pub(super) fn read_batches(node: &Node, problems: &mut Problems) -> Option<Batches> {
    let items = node.one_or_many();
    if items.is_empty() {
        problems.push(node.problem("there is no batch").hint("as in `[1, 10%, 100%]`"));
    }
    let mut sizes = Vec::new();
    for item in items {
        match read_share(item, problems) {
            Some(Share::Count(0) | Share::Percent(0)) => {
                problems.push(item.problem("a batch of nothing never ends").hint("100% means all"));
            }
            Some(share) => sizes.push(share),
            None => {}
        }
    }
    (!sizes.is_empty()).then_some(Batches::Sizes(sizes))
}

fn read_share(node: &Node, problems: &mut Problems) -> Option<Share> {
    match &node.value {
        Yaml::Int(_) => {
            let count = node.integer(0..=1_000_000, problems)?;
            u32::try_from(count).ok().map(Share::Count)
        }
        Yaml::Text(text) => {
            text.parse().map_err(|why: String| problems.push(node.problem(why))).ok()
        }
        _ => {
            problems.push(node.expected("a count such as 5 or a percentage such as 10%"));
            None
        }
    }
}

pub(super) fn read_order(node: &Node, problems: &mut Problems) -> Option<SiteOrder> {
    if let Yaml::Map(_) = node.value {
        let mut fields = node.fields(problems)?;
        let seed = fields.required("shuffle", problems);
        fields.finish("`order`", problems);
        let seed = seed?.integer(0..=i64::from(u32::MAX), problems)?;
        return Some(SiteOrder::Shuffle(u32::try_from(seed).ok()));
    }
    let words = [
        ("inventory", SiteOrder::Inventory),
        ("name", SiteOrder::Name),
        ("reverse", SiteOrder::Reverse),
        ("shuffle", SiteOrder::Shuffle(None)),
        // Ansible's words for the same.
        ("sorted", SiteOrder::Name),
        ("reverse_inventory", SiteOrder::Reverse),
    ];
    node.choice(&words, problems)
}

fn read_canary(node: &Node, problems: &mut Problems) -> BTreeMap<TagKey, String> {
    let mut tags = BTreeMap::new();
    for (key, value) in node.map(problems).unwrap_or_default() {
        let tag = key.parsed::<TagKey>(problems);
        let text = value.text(problems);
        if let (Some(tag), Some(text)) = (tag, text) {
            tags.insert(tag, text.to_owned());
        }
    }
    tags
}
