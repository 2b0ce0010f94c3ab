//! Small random worlds, and an exhaustive search over each: what the solver must never miss.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A relation: to which feature, at least which major version, and below which.
type Relation = (usize, u64, u64);

/// What a version needs and shuns, and whether it was yanked.
type Release = (Vec<Relation>, Vec<Relation>, bool);

#[derive(Debug, Clone)]
struct Small {
    /// Of each feature, each version.
    versions: Vec<Vec<Release>>,
    wants: Vec<Relation>,
    without: Option<usize>,
    /// What was locked, as a choice among its versions.
    locked: Vec<usize>,
}

fn relation() -> impl Strategy<Value = Relation> {
    (0..NAMES.len(), 0..3_u64, 1..3_u64).prop_map(|(to, from, width)| (to, from, from + width))
}

fn small() -> impl Strategy<Value = Small> {
    let relations = |most: usize| prop::collection::vec(relation(), 0..=most);
    let version = (relations(2), relations(1), prop::bool::weighted(0.1));
    let feature = prop::collection::vec(version, 1..4);
    let versions = prop::collection::vec(feature, NAMES.len());
    let wants = prop::collection::vec(relation(), 1..4);
    let without = prop::option::weighted(0.2, 0..NAMES.len());
    let locked = prop::collection::vec(0..3_usize, NAMES.len());
    (versions, wants, without, locked).prop_map(|(versions, wants, without, locked)| Small {
        versions,
        wants,
        without,
        locked,
    })
}

fn name(number: usize) -> FeatureName {
    NAMES[number].parse().unwrap()
}

fn range((_, from, to): &Relation) -> Requirement {
    format!(">={from}, <{to}").parse().unwrap()
}

impl Small {
    fn catalog(&self) -> Catalog {
        let feature = |(number, versions): (usize, &Vec<_>)| {
            let each = (0_u64..).zip(versions).map(|(major, (needs, shuns, yanked))| {
                let version = Version::new(major, 0, 0);
                let relations = |all: &Vec<Relation>| {
                    let others = all.iter().filter(|(to, ..)| *to != number);
                    others.map(|known| (name(known.0), range(known))).collect()
                };
                let mut found = published(&version, "");
                found.requires = relations(needs);
                found.conflicts = relations(shuns);
                found.yanked = Option::from("x".to_owned()).filter(|_| *yanked);
                (version, found)
            });
            (name(number), each.collect())
        };
        self.versions.iter().enumerate().map(feature).collect()
    }

    fn ask(&self) -> Ask {
        let mut ask = site("a.example", &[]);
        ask.wants = (1..)
            .zip(&self.wants)
            .map(|(line, known)| want(&format!("{} {}", NAMES[known.0], range(known)), line))
            .collect();
        let is_wanted = |number: &usize| self.wants.iter().any(|known| known.0 == *number);
        let out = self.without.filter(|number| !is_wanted(number));
        ask.opt_outs =
            out.map(|number| OptOut { feature: name(number), at: at(80) }).into_iter().collect();
        ask
    }

    /// Every choice, valid or not: of each feature a version or none.
    fn choices(&self) -> Vec<BTreeMap<FeatureName, Version>> {
        let mut all = vec![BTreeMap::new()];
        for (number, versions) in self.versions.iter().enumerate() {
            let majors = 0..u64::try_from(versions.len()).unwrap();
            let with = |choice: &BTreeMap<FeatureName, Version>| {
                let more = majors.clone().map(|major| {
                    let mut more = choice.clone();
                    more.insert(name(number), Version::new(major, 0, 0));
                    more
                });
                std::iter::once(choice.clone()).chain(more).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(with).collect();
        }
        all
    }
}

/// Whether a choice is all that was asked. Yanked versions are good only where `spared`.
fn is_valid(
    choice: &BTreeMap<FeatureName, Version>,
    ask: &Ask,
    catalog: &Catalog,
    spared: &BTreeMap<FeatureName, Version>,
) -> bool {
    let meets = |name: &FeatureName, requirement: &Requirement| {
        choice.get(name).is_some_and(|version| requirement.matches(version))
    };
    let is_good = |(name, version): (&FeatureName, &Version)| {
        let found = &catalog[name][version];
        found.requires.iter().all(|(other, requirement)| meets(other, requirement))
            && !found.conflicts.iter().any(|(other, requirement)| meets(other, requirement))
            && (found.yanked.is_none() || spared.get(name) == Some(version))
    };
    ask.wants.iter().all(|want| meets(&want.feature, &want.requirement))
        && !ask.opt_outs.iter().any(|out| choice.contains_key(&out.feature))
        && choice.iter().all(is_good)
}

fn solved(
    ask: &Ask,
    catalog: &Catalog,
    lock: Option<&Lock>,
    updates: &[Update],
) -> Option<BTreeMap<FeatureName, Version>> {
    let sets = requirement_sets(std::slice::from_ref(ask));
    let resolution = resolve(sets, catalog, lock, updates).ok()?;
    let gets = &resolution.sets.first()?.gets;
    Some(gets.iter().map(|(name, chosen)| (name.clone(), chosen.version.clone())).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_answer_is_all_that_was_asked_and_a_conflict_really_is_one(world in small()) {
        let (catalog, ask) = (world.catalog(), world.ask());
        let nothing = BTreeMap::new();
        if let Some(choice) = solved(&ask, &catalog, None, &[]) {
            prop_assert!(is_valid(&choice, &ask, &catalog, &nothing), "{choice:?}");
        } else {
            let choices = world.choices();
            let missed = choices.iter().find(|choice| is_valid(choice, &ask, &catalog, &nothing));
            prop_assert_eq!(missed, None);
        }
    }

    #[test]
    fn the_order_of_what_comes_in_decides_nothing(world in small(), turn in 0..4_usize) {
        let (catalog, ask) = (world.catalog(), world.ask());
        let mut other = ask.clone();
        other.wants.reverse();
        let length = other.wants.len();
        other.wants.rotate_left(turn % length);
        other.site = "b.example".parse().unwrap();
        let both = [&[ask.clone(), other.clone()], &[other, ask]].map(|asks: &[Ask; 2]| {
            resolve(requirement_sets(asks), &catalog, None, &[]).map(|resolution| resolution.choice())
        });
        prop_assert_eq!(&both[0], &both[1]);
    }

    #[test]
    fn what_is_locked_and_still_good_does_not_move(world in small()) {
        let (catalog, ask) = (world.catalog(), world.ask());
        // A lock that is a good answer, though not the newest.
        let good: Vec<_> = world.choices().into_iter().filter(|choice| {
            is_valid(choice, &ask, &catalog, choice)
        }).collect();
        if good.is_empty() {
            return Ok(());
        }
        let before = &good[world.locked[0] % good.len()];
        let set = requirement_sets(std::slice::from_ref(&ask)).remove(0).set;
        let lock = locked(set, before.clone());
        let after = solved(&ask, &catalog, Some(&lock), &[]).unwrap();
        // What nothing needs any more goes; all the rest is as it was.
        for (name, version) in &after {
            prop_assert_eq!(before.get(name), Some(version));
        }
        prop_assert_eq!(solved(&ask, &catalog, Some(&Lock::of(&resolve(
            requirement_sets(std::slice::from_ref(&ask)), &catalog, Some(&lock), &[]).unwrap())), &[]), Some(after));
    }

    #[test]
    fn a_newcomer_moves_nobody_if_there_is_a_way(world in small(), more in relation()) {
        let (catalog, ask) = (world.catalog(), world.ask());
        let Some(before) = solved(&ask, &catalog, None, &[]) else { return Ok(()) };
        let set = requirement_sets(std::slice::from_ref(&ask)).remove(0).set;
        let lock = locked(set, before.clone());
        let mut asks_more = ask.clone();
        asks_more.opt_outs.retain(|out| out.feature != name(more.0));
        asks_more.wants.push(want(&format!("{} {}", NAMES[more.0], range(&more)), 9));
        let keeps = |choice: &BTreeMap<FeatureName, Version>| {
            before.iter().all(|(name, version)| choice.get(name) == Some(version))
        };
        let is_way = world.choices().iter().any(|choice| {
            keeps(choice) && is_valid(choice, &asks_more, &catalog, &BTreeMap::new())
        });
        if is_way {
            prop_assert!(keeps(&solved(&asks_more, &catalog, Some(&lock), &[]).unwrap()));
        }
    }

    #[test]
    fn an_update_goes_to_the_newest_that_there_is_a_way_to(world in small()) {
        let (catalog, ask) = (world.catalog(), world.ask());
        let Some(before) = solved(&ask, &catalog, None, &[]) else { return Ok(()) };
        let moved = &ask.wants[0].feature;
        let set = requirement_sets(std::slice::from_ref(&ask)).remove(0).set;
        let lock = locked(set, before);
        let update = Update { feature: Some(moved.clone()), requirement: None };
        let after = solved(&ask, &catalog, Some(&lock), &[update]).unwrap();
        let good = world.choices().into_iter().filter(|choice| is_valid(choice, &ask, &catalog, &BTreeMap::new()));
        let newest = good.filter_map(|choice| choice.get(moved).cloned()).max();
        prop_assert_eq!(after.get(moved), newest.as_ref());
    }
}

/// Whether all of a choice is asked for, or needed by what is.
fn is_needed(choice: &BTreeMap<FeatureName, Version>, ask: &Ask, catalog: &Catalog) -> bool {
    let mut open: Vec<&FeatureName> = ask.wants.iter().map(|want| &want.feature).collect();
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(version) = choice.get(name).filter(|_| found.insert(name.clone())) else {
            continue;
        };
        open.extend(catalog[name][version].requires.keys());
    }
    choice.keys().all(|name| found.contains(name))
}

/// A lock that has what may have been yanked since.
fn settled(world: &Small) -> Option<(BTreeMap<FeatureName, Version>, Catalog, Ask, Lock)> {
    let (catalog, ask) = (world.catalog(), world.ask());
    let choices = world.choices();
    let good = choices.iter().filter(|choice| is_valid(choice, &ask, &catalog, choice));
    let good: Vec<_> = good.filter(|choice| is_needed(choice, &ask, &catalog)).collect();
    let before = (*good.get(world.locked[0] * 7 % good.len().max(1))?).clone();
    let set = requirement_sets(std::slice::from_ref(&ask)).remove(0).set;
    let mut lock = locked(set, before.clone());
    lock.sets.values_mut().for_each(|known| known.sites = [ask.site.clone()].into());
    Some((before, catalog, ask, lock))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn an_update_goes_to_the_newest_that_was_not_yanked_and_is_never_refused(
        world in small(), everything in proptest::bool::ANY,
    ) {
        let Some((before, catalog, ask, lock)) = settled(&world) else { return Ok(()) };
        // Of an update of everything the first feature by name is the one that goes as far as it can.
        let names = ask.wants.iter().map(|want| &want.feature);
        let moved = if everything { names.min() } else { names.max() }.unwrap();
        let update = Update { feature: (!everything).then(|| moved.clone()), requirement: None };
        let after = solved(&ask, &catalog, Some(&lock), &[update]);
        let after = after.expect("what is locked would do");
        prop_assert!(is_valid(&after, &ask, &catalog, &before));
        let choices = world.choices();
        let good = choices.iter().filter(|choice| is_valid(choice, &ask, &catalog, &before));
        let rank = |version: &Version| (catalog[moved][version].yanked.is_none(), version.clone());
        let best = good.filter_map(|choice| choice.get(moved)).max_by_key(|version| rank(version));
        prop_assert_eq!(after.get(moved), best);
    }

    #[test]
    fn who_asks_in_other_words_keeps_all_that_may_stay(world in small(), more in relation()) {
        let Some((before, catalog, ask, lock)) = settled(&world) else { return Ok(()) };
        let mut other = ask;
        other.opt_outs.retain(|out| out.feature != name(more.0));
        other.wants.push(want(&format!("{} {}", NAMES[more.0], range(&more)), 9));
        let choices = world.choices();
        let is_way = choices.iter().any(|choice| {
            let keeps = before.iter().all(|(name, version)| choice.get(name) == Some(version));
            keeps && is_valid(choice, &other, &catalog, &before)
        });
        if is_way {
            let after = solved(&other, &catalog, Some(&lock), &[]).expect("there is a way");
            for (name, version) in after.iter().filter_map(|(name, to)| Some((before.get(name)?, to))) {
                prop_assert_eq!(name, version);
            }
        }
    }
}
