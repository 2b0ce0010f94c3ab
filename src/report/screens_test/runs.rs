//! Runs to be shown: events as a dispatcher would make them.

use std::collections::BTreeMap;

use crate::{
    event::{
        Batches, Budget, Event, Header, OnAbort, Released, SCHEMA, Schedule, Share, Slot, Staged,
        Stamped, Step, Undone, Versions,
    },
    model::{Outcome, SiteName},
    rollout::{Errand, Input, Order, Rollout},
};

pub(super) fn site(name: &str) -> SiteName {
    name.parse().unwrap()
}

pub(super) fn hundred() -> Vec<SiteName> {
    let shops = (1..=60).map(|i| site(&format!("shop{i:02}.example")));
    let blogs = (1..=39).map(|i| site(&format!("blog{i:02}.example")));
    std::iter::once(site("acme.example")).chain(shops).chain(blogs).collect()
}

fn versions(text: &str) -> Versions {
    let pair = text.split_once(' ').unwrap();
    [(pair.0.parse().unwrap(), pair.1.parse().unwrap())].into()
}

/// Events as a dispatcher would make them, one tenth of a second apart.
pub(super) struct Script {
    pub events: Vec<Stamped>,
}

impl Script {
    pub fn new(verb: &str, command: &str, sites: &[SiteName]) -> Self {
        let mut script = Self { events: Vec::new() };
        script.emit(Event::RunStarted(Header {
            schema: SCHEMA,
            run: "20261120-190412-7f3a".parse().unwrap(),
            verb: verb.into(),
            command: command.into(),
            person: "ana@laptop".into(),
            environment: "production".into(),
            commit: None,
            dirty: false,
            pins: BTreeMap::new(),
            sites: sites.to_vec(),
        }));
        script
    }

    pub fn emit(&mut self, event: Event) {
        let index = self.events.len() as u64;
        self.events.push(Stamped { at: 1_000_000 + index * 100, index, event });
    }

    pub fn end(&mut self, outcomes: impl IntoIterator<Item = Outcome>, code: u8) {
        let mut counts = BTreeMap::new();
        for outcome in outcomes {
            *counts.entry(outcome).or_default() += 1;
        }
        self.emit(Event::RunFinished { counts, code, took: 42_100 });
    }
}

/// A deploy where one site of the second batch breaks, one is unreachable and two are done.
pub(super) fn broken_deploy() -> Vec<Stamped> {
    let sites = hundred();
    let mut script = Script::new("deploy", "fleetctl deploy --group forms", &sites);
    let (old, new) = (versions("contact-form 2.1.4"), versions("contact-form 2.2.0"));
    let done = ["blog38.example", "blog39.example"];
    for site in &sites {
        if site.as_str() != "shop60.example" {
            let has = if done.contains(&site.as_str()) { &new } else { &old };
            script.emit(Event::SiteProbed {
                site: site.clone(),
                versions: has.clone(),
                release: None,
            });
            let mut changes = vec!["contact-form 2.1.4 → 2.2.0".to_owned()];
            changes.retain(|_| !done.contains(&site.as_str()));
            script.emit(Event::SitePlanned { site: site.clone(), changes, versions: new.clone() });
        }
    }
    let schedule = Schedule {
        sites: sites
            .iter()
            .map(|site| Slot { site: site.clone(), host: site.to_string(), canary: false })
            .collect(),
        batches: Batches::Sizes(vec![Share::Count(1), Share::percent(10), Share::percent(50)]),
        budget: Budget { failed: Share::Count(0), unreachable: Share::percent(10) },
        on_abort: OnAbort::RollbackBatch,
        pause: 0,
    };
    script.emit(Event::RolloutPlanned(schedule.clone()));
    let (mut rollout, orders) = Rollout::begin(schedule);
    let mut orders: std::collections::VecDeque<Order> = orders.into();
    while let Some(order) = orders.pop_front() {
        let input = match order {
            Order::Begin(errand, site) => act(&mut script, errand, site, &done),
            Order::Announce(announcement) => {
                script.emit(announcement.into());
                continue;
            }
            Order::Conclude(site, outcome) => {
                let has = match outcome {
                    Outcome::Changed => Some(new.clone()),
                    Outcome::RolledBack => Some(old.clone()),
                    _ => None,
                };
                script.emit(Event::SiteFinished {
                    site,
                    outcome,
                    release: None,
                    versions: has,
                    why: None,
                });
                continue;
            }
            Order::Pause(_) => Input::PauseOver,
            Order::Finish { outcomes, code, .. } => {
                script.end(outcomes.into_values(), code);
                continue;
            }
        };
        orders.extend(rollout.step(input));
    }
    script.events
}

fn act(script: &mut Script, errand: Errand, site: SiteName, done: &[&str]) -> Input {
    let step = match errand {
        Errand::Stage => Step::Stage,
        Errand::Release => Step::Gate,
        Errand::Undo => Step::Undo,
        Errand::Settle => Step::Settle,
    };
    script.emit(Event::StepStarted { site: site.clone(), step, release: None });
    let failed = |why: &str, tail: &[&str]| Event::StepFailed {
        site: site.clone(),
        step,
        why: why.into(),
        tail: tail.iter().map(|line| (*line).to_owned()).collect(),
        indeterminate: false,
    };
    let well = Event::StepDone { site: site.clone(), step, took: 310, sent: 800, detail: None };
    match errand {
        Errand::Stage => {
            let result = match site.as_str() {
                "shop60.example" => {
                    script.emit(failed("connection refused by 203.0.113.60:22", &[]));
                    Staged::Unreachable
                }
                name if done.contains(&name) => Staged::Unchanged,
                _ => {
                    script.emit(well);
                    Staged::Ready
                }
            };
            script.emit(Event::SiteStaged { site: site.clone(), result });
            Input::Staged(site, result)
        }
        Errand::Release => {
            let result = if site.as_str() == "shop05.example" {
                let tail = ["PHP Fatal error: \x1b[31mUncaught\x1b[0m Error in form.php:12"];
                script.emit(failed("http GET / → 500, 3 attempts in 4 s", &tail));
                Released::Failed
            } else {
                script.emit(well);
                Released::Confirmed
            };
            script.emit(Event::SiteReleased { site: site.clone(), result });
            Input::Released(site, result)
        }
        Errand::Undo => {
            script.emit(well);
            let result = Undone::RolledBack;
            script.emit(Event::SiteUndone { site: site.clone(), result });
            Input::Undone(site, result)
        }
        Errand::Settle => {
            script.emit(Event::SiteSettled { site: site.clone() });
            Input::Settled(site)
        }
    }
}
